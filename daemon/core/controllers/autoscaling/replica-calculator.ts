import type { PodMetrics } from './pod-metrics.ts';

/** How far off the target is left alone. Upstream's default of --horizontal-pod-autoscaler-tolerance. */
export const DEFAULT_TOLERANCE = 0.1;

export interface Goal {
  /** What of its goal each pod uses in all is compared with: `total(used) / total(goal)`. By pod uid. */
  goal: (podUid: string) => number;
  /** What a pod without usage is taken to use when the others ask for fewer pods. */
  assumed: (podUid: string) => number;
  tolerance: { up: number; down: number };
}

/**
 * How many pods would bring usage to its goal. Who starts, or whose usage is not known, dampens: it is taken for idle when there would be more pods, and for busy
 * when there would be fewer. Source: replica_calculator.go upstream.
 */
export function countReplicas(current: number, metrics: PodMetrics, goal: Goal): number {
  const { used, missing, unready } = metrics;
  const first = ratioOf(used, goal);
  const dampen = unready.length > 0 && first > 1;
  if (!dampen && missing.length === 0) return isNear(first, goal) ? current : Math.ceil(rounded(first * used.size));
  const filled = new Map(used);
  for (const { uid } of missing) if (first !== 1) filled.set(uid, first < 1 ? goal.assumed(uid) : 0);
  if (dampen) for (const { uid } of unready) filled.set(uid, 0);
  const ratio = ratioOf(filled, goal);
  if (isNear(ratio, goal) || (first < 1 && ratio > 1) || (first > 1 && ratio < 1)) return current;
  const replicas = Math.ceil(rounded(ratio * filled.size));
  return (ratio < 1 && replicas > current) || (ratio > 1 && replicas < current) ? current : replicas;
}

function ratioOf(used: ReadonlyMap<string, number>, { goal }: Goal): number {
  let [total, wanted] = [0, 0];
  for (const [uid, amount] of used) {
    total += amount;
    wanted += goal(uid);
  }
  return wanted === 0 ? 1 : total / wanted;
}

function isNear(ratio: number, { tolerance }: Goal): boolean {
  return rounded(1 - tolerance.down) <= ratio && ratio <= rounded(1 + tolerance.up);
}

/** Without the last digits, that a product of fractions may be off by: 3.0000000000000004 pods are 3. */
function rounded(value: number): number {
  return Number(value.toFixed(9));
}
