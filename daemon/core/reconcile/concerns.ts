import { NODE_METRICS, POD_METRICS } from '../../../protocol/kinds/stored/metrics.ts';
import type { GroupResource, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey, resourceOf } from '../../../protocol/objects.ts';
import { boundNode, controllerObject } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { PodCase } from './judge.ts';

/** Controllers above a pod: its ReplicaSet, its Deployment, and one to spare. */
const MAX_OWNERS = 4;

/** What is named by every change of any pod or host, in a wide cluster all the time: only those that have to do with this node's own pods matter here. */
const NAMED_BY_ANY_POD: ReadonlySet<GroupResource> = new Set([
  'pods',
  'nodes',
  'members.kith.dev',
  POD_METRICS,
  NODE_METRICS,
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'replicationcontrollers',
  'jobs.batch',
  'cronjobs.batch',
  'horizontalpodautoscalers.autoscaling',
  'poddisruptionbudgets.policy',
  'resourcequotas',
]);

/** This node, its pods, and the controllers above them, whose slots say which of two copies stays. */
export function ownConcerns(view: ClusterView, cases: Iterable<PodCase>): Set<ObjectKey> {
  const own = new Set<ObjectKey>([objectKey('nodes', '', view.self.node), objectKey('members.kith.dev', '', view.self.peer)]);
  for (const { key, desired } of cases) {
    own.add(key);
    let owner = desired === undefined ? undefined : controllerObject(view, desired);
    for (let depth = 0; depth < MAX_OWNERS && owner !== undefined && !own.has(owner.key); depth += 1) {
      own.add(owner.key);
      owner = controllerObject(view, owner);
    }
  }
  return own;
}

/** Whether what is to be done about this node's pods may be another thing after these changes of the view. In doubt it may. */
export function concernsNode(view: ClusterView, changed: Iterable<ObjectKey>, own: ReadonlySet<ObjectKey>): boolean {
  for (const key of changed) {
    if (own.has(key)) return true;
    const resource = resourceOf(key);
    if (!NAMED_BY_ANY_POD.has(resource)) return true;
    const pod = resource === 'pods' ? view.get(key) : undefined;
    if (pod !== undefined && boundNode(pod) === view.self.node) return true;
  }
  return false;
}
