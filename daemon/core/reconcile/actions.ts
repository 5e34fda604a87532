import type { PodOutcome } from '../../../protocol/objects.ts';

/** One step that the agent takes for a pod. Each is bounded in time, and harmless when it is taken twice. */
export type PodAction =
  | { do: 'mountVolumes' }
  | { do: 'createSandbox' }
  /** Makes sure that the image of a container is there for the attempt that starts next. */
  | { do: 'ensureImage'; container: string; image: string; policy: PullPolicy; attempt: number }
  | { do: 'startContainer'; container: string; attempt: number }
  /** All at once, then those of `last` one after the other; preStop hooks before. The grace period is for all of it. `why` follows `Container NAME` in the Event. */
  | { do: 'stopContainers'; containers: readonly string[]; last?: readonly string[]; graceSeconds: number; why?: string }
  /** What the container asks for after its start. It counts as being created until then. */
  | { do: 'postStart'; container: string; attempt: number }
  | { do: 'removeContainer'; container: string; attempt: number }
  | { do: 'removePod' }
  | { do: 'writeOutcome'; outcome: PodOutcome }
  | { do: 'bury' };

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

/** What is wanted of a pod on this node, and why. */
export type Intent =
  | { want: 'run'; why: string }
  /** It does not fit, or may not run here. Said once and for ever in its outcome. */
  | { want: 'reject'; reason: string; message: string; why: string }
  /** It has an outcome: nothing of it runs again. Its logs stay until it is deleted. */
  | { want: 'finished'; why: string }
  /** Stopped with its grace period and removed. `bury` when our stopping it ends its life. */
  | { want: 'gone'; graceSeconds: number; bury: boolean; why: string }
  /** Nothing is done to it: no order says what. `tellsSuccess`: what it has done counts all the same, and is said. */
  | { want: 'leave'; why: string; tellsSuccess?: true };

/** Steps towards running. */
const STARTS: ReadonlySet<PodAction['do']> = new Set(['mountVolumes', 'createSandbox', 'ensureImage', 'startContainer', 'postStart']);

/** Whether an action that waits for its turn is of no use to a pod that is to go. */
export function isStart(action: PodAction): boolean {
  return STARTS.has(action.do);
}

/** Whether an action under way is to be given up because the intent has changed. */
export function interrupts(action: PodAction, graceNow: number | undefined): boolean {
  if (graceNow === undefined) return false;
  if (action.do === 'ensureImage' || action.do === 'postStart') return true;
  return action.do === 'stopContainers' && graceNow < action.graceSeconds;
}
