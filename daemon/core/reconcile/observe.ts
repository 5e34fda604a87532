import { formatTime } from '../../../protocol/values/time.ts';
import type { Container, PodStatus } from '../../../protocol/types.ts';
import type { RuntimeContainer, RuntimePod } from '../../ports/runtime.ts';
import type { Now } from '../decisions.ts';
import { crashDelayOfAttempt } from './backoff.ts';
import { BLANK_CONTAINER } from './memory.ts';
import type { ContainerMemory, PodMemory } from './memory.ts';
import { reportedStatuses } from './reported.ts';
import { attemptsOf } from './standing.ts';

/** Exit code of a container of which nothing is left, as kubelet gives it (`ContainerStatusUnknown`). */
export const LOST_EXIT_CODE = 137;

/**
 * Memory of a pod that is met for the first time in the life of this daemon. `reported` is our own last report of it, as others have kept it: it keeps the start time and tells
 * which attempts were seen, in case the runtime forgot them. Where nobody has it any more, as after all hosts lost power at once, what ran here before was begun when it was bound.
 */
export function freshMemory(
  reported: PodStatus | undefined,
  now: Now,
  found: { ran: boolean; boundAt?: string } = { ran: false },
): PodMemory {
  const startTime = reported?.startTime ?? (found.ran ? found.boundAt : undefined) ?? formatTime(now.wall);
  const activeMs = Math.max(0, now.wall - Date.parse(startTime));
  const containers: Record<string, ContainerMemory> = {};
  for (const status of reportedStatuses(reported)) {
    const everRan = status.containerID !== undefined || status.restartCount > 0;
    if (everRan) containers[status.name] = { seen: status.restartCount };
  }
  return { startTime, activeSince: now.monotonic - activeMs, sandboxMade: false, containers, status: reported };
}

/** What the list of what runs adds to memory: attempts seen, ends noticed. Says nothing new the second time. */
export function observePod(memory: PodMemory, containers: readonly Container[], listed: RuntimePod | undefined, now: Now): PodMemory {
  let changed: Record<string, ContainerMemory> | undefined;
  for (const container of containers) {
    const before = memory.containers[container.name] ?? BLANK_CONTAINER;
    const after = observeContainer(before, attemptsOf(listed?.containers ?? [], container.name), now);
    if (after !== before) changed = { ...(changed ?? memory.containers), [container.name]: after };
  }
  return changed === undefined ? memory : { ...memory, containers: changed };
}

function observeContainer(before: ContainerMemory, attempts: readonly RuntimeContainer[], now: Now): ContainerMemory {
  const [latest, previous] = attempts;
  let after = before;
  if (latest !== undefined && (before.seen === undefined || latest.attempt > before.seen)) {
    after = { ...after, seen: latest.attempt };
  }
  if (latest !== undefined && after.crashDelayMs === undefined && latest.attempt > 0) {
    after = { ...after, crashDelayMs: crashDelayOfAttempt(latest.attempt, previous && ranMs(previous)) };
  }
  const endedAttempt = after.ended?.attempt ?? -1;
  const newest = Math.max(latest?.attempt ?? -1, after.seen ?? -1);
  if (newest <= endedAttempt) return after;
  if (latest?.attempt === newest) {
    if (latest.state !== 'exited') return after;
    const exitCode = latest.exitCode ?? (latest.signal === undefined ? LOST_EXIT_CODE : 128 + latest.signal);
    return { ...after, ended: { attempt: newest, at: now.monotonic, wallAt: now.wall, ranMs: ranMs(latest), exitCode } };
  }
  return {
    ...after,
    ended: { attempt: newest, at: now.monotonic, wallAt: now.wall, ranMs: 0, exitCode: LOST_EXIT_CODE, lost: true },
  };
}

function ranMs(container: RuntimeContainer): number {
  if (container.startedAt === undefined || container.finishedAt === undefined) return 0;
  return Math.max(0, container.finishedAt - container.startedAt);
}
