import type { DesiredObject } from '../../../protocol/objects.ts';
import { asPod, boundNode, controllerObject, controllerOf, isActive, isDeleting, nodeStanding } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { slotStanding } from '../controllers/slots.ts';
import { viewStatefulSet } from '../controllers/stateful/stateful-view.ts';
import { claimKeysOf } from '../storage/claims.ts';
import { isMajority } from './policy.ts';

/** A cluster this small has no majority to ask for after a loss. */
const SMALL_CLUSTER_MEMBERS = 2;

/** How a member's node came to run nothing that can be relied on: it is dead, or it lives and says that it is not ready. */
export type NodeLoss = 'dead' | 'unready';

export function lossOf(view: ClusterIndex, node: string): NodeLoss | undefined {
  const standing = nodeStanding(view, node);
  if (standing === 'dead') return 'dead';
  return standing !== 'absent' && view.nodeUnreadySince(node) !== undefined ? 'unready' : undefined;
}

/**
 * Whether a pod lost its node and is to be replaced: `slot` through its owner's slot, `bare` as the next life of its own key (nobody controls it, or a StatefulSet). A pod of a node that was
 * removed is no orphan: it is ended and replaced in the ordinary way.
 */
export function orphanCase(view: ClusterIndex, pod: DesiredObject): 'slot' | 'bare' | undefined {
  const node = boundNode(pod);
  if (node === undefined || lossOf(view, node) === undefined || !isActive(view, pod)) return undefined;
  // Its data is on that node.
  if (claimKeysOf(pod).length > 0) return undefined;
  const { kind } = controllerOf(pod) ?? {};
  if (kind === undefined || (kind === 'StatefulSet' && isNumbered(view, pod))) return isBareCase(view, pod) ? 'bare' : undefined;
  if (slotStanding(view, pod) !== 'kept') return undefined;
  const owner = controllerObject(view, pod);
  return owner === undefined || isDeleting(owner) ? undefined : 'slot';
}

/** Its set still asks for the pod. It has no slot, but a name; that no second copy runs is for leases to see to. */
function isNumbered(view: ClusterIndex, pod: DesiredObject): boolean {
  const owner = controllerObject(view, pod);
  return owner !== undefined && !isDeleting(owner) && viewStatefulSet(view, owner, 0).wanted.some(({ key }) => key === pod.key);
}

/** Its grave is for ever, so its author must not be the one that is cut off. */
function isBareCase(view: ClusterIndex, pod: DesiredObject): boolean {
  if ((asPod(pod).spec.restartPolicy ?? 'Always') !== 'Always') return false;
  if ((pod.object.metadata.finalizers?.length ?? 0) > 0) return false;
  return view.membersKnown <= SMALL_CLUSTER_MEMBERS || isMajority(view.membersSeen, view.membersKnown);
}
