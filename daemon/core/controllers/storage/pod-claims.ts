import type { Mutation } from '../../../../protocol/desired.ts';
import type { DesiredObject } from '../../../../protocol/objects.ts';
import { parseObjectKey } from '../../../../protocol/objects.ts';
import { boundNode, controllerOf, isActive, isDeleting } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../../decisions.ts';
import { moveBarePod } from '../../heirs/moves.ts';
import { lossOf } from '../../heirs/orphans.ts';
import {
  boundClaim,
  claimKeysOf,
  classOf,
  isBound,
  nodeOfClaim,
  volumeKeyOf,
  volumeNameOf,
  volumeObject,
  whyNoVolume,
} from '../../storage/claims.ts';
import { deleteMutations } from '../deletion-world.ts';

/** Binds the claims of a pod that is put on a node, those that are not bound yet. Goes with the pod's own binding, so that its node hears of both at once. */
export function bindClaims(view: ClusterIndex, pod: DesiredObject, node: string): { mutations: Mutation[]; events: EventDraft[] } {
  const bound: { mutations: Mutation[]; events: EventDraft[] } = { mutations: [], events: [] };
  for (const key of claimKeysOf(pod)) {
    const claim = view.get(key);
    if (claim === undefined || isDeleting(claim) || isBound(claim) || whyNoVolume(view, claim) !== undefined) continue;
    const storageClass = classOf(view, claim);
    if (storageClass === undefined) continue;
    const next = boundClaim(claim, storageClass.object.metadata.name, node);
    const object = volumeObject(claim, storageClass, node);
    bound.mutations.push(
      { type: 'create', key: volumeKeyOf(claim), object, orMerge: true },
      { type: 'update', key, uid: claim.uid, base: claim.object, next },
    );
    const message = `Successfully provisioned volume ${volumeNameOf(claim)}`;
    bound.events.push({ about: claim.object, type: 'Normal', reason: 'ProvisioningSucceeded', message, component: 'kith.dev/local' });
  }
  return bound;
}

/**
 * A pod with claims that is on a node already: binds what the scheduler did not (it was put there by its controller, or by hand), and sends it after its storage
 * where two leaders chose two nodes. On a dead node it waits: its data is there.
 */
export function planPodClaims(view: ClusterIndex, pod: DesiredObject, now: Now): Decision[] {
  const keys = claimKeysOf(pod);
  const node = boundNode(pod);
  if (keys.length === 0 || node === undefined || !isActive(view, pod)) return [];
  const places = keys.map((key) => {
    const claim = view.get(key);
    return claim === undefined ? undefined : nodeOfClaim(view, claim);
  });
  const elsewhere = places.find((place) => place !== undefined && place !== node);
  if (elsewhere !== undefined) return follow(view, pod, elsewhere, now);
  const loss = lossOf(view, node);
  if (loss !== undefined) {
    const names = keys.map((key) => parseObjectKey(key).name).join(', ');
    const message = `${node} is ${loss === 'dead' ? 'dead' : 'not ready'} and has the pod's local storage (${names}): it waits for the node. If the data is lost for good, delete the claim and the pod`;
    return [{ do: 'event', event: { about: pod.object, type: 'Warning', reason: 'WaitingForVolume', message, component: 'kith' } }];
  }
  const { mutations, events } = bindClaims(view, pod, node);
  if (mutations.length === 0) return [];
  return [{ do: 'write', mutations, reason: `its pod is on ${node}` }, ...events.map((event): Decision => ({ do: 'event', event }))];
}

/** The next pod is placed where the storage is. */
function follow(view: ClusterIndex, pod: DesiredObject, node: string, now: Now): Decision[] {
  const reason = `its storage is on ${node}`;
  const isBare = controllerOf(pod) === undefined && (pod.object.metadata.finalizers?.length ?? 0) === 0;
  const mutations = isBare ? moveBarePod(pod, undefined, now).mutations : deleteMutations(view, pod, now.wall);
  if (mutations.length === 0) return [];
  const message = `Local storage of the pod was bound on ${node}, by another leader: it moves there`;
  const event: EventDraft = { about: pod.object, type: 'Warning', reason: 'VolumeElsewhere', message, component: 'kith' };
  return [
    { do: 'write', mutations, reason },
    { do: 'event', event },
  ];
}
