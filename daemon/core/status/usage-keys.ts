import { NODE_METRICS, POD_METRICS } from '../../../protocol/kinds/stored/metrics.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';

export const LEASES = 'leases.coordination.k8s.io';
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** Keys of what is shown anew of a node that says what it uses. */
export function keysOfUsage(node: string): ObjectKey[] {
  return [objectKey(NODE_METRICS, '', node), objectKey(LEASES, NODE_LEASE_NAMESPACE, node)];
}

export function metricsOf({ object }: DesiredObject): ObjectKey {
  return objectKey(POD_METRICS, object.metadata.namespace ?? '', object.metadata.name);
}
