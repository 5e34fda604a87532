import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, Now } from '../decisions.ts';
import { planDeployment } from './deployment.ts';
import { planGarbage } from './garbage.ts';
import { planDefaultNamespaces, planNamespace } from './namespaces.ts';
import { planLongAbsence, planMissingNodes, planNodeEnd, planNodeLabels, planVoidedMembers } from './nodes.ts';
import { planPodEnd } from './pod-lifecycle.ts';
import { planReplicas } from './replicas.ts';

/** The leader's controllers: what is to be done about one object. Scheduling and heirs look at many at once and stand beside it. */
export function planControllers(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const desired = view.get(key);
  if (desired === undefined) return [];
  const garbage = planGarbage(view, desired, now);
  if (garbage.length > 0) return garbage;
  switch (parseObjectKey(key).resource) {
    case 'replicasets.apps':
    case 'replicationcontrollers':
      return planReplicas(view, key, now);
    case 'deployments.apps':
      return planDeployment(view, key, now);
    case 'pods':
      return planPodEnd(view, desired, now);
    case 'namespaces':
      return planNamespace(view, desired, now);
    case 'nodes':
      return [...planNodeEnd(view, desired, now), ...planNodeLabels(view, desired), ...planLongAbsence(view, desired, now)];
    default:
      return [];
  }
}

/** What the leader sees to whatever changed. */
export function planFoundations(view: ClusterIndex, now: Now): Decision[] {
  return [...planDefaultNamespaces(view), ...planMissingNodes(view), ...planVoidedMembers(view, now)];
}
