import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { priorityOf } from '../admission/priority.ts';
import { asPod, boundNode, isActive, podName } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { slotStanding } from '../controllers/slots.ts';
import type { Decision, Now } from '../decisions.ts';
import { bindClaims } from '../controllers/storage/pod-claims.ts';
import { deleteMutations } from '../controllers/deletion-world.ts';
import { nodeTableOf } from './node-table.ts';
import { placePods } from './place.ts';
import { planPreemption } from './preempt.ts';

const COMPONENT = 'default-scheduler';

/**
 * Binds pods that have no node yet, the most important first, then the oldest. Safe when two leaders do it: a pod's binding is one value, and the merge picks the same winner everywhere.
 * FailedScheduling is told each time; whoever records it keeps repeats of the same words down.
 */
export function planBindings(view: ClusterIndex, pods: readonly DesiredObject[], now: Now): Decision[] {
  const waiting = pods.filter((pod) => isSchedulable(view, pod)).sort(byImportance);
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
    const claims = bindClaims(view, pod, node);
    const binds: Mutation = { type: 'update', key: pod.key, uid: pod.uid, base: pod.object, next };
    decisions.push({ do: 'write', mutations: [binds, ...claims.mutations], reason });
    for (const event of claims.events) decisions.push({ do: 'event', event });
    const message = `Successfully assigned ${podName(pod)} to ${node}`;
    decisions.push({ do: 'event', event: { about: pod.object, type: 'Normal', reason: 'Scheduled', message, component: COMPONENT } });
  }
  const evicted = new Set<string>();
  for (const { pod, message } of unplaced) {
    decisions.push(...planEvictions(view, pod, evicted, now));
    decisions.push({
      do: 'event',
      event: { about: pod.object, type: 'Warning', reason: 'FailedScheduling', message, component: COMPONENT },
    });
  }
  return decisions;
}

/** Makes room for a pod that is more important than others; it is bound once they are gone. */
function planEvictions(view: ClusterIndex, pod: DesiredObject, evicted: Set<string>, now: Now): Decision[] {
  if (priorityOf(asPod(pod).spec) <= lowestPriority(view)) return [];
  const plan = planPreemption(view, nodeTableOf(view), pod, evicted);
  if (plan === undefined) return [];
  return plan.victims.flatMap((victim): Decision[] => {
    evicted.add(victim.uid);
    const mutations = deleteMutations(view, victim, now.wall);
    if (mutations.length === 0) return [];
    const message = `Preempted by pod ${pod.uid} on node ${plan.node}`;
    return [
      { do: 'write', mutations, reason: `${podName(victim)} makes room for ${podName(pod)} on ${plan.node}` },
      { do: 'event', event: { about: victim.object, type: 'Normal', reason: 'Preempted', message, component: COMPONENT } },
    ];
  });
}

const lowest = new WeakMap<ClusterIndex, { version: number; priority: number }>();

/** Of all pods that run somewhere: in most clusters all are alike, and nothing is looked for. */
function lowestPriority(view: ClusterIndex): number {
  const known = lowest.get(view);
  if (known?.version === view.version) return known.priority;
  let priority = Number.POSITIVE_INFINITY;
  for (const pod of view.list('pods')) if (boundNode(pod) !== undefined) priority = Math.min(priority, priorityOf(asPod(pod).spec));
  lowest.set(view, { version: view.version, priority });
  return priority;
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

/** The most important first, then the oldest. */
function byImportance(left: DesiredObject, right: DesiredObject): number {
  const [low, high] = [priorityOf(asPod(left).spec), priorityOf(asPod(right).spec)];
  if (low !== high) return high - low;
  const [earlier, later] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
