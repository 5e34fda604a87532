import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ReplicaSetSpec } from '../../../protocol/types.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Now } from '../decisions.ts';
import { countReplicas } from './replica-status.ts';

/** Monotonic ms when a workload will show something else though no change arrives: its next ready pod becomes available. Undefined: never. */
export function nextChangeAt(view: ClusterIndex, key: ObjectKey, now: Now): number | undefined {
  const desired = view.get(key);
  if (desired === undefined) return undefined;
  const waiting = countedOwners(view, desired).filter(
    ({ object }) => ((object.spec as ReplicaSetSpec | undefined)?.minReadySeconds ?? 0) > 0,
  );
  const soonest = Math.min(...waiting.map((owner) => countReplicas(view, owner, now.wall).nextAvailableAt ?? Infinity));
  return Number.isFinite(soonest) ? now.monotonic + Math.max(0, soonest - now.wall) : undefined;
}

function countedOwners(view: ClusterIndex, desired: DesiredObject): readonly DesiredObject[] {
  switch (parseObjectKey(desired.key).resource) {
    case 'replicasets.apps':
    case 'replicationcontrollers':
      return [desired];
    case 'deployments.apps':
      return view.ownedBy(desired.uid);
    default:
      return [];
  }
}
