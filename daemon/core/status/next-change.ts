import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ReplicaSetSpec } from '../../../protocol/types.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Now } from '../decisions.ts';
import { availableAt } from './availability.ts';
import { countReplicas } from './replica-status.ts';

/** Monotonic ms when a workload will show something else though no change arrives: its next ready pod becomes available. Undefined: never. */
export function nextChangeAt(view: ClusterIndex, key: ObjectKey, now: Now): number | undefined {
  const desired = view.get(key);
  if (desired === undefined) return undefined;
  const { minReadySeconds = 0 } = (desired.object.spec as ReplicaSetSpec | undefined) ?? {};
  if (minReadySeconds > 0 && OWNERS_OF_PODS.includes(parseObjectKey(key).resource)) {
    const later = view.ownedBy(desired.uid).map((pod) => availableAt(view, pod, minReadySeconds) ?? 0);
    return wakeAt(
      later.filter((at) => at > now.wall),
      now,
    );
  }
  const waiting = countedOwners(view, desired).filter(
    ({ object }) => ((object.spec as ReplicaSetSpec | undefined)?.minReadySeconds ?? 0) > 0,
  );
  return wakeAt(
    waiting.map((owner) => countReplicas(view, owner, now.wall).nextAvailableAt ?? Infinity),
    now,
  );
}

const OWNERS_OF_PODS: readonly string[] = ['daemonsets.apps', 'statefulsets.apps'];

/** @param times milliseconds since 1970 */
function wakeAt(times: readonly number[], now: Now): number | undefined {
  const soonest = Math.min(...times);
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
