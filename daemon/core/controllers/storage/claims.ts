import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject, StoredObject } from '../../../../protocol/objects.ts';
import { boundNode, isDeleting, isTerminal } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, Now } from '../../decisions.ts';
import { buryMutation } from '../../deletion.ts';
import {
  affinityTo,
  CLAIM_PROTECTION,
  claimKeyOfVolume,
  isBound,
  isLocalVolume,
  isReleased,
  nodeOfClaim,
  nodeOfVolume,
  usersOf,
  volumeNameOf,
  VOLUME_PROTECTION,
  volumeSpec,
  whyNoVolume,
} from '../../storage/claims.ts';
import { deleteMutations } from '../deletion-world.ts';

/** A claim is kept while pods use it, and says what it waits for. */
export function planClaim(view: ClusterIndex, claim: DesiredObject, now: Now): Decision[] {
  const finalizers = claim.object.metadata.finalizers ?? [];
  if (isDeleting(claim)) {
    if (!finalizers.includes(CLAIM_PROTECTION)) return [];
    const used = usersOf(view, claim).some((pod) => boundNode(pod) !== undefined && !isTerminal(view, pod));
    return used ? [] : [{ do: 'write', mutations: released(claim, CLAIM_PROTECTION, now), reason: 'no pod uses it' }];
  }
  if (!finalizers.includes(CLAIM_PROTECTION)) {
    const next = withFinalizers(claim.object, [...finalizers, CLAIM_PROTECTION]);
    return [{ do: 'write', mutations: [updated(claim, next)], reason: 'a claim is kept while pods use it' }];
  }
  if (isBound(claim)) return [];
  const { reason, message } = whyNoVolume(view, claim) ?? {
    reason: 'WaitForFirstConsumer',
    message: 'waiting for first consumer to be created before binding',
  };
  const type = reason === 'ProvisioningFailed' ? 'Warning' : 'Normal';
  return [{ do: 'event', event: { about: claim.object, type, reason, message, component: 'persistentvolume-controller' } }];
}

/** A volume goes after its claim, or is kept, as its reclaim policy says. Its node removes the folder, and then lets it go. */
export function planVolume(view: ClusterIndex, volume: DesiredObject, now: Now): Decision[] {
  if (!isLocalVolume(volume)) return [];
  const isKept = volumeSpec(volume).persistentVolumeReclaimPolicy !== 'Delete';
  if (!isReleased(view, volume)) return isDeleting(volume) ? [] : followClaim(view, volume);
  if (!isDeleting(volume)) {
    return isKept ? [] : [{ do: 'write', mutations: deleteMutations(view, volume, now.wall), reason: 'its claim is gone' }];
  }
  if (volume.object.metadata.finalizers?.includes(VOLUME_PROTECTION) !== true) return [];
  const node = nodeOfVolume(volume) ?? '';
  if (!isKept && view.memberOfNode(node) !== undefined) return [];
  const reason = isKept ? 'its data is kept' : `its node ${node} is no member of the cluster`;
  return [{ do: 'write', mutations: released(volume, VOLUME_PROTECTION, now), reason }];
}

/** Of two leaders' choices of a node the claim's is the one that counts. */
function followClaim(view: ClusterIndex, volume: DesiredObject): Decision[] {
  const key = claimKeyOfVolume(volume);
  const claim = key === undefined ? undefined : view.get(key);
  if (claim === undefined || volumeNameOf(claim) !== volume.object.metadata.name) return [];
  const node = nodeOfClaim(view, claim);
  if (node === undefined || node === nodeOfVolume(volume)) return [];
  const next = { ...volume.object, spec: { ...volumeSpec(volume), nodeAffinity: affinityTo(node) } };
  return [{ do: 'write', mutations: [updated(volume, next)], reason: `its claim is bound on ${node}` }];
}

/** Takes a finalizer away; the object goes with its last one. */
export function released(desired: DesiredObject, finalizer: string, now: Pick<Now, 'wall'>): Mutation[] {
  const left = (desired.object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
  return left.length === 0 ? [buryMutation(desired, now.wall)] : [updated(desired, withFinalizers(desired.object, left))];
}

function withFinalizers(object: StoredObject, finalizers: string[]): StoredObject {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

function updated({ key, uid, object }: DesiredObject, next: StoredObject): Mutation {
  return { type: 'update', key, uid, base: object, next };
}
