import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { boundNode } from '../cluster/pods.ts';
import { buryMutation, planDeletion, type DeletionRequest } from '../deletion.ts';

/**
 * Deletes a dependent. A pod whose node will not answer is buried at once: its node stops what is buried when it returns.
 */
export function deleteMutations(
  view: ClusterView,
  target: DesiredObject,
  wallMs: number,
  request: Pick<DeletionRequest, 'propagation' | 'disruption'> = {},
): Mutation[] {
  if (isBoundToLostNode(view, target) && !holdsFinalizers(target)) return [buryMutation(target, wallMs)];
  return planDeletion({ nodeIsMember: (node) => view.memberOfNode(node) !== undefined }, target, request, wallMs).mutations;
}

/** Whether nobody is there to stop the pod: its node is dead, or no member's. */
export function isBoundToLostNode(view: ClusterView, pod: DesiredObject): boolean {
  const node = boundNode(pod);
  if (node === undefined) return false;
  const member = view.memberOfNode(node);
  return member === undefined || member.state === 'dead';
}

export function holdsFinalizers(desired: DesiredObject): boolean {
  return (desired.object.metadata.finalizers?.length ?? 0) > 0;
}
