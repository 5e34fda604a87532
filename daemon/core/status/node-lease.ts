import { deriveDependentUid } from '../../../protocol/identity.ts';
import type { KubeObject, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import { formatMicroTime, parseTime } from '../../../protocol/values/time.ts';
import type { ClusterView } from '../cluster/view.ts';
import { NODE_LEASE_NAMESPACE } from './usage-keys.ts';

/** As kubelets have it. A node tells of itself every 15 s (`usageEveryMs`). */
const DURATION_SECONDS = 40;

/**
 * The Lease of a node: when it last told of itself, by its own clock. It is shown for who reads it (`kubectl describe node`), stored nowhere, and decides nothing: whether
 * a node lives is asked of the failure detector. A dead node's stays as it was.
 */
export function renderNodeLease(view: ClusterView, key: ObjectKey): KubeObject | undefined {
  const { namespace, name } = parseObjectKey(key);
  const node = namespace === NODE_LEASE_NAMESPACE ? (view.get(objectKey('nodes', '', name))?.object as Node | undefined) : undefined;
  const renewTime = node === undefined ? undefined : lastTold(view, name);
  if (node === undefined || renewTime === undefined) return undefined;
  const { uid, creationTimestamp } = node.metadata;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      uid: deriveDependentUid(uid, key),
      creationTimestamp,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: DURATION_SECONDS, renewTime: formatMicroTime(renewTime) },
  };
}

/** Wall ms. Before it has said what it uses (15 s after its start), its conditions tell. */
function lastTold(view: ClusterView, name: string): number | undefined {
  const conditions = view.nodeReport(name)?.status.conditions ?? [];
  const times = [view.usageReport(name)?.at, ...conditions.map(({ lastHeartbeatTime }) => lastHeartbeatTime)];
  const known = times.flatMap((time) => (time === undefined ? [] : (parseTime(time) ?? [])));
  return known.length === 0 ? undefined : Math.max(...known);
}
