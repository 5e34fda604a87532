import type { HorizontalPodAutoscalerSpec } from '../../../../protocol/types.ts';

interface ScalingRules {
  stabilizationWindowSeconds: number;
  selectPolicy: string;
  policies: readonly { type: string; value: number; periodSeconds: number }[];
}

/** What the leader remembers of an autoscaler. A new leader begins anew from the size that there is: it waits the longer before it scales down. */
export interface PaceMemory {
  /** What load has asked for; of equal ones in a row the last. */
  wanted: { at: number; replicas: number }[];
  /** How the size was changed. */
  changes: { at: number; by: number }[];
}

export type ScalingMemory = Map<string, PaceMemory>;

/** Of each list; what is older counts less than what is newer. */
const MOST_REMEMBERED = 500;
/** The longest `periodSeconds`. */
const LONGEST_PERIOD_MS = 1_800_000;

/** Upstream's defaults (pkg/apis/autoscaling/v2/defaults.go). */
const SCALE_UP: ScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: ScalingRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

export function freshPace(replicas: number, nowMs: number): PaceMemory {
  return { wanted: [{ at: nowMs, replicas }], changes: [] };
}

/**
 * The size to have at this moment: what load asks for, as steadily and quickly as the rules let it, within bounds. Notes in `memory` what was asked for.
 * Source: normalizeDesiredReplicasWithBehaviors upstream. @param nowMs monotonic
 */
export function paced(spec: HorizontalPodAutoscalerSpec, current: number, wanted: number, memory: PaceMemory, nowMs: number): number {
  const up = { ...SCALE_UP, ...spec.behavior?.scaleUp };
  const down = { ...SCALE_DOWN, ...spec.behavior?.scaleDown };
  note(memory, wanted, nowMs, 1000 * Math.max(up.stabilizationWindowSeconds, down.stabilizationWindowSeconds));
  const within = (seconds: number) => [
    wanted,
    ...memory.wanted.filter(({ at }) => at > nowMs - seconds * 1000).map(({ replicas }) => replicas),
  ];
  const least = Math.min(...within(up.stabilizationWindowSeconds));
  const most = Math.max(...within(down.stabilizationWindowSeconds));
  const steady = Math.min(most, Math.max(least, current));
  const { minReplicas = 1, maxReplicas } = spec;
  if (steady > current) return Math.min(steady, maxReplicas, Math.max(current, ...limits(up, current, memory, nowMs, 1)));
  if (steady < current) return Math.max(steady, minReplicas, Math.min(current, ...limits(down, current, memory, nowMs, -1)));
  return current;
}

export function noteChange(memory: PaceMemory, by: number, nowMs: number): void {
  memory.changes = [...memory.changes.filter(({ at }) => at > nowMs - LONGEST_PERIOD_MS), { at: nowMs, by }].slice(-MOST_REMEMBERED);
}

function note(memory: PaceMemory, replicas: number, nowMs: number, windowMs: number): void {
  const last = memory.wanted.at(-1);
  if (last?.replicas === replicas) last.at = nowMs;
  else memory.wanted.push({ at: nowMs, replicas });
  memory.wanted = memory.wanted.filter(({ at }) => at >= nowMs - windowMs).slice(-MOST_REMEMBERED);
}

/** One limit: the one of the rules' policies that is selected. @param sign 1 for more pods, -1 for fewer */
function limits(rules: ScalingRules, current: number, { changes }: PaceMemory, nowMs: number, sign: 1 | -1): number[] {
  if (rules.selectPolicy === 'Disabled') return [];
  const each = rules.policies.map(({ type, value, periodSeconds }) => {
    const since = nowMs - periodSeconds * 1000;
    const start = changes.filter(({ at }) => at > since).reduce((size, { by }) => size - by, current);
    if (type === 'Pods') return start + sign * value;
    return sign === 1 ? Math.ceil(start * (1 + value / 100)) : Math.floor(start * (1 - value / 100));
  });
  const widest = rules.selectPolicy === 'Max';
  return [widest === (sign === 1) ? Math.max(...each) : Math.min(...each)];
}
