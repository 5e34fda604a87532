import { saysUnready } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/** Whether the node, being alive and ready itself, says that the pod is ready there. */
export function isReadyOn(view: ClusterView, uid: string, node: string): boolean {
  const member = view.memberOfNode(node);
  if (node !== view.self.node && member?.state !== 'alive') return false;
  if (saysUnready(view.nodeReport(node))) return false;
  const conditions = view.podReport(uid, node)?.status.conditions ?? [];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
