import type { Json } from '../../../protocol/json.ts';
import { formatTime, parseTime } from '../../../protocol/values/time.ts';
import type { Now } from '../decisions.ts';
import { type DeploymentView, isRolledOut } from './deployment-view.ts';

/** What must be remembered of a rollout: `kith.facts.rollout` of a Deployment. */
export interface RolloutFact {
  /** Of the template that is rolled out. */
  hash: string;
  /** RFC 3339, all of them. */
  startedAt: string;
  progressedAt: string;
  updated: number;
  available: number;
  outcome?: 'complete' | 'deadline-exceeded';
  endedAt?: string;
  paused?: boolean;
}

export const ROLLOUT_FACT = 'rollout';
/** Seconds. Kubernetes' default; its largest int32 stands for never. */
const DEFAULT_DEADLINE_SECONDS = 600;
const NO_DEADLINE_SECONDS = 0x7fffffff;
/** Progress is written down again only after this part of the deadline, since history does not shrink: the deadline is that much less exact. */
const REFRESH_PART = 10;

export function rolloutFact(state: DeploymentView): RolloutFact | undefined {
  const fact = state.desired.object.kith?.facts?.[ROLLOUT_FACT];
  return fact === undefined ? undefined : (fact as unknown as RolloutFact);
}

export function factAsJson(fact: RolloutFact): Json {
  return fact as unknown as Json;
}

export interface ProgressPlan {
  /** To be written down; undefined when what is known suffices. */
  fact?: RolloutFact;
  /** Monotonic ms when the deadline is to be looked at. */
  lookAgainAt?: number;
}

/** A rollout starts, moves, ends or runs out of time. One that is complete stays so until the template changes. */
export function planProgress(state: DeploymentView, now: Now): ProgressPlan {
  const known = rolloutFact(state);
  const at = formatTime(now.wall);
  const updated = state.newSet?.count.replicas ?? 0;
  const available = state.newSet?.available ?? 0;
  const paused = state.deployment.spec.paused === true;
  if (known?.hash !== state.hash) {
    if (paused) return {};
    const started: RolloutFact = { hash: state.hash, startedAt: at, progressedAt: at, updated, available };
    return withDeadline(state, isRolledOut(state) ? { ...started, outcome: 'complete', endedAt: at } : started, now, true);
  }
  if (known.outcome === 'complete') return {};
  if (paused) return known.paused === true ? {} : { fact: { ...known, paused } };
  const { paused: wasPaused, ...fact } = known;
  if (isRolledOut(state)) return { fact: { ...fact, updated, available, outcome: 'complete', endedAt: at, progressedAt: at } };
  if (wasPaused === true) return withDeadline(state, { ...fact, progressedAt: at }, now, true);
  return planMoving(state, { ...fact, updated, available }, known, now);
}

function planMoving(state: DeploymentView, current: RolloutFact, known: RolloutFact, now: Now): ProgressPlan {
  const at = formatTime(now.wall);
  const deadlineMs = deadlineOf(state);
  if (deadlineMs === undefined) return {};
  const idleMs = now.wall - (parseTime(known.progressedAt) ?? now.wall);
  const moved = current.updated > known.updated || current.available > known.available;
  const { outcome, endedAt: _endedAt, ...open } = current;
  if (moved && (outcome !== undefined || idleMs >= deadlineMs / REFRESH_PART))
    return withDeadline(state, { ...open, progressedAt: at }, now, true);
  if (outcome !== undefined) return {};
  if (idleMs >= deadlineMs) return { fact: { ...known, outcome: 'deadline-exceeded', endedAt: at } };
  return withDeadline(state, known, now, false);
}

function withDeadline(state: DeploymentView, fact: RolloutFact, now: Now, write: boolean): ProgressPlan {
  const deadlineMs = deadlineOf(state);
  const plan: ProgressPlan = write ? { fact } : {};
  if (fact.outcome !== undefined || deadlineMs === undefined) return plan;
  const remainingMs = Math.max(0, (parseTime(fact.progressedAt) ?? now.wall) + deadlineMs - now.wall);
  return { ...plan, lookAgainAt: now.monotonic + remainingMs };
}

function deadlineOf(state: DeploymentView): number | undefined {
  const seconds = state.deployment.spec.progressDeadlineSeconds ?? DEFAULT_DEADLINE_SECONDS;
  return seconds >= NO_DEADLINE_SECONDS ? undefined : seconds * 1000;
}
