import { boundNode, isTerminal, nodeStanding } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/** Whether this peer has still to hear of a member, or of a pod that a living node runs: so it is for a moment after its start. */
export function isStillHearing(view: ClusterView): boolean {
  if (!view.complete || view.members().some(({ state }) => state === 'suspected')) return true;
  return view.list('pods').some((pod) => {
    const node = boundNode(pod);
    return node !== undefined && nodeStanding(view, node) === 'alive' && !isTerminal(view, pod) && !view.isCurrentReport(pod.uid, node);
  });
}
