import type { DesiredObject } from '../../../protocol/objects.ts';
import { controllerObject } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { partitionPolicy } from '../heirs/policy.ts';

/** What of a pod may run at most once: `any` number of copies of it, or one of what is named; `unknown` while its owner, which may say so, has not come here. */
export type Exclusive = { is: 'any' } | { is: 'unknown' } | { is: 'one'; resource: string };

/**
 * A slot of its owner, whatever generation fills it, and whatever life of the owner; or the pod's own name. The slots of a Deployment that recreates are those of all its
 * ReplicaSets together; of one that rolls each ReplicaSet has its own, as old and new are to run side by side.
 */
export function exclusiveOf(view: ClusterView, pod: DesiredObject): Exclusive {
  const slot = pod.object.kith?.slot;
  const owner = controllerObject(view, pod);
  if (slot !== undefined && owner === undefined) return { is: 'unknown' };
  if (partitionPolicy(view, pod) !== 'majority') return { is: 'any' };
  if (slot === undefined || owner === undefined) return { is: 'one', resource: pod.key };
  return { is: 'one', resource: `${keeperOf(view, owner)}/${slot.slot}` };
}

function keeperOf(view: ClusterView, owner: DesiredObject): string {
  const above = controllerObject(view, owner);
  const strategy = (above?.object.spec as { strategy?: { type?: string } } | undefined)?.strategy?.type;
  return above !== undefined && strategy === 'Recreate' ? above.key : owner.key;
}
