import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { priorityOf } from '../admission/priority.ts';
import { asPod, isActive, isGated, podName } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { slotStanding } from '../controllers/slots.ts';
import type { Decision, EventDraft, Now } from '../decisions.ts';
import { bindClaims } from '../controllers/storage/pod-claims.ts';
import { deleteMutations } from '../controllers/deletion-world.ts';
import { nodeTableOf } from './node-table.ts';
import { placePods } from './place.ts';
import { lowestPriority, planPreemption } from './preempt.ts';

const COMPONENT = 'default-scheduler';

/**
 * Binds pods that have no node yet, the most important first, then the oldest. Safe when two leaders do it: a pod's binding is one value, and the merge picks the same winner everywhere.
 * FailedScheduling is told each time; whoever records it keeps repeats of the same words down.
 */
export function planBindings(view: ClusterIndex, pods: readonly DesiredObject[], now: Now): Decision[] {
  return planPlacements(view, pods, [], now).decisions;
}

/** @param made pods that are about to be made: theirs are no decisions but bindings, by key; who finds no place is bound later */
export function planPlacements(
  view: ClusterIndex,
  pods: readonly DesiredObject[],
  made: readonly DesiredObject[],
  now: Now,
): { decisions: Decision[]; bindings: ReadonlyMap<ObjectKey, Binding> } {
  const waiting = pods.filter((pod) => isSchedulable(view, pod));
  const decisions: Decision[] = [];
  const bindings = new Map<ObjectKey, Binding>();
  if (waiting.length + made.length === 0) return { decisions, bindings };
  const { placed, unplaced } = placePods(view, [...waiting, ...made].sort(byImportance));
  const unmade = new Set(made);
  for (const { pod, node } of placed) {
    const binding = bindingTo(view, node, now);
    if (unmade.has(pod)) {
      bindings.set(pod.key, binding);
      continue;
    }
    const next = { ...pod.object, kith: { ...pod.object.kith, binding } };
    const reason = `${node} has the fewest pods of its controller and the most room`;
    const claims = bindClaims(view, pod, node);
    const binds: Mutation = { type: 'update', key: pod.key, uid: pod.uid, base: pod.object, next };
    decisions.push({ do: 'write', mutations: [binds, ...claims.mutations], reason });
    for (const event of claims.events) decisions.push({ do: 'event', event });
    decisions.push({ do: 'event', event: scheduledEvent(pod.object, node) });
  }
  const evicted = new Set<string>();
  for (const { pod, message } of unplaced) {
    if (unmade.has(pod)) continue;
    decisions.push(...planEvictions(view, pod, evicted, now));
    decisions.push({
      do: 'event',
      event: { about: pod.object, type: 'Warning', reason: 'FailedScheduling', message, component: COMPONENT },
    });
  }
  return { decisions, bindings };
}

function bindingTo(view: ClusterIndex, node: string, now: Now): Binding {
  const { membersSeen, membersKnown, leader } = view;
  return { node, membersSeen, membersKnown, term: leader.term, by: 'leader', rank: 0, at: formatTime(now.wall) };
}

export function scheduledEvent(about: StoredObject, node: string): EventDraft {
  const { name, namespace = '' } = about.metadata;
  const message = `Successfully assigned ${namespace}/${name} to ${node}`;
  return { about, type: 'Normal', reason: 'Scheduled', message, component: COMPONENT };
}

/** Makes room for a pod that is more important than others; it is bound once they are gone. */
function planEvictions(view: ClusterIndex, pod: DesiredObject, evicted: Set<string>, now: Now): Decision[] {
  if (priorityOf(asPod(pod).spec) <= lowestPriority(view)) return [];
  const plan = planPreemption(view, nodeTableOf(view), pod, evicted);
  if (plan === undefined) return [];
  return plan.victims.flatMap((victim): Decision[] => {
    evicted.add(victim.uid);
    const mutations = deleteMutations(view, victim, now.wall, { disruption: 'preemption' });
    if (mutations.length === 0) return [];
    const message = `Preempted by pod ${pod.uid} on node ${plan.node}`;
    return [
      { do: 'write', mutations, reason: `${podName(victim)} makes room for ${podName(pod)} on ${plan.node}` },
      { do: 'event', event: { about: victim.object, type: 'Normal', reason: 'Preempted', message, component: COMPONENT } },
    ];
  });
}

/** Whether our scheduler is to place this pod. */
export function isSchedulable(view: ClusterIndex, pod: DesiredObject): boolean {
  if (pod.object.kith?.binding !== undefined || !isActive(view, pod) || !isForUs(pod)) return false;
  const standing = slotStanding(view, pod);
  return standing !== 'surplus' && standing !== 'superseded';
}

/** By what its spec says. */
export function isForUs(pod: DesiredObject): boolean {
  const { spec } = asPod(pod);
  const { schedulerName = '' } = spec;
  return (schedulerName === '' || schedulerName === COMPONENT) && !isGated(spec);
}

/** The most important first, then the oldest. */
function byImportance(left: DesiredObject, right: DesiredObject): number {
  const [low, high] = [priorityOf(asPod(left).spec), priorityOf(asPod(right).spec)];
  if (low !== high) return high - low;
  const [earlier, later] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
