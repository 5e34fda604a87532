/**
 * Preemption: a pod that fits nowhere, and is more important than others, has some of them evicted. Which: on the node where that violates the fewest disruption budgets, then takes
 * the least important pods, then the fewest. What is on its way out already is waited for instead. Only room is made (requests, places for pods, ports): rules about where other
 * pods run are taken as they are now. Source: pkg/scheduler/framework/preemption, defaultpreemption.
 */
import type { PodDisruptionBudgetStatus } from 'kubernetes-types/policy/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { preempts, priorityOf } from '../admission/priority.ts';
import { asPod, boundNode, isDeleting, isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { budgetStatus, isAbout } from '../status/budget-status.ts';
import type { NodeTable } from './node-table.ts';
import { shapeOf, type PodShape } from './pod-shape.ts';

export interface Preemption {
  node: string;
  /** In the order in which they are evicted; empty: others are on their way out, and then there is room. */
  victims: readonly DesiredObject[];
}

interface Candidate extends Preemption {
  violations: number;
  highest: number;
  sum: number;
}

const lowest = new WeakMap<ClusterIndex, { version: number; priority: number }>();

/** Of all pods that run somewhere: in most clusters all are alike, and nothing is looked for. */
export function lowestPriority(view: ClusterIndex): number {
  const known = lowest.get(view);
  if (known?.version === view.version) return known.priority;
  let priority = Number.POSITIVE_INFINITY;
  for (const pod of view.list('pods')) if (boundNode(pod) !== undefined) priority = Math.min(priority, priorityOf(asPod(pod).spec));
  lowest.set(view, { version: view.version, priority });
  return priority;
}

/** The first node where less important pods are on their way out, and once they are gone the pod has room: what `status.nominatedNodeName` tells. */
export function nominatedNode(view: ClusterIndex, table: NodeTable, pod: DesiredObject): string | undefined {
  const { spec } = asPod(pod);
  const [shape, priority] = [shapeOf(pod), priorityOf(spec)];
  if (!preempts(spec) || priority <= lowestPriority(view)) return undefined;
  const refusals = table.refusalsOf(pod, shape);
  const filter = table.filterOf(pod);
  for (const [index, node] of table.names.entries()) {
    if (refusals[index] !== undefined || filter?.(index) !== undefined) continue;
    const leaving = lowerOn(view, node, priority).filter(isDeleting);
    if (leaving.length > 0 && table.hasRoomWithout(index, shape, leaving.map(shapeOf))) return node;
  }
  return undefined;
}

export function lowerOn(view: ClusterIndex, node: string, priority: number): DesiredObject[] {
  return view.podsOnNode(node).filter((each) => !isTerminal(view, each) && priorityOf(asPod(each).spec) < priority);
}

/** @param taken uids of pods that others of the same pass have evicted */
export function planPreemption(
  view: ClusterIndex,
  table: NodeTable,
  pod: DesiredObject,
  taken: ReadonlySet<string>,
): Preemption | undefined {
  const { spec } = asPod(pod);
  const priority = priorityOf(spec);
  if (!preempts(spec)) return undefined;
  const shape = shapeOf(pod);
  const refusals = table.refusalsOf(pod, shape);
  const filter = table.filterOf(pod);
  const budgets = new BudgetRoom(view);
  let best: Candidate | undefined;
  for (const [index, node] of table.names.entries()) {
    if (refusals[index] !== undefined || filter?.(index) !== undefined) continue;
    const lower = lowerOn(view, node, priority);
    if (lower.length === 0) continue;
    const candidate = victimsOn(table, index, shape, lower, taken, budgets);
    if (candidate === undefined) continue;
    if (candidate.victims.length === 0) return candidate;
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

/** As few of them as make room: the most important are kept first, those whose budget would be broken before all others. */
function victimsOn(
  table: NodeTable,
  index: number,
  shape: PodShape,
  lower: readonly DesiredObject[],
  taken: ReadonlySet<string>,
  budgets: BudgetRoom,
): Candidate | undefined {
  const leaving = lower.filter((each) => isDeleting(each) || taken.has(each.uid));
  const others = lower.filter((each) => !leaving.includes(each));
  const fits = (without: readonly DesiredObject[]): boolean => table.hasRoomWithout(index, shape, [...leaving, ...without].map(shapeOf));
  if (!fits(others)) return undefined;
  const violating = budgets.violating(others);
  const rank = (each: DesiredObject): number => (violating.has(each.uid) ? 0 : 1);
  const keep = [...others].sort(
    (left, right) => rank(left) - rank(right) || priorityOf(asPod(right).spec) - priorityOf(asPod(left).spec) || byAge(left, right),
  );
  let victims = keep;
  for (const each of keep) {
    const without = victims.filter((victim) => victim !== each);
    if (fits(without)) victims = without;
  }
  const priorities = victims.map((victim) => priorityOf(asPod(victim).spec));
  return {
    node: table.names[index] ?? '',
    victims,
    violations: victims.filter(({ uid }) => violating.has(uid)).length,
    highest: Math.max(...priorities),
    sum: priorities.reduce((sum, priority) => sum + priority, 0),
  };
}

function isBetter(left: Candidate, right: Candidate): boolean {
  for (const [mine, other] of [
    [left.violations, right.violations],
    [left.highest, right.highest],
    [left.sum, right.sum],
    [left.victims.length, right.victims.length],
  ] as const)
    if (mine !== other) return mine < other;
  return false;
}

function byAge(left: DesiredObject, right: DesiredObject): number {
  const [earlier, later] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  return earlier !== later ? (earlier < later ? -1 : 1) : left.key < right.key ? -1 : 1;
}

/** What disruption budgets still allow. */
class BudgetRoom {
  readonly #budgets: readonly { budget: DesiredObject; status: PodDisruptionBudgetStatus }[];

  constructor(view: ClusterIndex) {
    this.#budgets = view.list('poddisruptionbudgets.policy').map((budget) => ({ budget, status: budgetStatus(view, budget) }));
  }

  /** Uids of those whose eviction would break a budget, when all of them go. Source: filterPodsWithPDBViolation. */
  violating(pods: readonly DesiredObject[]): Set<string> {
    const left = new Map(this.#budgets.map(({ budget, status }) => [budget.key, status.disruptionsAllowed]));
    const violating = new Set<string>();
    for (const pod of pods) {
      for (const { budget } of this.#budgets) {
        if (!isAbout(budget, pod)) continue;
        const room = (left.get(budget.key) ?? 0) - 1;
        left.set(budget.key, room);
        if (room < 0) violating.add(pod.uid);
      }
    }
    return violating;
  }
}
