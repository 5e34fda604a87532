import type { Container } from '../../../protocol/types.ts';
import type { RuntimeContainer } from '../../ports/runtime.ts';
import { crashDelay, goDuration } from './backoff.ts';
import { awaitsHook } from './hooks.ts';
import { BLANK_CONTAINER } from './memory.ts';
import type { ContainerMemory, Ended } from './memory.ts';
import { healthOf } from './probes/probe-state.ts';
import type { Health } from './probes/probe-state.ts';

/** An error is shown by its own name this long, then as the back-off that follows it: as one sees it with kubelet, only sooner. */
export const ERROR_SHOWN_MS = 2_000;

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** Where a container is, and what keeps it there. */
export interface ContainerStanding {
  readonly container: Container;
  readonly phase: 'running' | 'start' | 'backoff' | 'hold' | 'done';
  /** Newest attempt that the runtime lists, and the one before. */
  readonly latest?: RuntimeContainer;
  readonly previous?: RuntimeContainer;
  readonly ended?: Ended;
  /** Number of the attempt to start next. */
  readonly attempt: number;
  /** Monotonic ms when `backoff` or `hold` ends, or shows another reason. */
  readonly until?: number;
  readonly waiting?: { reason: string; message?: string };
  /** It runs, and its postStart hook does not or still does. */
  readonly hook?: true;
  /** Of one that runs: what its probes say. */
  readonly health: Health;
}

export interface PodName {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export function attemptsOf(containers: readonly RuntimeContainer[], name: string): RuntimeContainer[] {
  return containers.filter((container) => container.name === name).sort((left, right) => right.attempt - left.attempt);
}

export function mayRestart(policy: RestartPolicy, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function standingOf(
  container: Container,
  listed: readonly RuntimeContainer[],
  memory: ContainerMemory = BLANK_CONTAINER,
  policy: RestartPolicy,
  pod: PodName,
  now: number,
): ContainerStanding {
  const [latest, previous] = attemptsOf(listed, container.name);
  const ended = memory.ended !== undefined && memory.ended.attempt >= (latest?.attempt ?? -1) ? memory.ended : undefined;
  const attempt = ended !== undefined ? ended.attempt + 1 : (latest?.attempt ?? 0);
  const isRunning = latest?.state === 'running';
  const probes = isRunning && memory.probes?.attempt === latest.attempt ? memory.probes : undefined;
  const hook = isRunning && awaitsHook(container, memory, latest.attempt);
  const health = isRunning && !hook ? healthOf(container, probes) : { started: false, ready: false };
  const base = { container, latest, previous, ended, attempt, health };
  if (hook) return { ...base, phase: 'running', hook };
  if (isRunning) return { ...base, phase: 'running' };
  if (ended !== undefined) {
    // What was ended because a probe failed is restarted, however it took that.
    const wasUnhealthy = policy === 'OnFailure' && isUnhealthy(container, memory, ended.attempt);
    if (!mayRestart(policy, ended.exitCode) && !wasUnhealthy) return { ...base, phase: 'done' };
    const delay = crashDelay(memory.crashDelayMs, ended.ranMs);
    if (now < ended.at + delay) {
      const until = lookAgain(now, ended.at, ended.at + delay);
      return { ...base, phase: 'backoff', until, waiting: crashWaiting(container.name, pod, delay, ended, now) };
    }
  }
  if (memory.hold !== undefined && now < memory.hold.at) {
    const until = lookAgain(now, memory.hold.failedAt, memory.hold.at);
    return { ...base, phase: 'hold', until, waiting: holdWaiting(container, memory, now) };
  }
  return { ...base, phase: 'start', waiting: holdWaiting(container, memory, now) };
}

function isUnhealthy(container: Container, { probes }: ContainerMemory, attempt: number): boolean {
  return probes?.attempt === attempt && healthOf(container, probes).failed !== undefined;
}

/** The end of a back-off, or before it the moment when its error is no longer shown by its own name. */
function lookAgain(now: number, failedAt: number, until: number): number {
  const shown = failedAt + ERROR_SHOWN_MS;
  return now < shown ? Math.min(shown, until) : until;
}

function crashWaiting(name: string, pod: PodName, delayMs: number, ended: Ended, now: number): { reason: string; message: string } {
  if (ended.startError !== undefined && now < ended.at + ERROR_SHOWN_MS) return { reason: 'RunContainerError', message: ended.startError };
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${goDuration(delayMs)} restarting failed container=${name} pod=${pod.name}_${pod.namespace}(${pod.uid})`,
  };
}

/** As the Event says it; the status goes on with why. */
export function pullBackOff({ image = '' }: Container): string {
  return `Back-off pulling image "${image}"`;
}

function holdWaiting(container: Container, memory: ContainerMemory, now: number): { reason: string; message: string } | undefined {
  const { hold } = memory;
  if (hold === undefined) return undefined;
  if (hold.reason === 'ErrImagePull' && now >= hold.failedAt + ERROR_SHOWN_MS) {
    return { reason: 'ImagePullBackOff', message: `${pullBackOff(container)}: ErrImagePull: ${hold.message}` };
  }
  return { reason: hold.reason, message: hold.message };
}
