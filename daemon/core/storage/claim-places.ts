import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { claimKeysOf, claimSpec, nodeOfClaim, whyNoVolume } from './claims.ts';

/** Upstream's words. Source: pkg/scheduler/framework/plugins/volumebinding and volumerestrictions. */
export const CONFLICT = 'node(s) had volume node affinity conflict';
const UNBOUND = 'pod has unbound immediate PersistentVolumeClaims';
const TAKEN = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

/** Where claims are, and those that are not bound yet will be: where pods that use them were put. */
export class ClaimPlaces {
  readonly #view: ClusterView;
  readonly #used = new Map<ObjectKey, { node: string; pod: string }>();

  constructor(view: ClusterView) {
    this.#view = view;
  }

  take(pod: DesiredObject, node: string): void {
    for (const key of claimKeysOf(pod)) if (!this.#used.has(key)) this.#used.set(key, { node, pod: pod.uid });
  }

  /** Why no node takes the pod. */
  refusalOf(pod: DesiredObject): string | undefined {
    for (const key of claimKeysOf(pod)) {
      const { name } = parseObjectKey(key);
      const claim = this.#view.get(key);
      if (claim === undefined) return `persistentvolumeclaim "${name}" not found`;
      if (claim.object.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
      if (nodeOfClaim(this.#view, claim) === undefined && whyNoVolume(this.#view, claim) !== undefined) return UNBOUND;
      const user = this.#used.get(key);
      const isAlone = claimSpec(claim).accessModes?.includes('ReadWriteOncePod') === true;
      if (isAlone && user !== undefined && user.pod !== pod.uid) return TAKEN;
    }
    return undefined;
  }

  /** Refuses nodes by their name; undefined for a pod whose claims are nowhere yet. */
  filterOf(pod: DesiredObject): ((node: string) => string | undefined) | undefined {
    const keys = claimKeysOf(pod);
    if (keys.length === 0) return undefined;
    const refusal = this.refusalOf(pod);
    if (refusal !== undefined) return () => refusal;
    const nodes = new Set(
      keys.flatMap((key) => {
        const claim = this.#view.get(key);
        return (claim === undefined ? undefined : nodeOfClaim(this.#view, claim)) ?? this.#used.get(key)?.node ?? [];
      }),
    );
    if (nodes.size === 0) return undefined;
    return (node) => (nodes.size === 1 && nodes.has(node) ? undefined : CONFLICT);
  }
}
