import type { Binding, DesiredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { asPod, isActive, podName } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { slotStanding } from '../controllers/slots.ts';
import type { Decision, Now } from '../decisions.ts';
import { placePods } from './place.ts';

const COMPONENT = 'default-scheduler';

/**
 * Binds pods that have no node yet, oldest first. Safe when two leaders do it: a pod's binding is one value, and the merge picks the same winner everywhere.
 * FailedScheduling is told each time; whoever records it keeps repeats of the same words down.
 */
export function planBindings(view: ClusterIndex, pods: readonly DesiredObject[], now: Now): Decision[] {
  const waiting = pods.filter((pod) => isSchedulable(view, pod)).sort(byAge);
  if (waiting.length === 0) return [];
  const { placed, unplaced } = placePods(view, waiting);
  const decisions: Decision[] = [];
  for (const { pod, node } of placed) {
    const binding: Binding = {
      node,
      membersSeen: view.membersSeen,
      membersKnown: view.membersKnown,
      term: view.leader.term,
      by: 'leader',
      rank: 0,
      at: formatTime(now.wall),
    };
    const next = { ...pod.object, kith: { ...pod.object.kith, binding } };
    const reason = `${node} has the fewest pods of its controller and the most room`;
    decisions.push({ do: 'write', mutations: [{ type: 'update', key: pod.key, uid: pod.uid, base: pod.object, next }], reason });
    const message = `Successfully assigned ${podName(pod)} to ${node}`;
    decisions.push({ do: 'event', event: { about: pod.object, type: 'Normal', reason: 'Scheduled', message, component: COMPONENT } });
  }
  for (const { pod, message } of unplaced) {
    decisions.push({
      do: 'event',
      event: { about: pod.object, type: 'Warning', reason: 'FailedScheduling', message, component: COMPONENT },
    });
  }
  return decisions;
}

/** Whether our scheduler is to place this pod. */
export function isSchedulable(view: ClusterIndex, pod: DesiredObject): boolean {
  if (pod.object.kith?.binding !== undefined || !isActive(view, pod)) return false;
  const { schedulerName, schedulingGates } = asPod(pod).spec;
  if (schedulerName !== undefined && schedulerName !== '' && schedulerName !== COMPONENT) return false;
  if (schedulingGates !== undefined && schedulingGates.length > 0) return false;
  const standing = slotStanding(view, pod);
  return standing !== 'surplus' && standing !== 'superseded';
}

function byAge(left: DesiredObject, right: DesiredObject): number {
  const [earlier, later] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
