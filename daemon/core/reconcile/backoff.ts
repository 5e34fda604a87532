import type { Retry } from './memory.ts';

/** Kubelet's: `backOffPeriod` and `MaxContainerBackOff`; images use the same. */
export const BACK_OFF_FIRST_MS = 10_000;
export const BACK_OFF_MOST_MS = 300_000;
/** A container that ran this long is no longer crashing: twice the greatest back-off, as kubelet's. */
export const BACK_OFF_RESET_MS = 600_000;
/** Operations on a pod as a whole (sandbox, stop, removal, writes). */
export const RETRY_FIRST_MS = 1_000;
export const RETRY_MOST_MS = 30_000;

/** Doubles from `firstMs` with every failure, up to `mostMs`. `failures` counts from 1. */
export function doubled(failures: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
}

export function retryAfter(before: Retry | undefined, message: string, now: number): Retry {
  const failures = (before?.failures ?? 0) + 1;
  return { failures, message, at: now + doubled(failures, RETRY_FIRST_MS, RETRY_MOST_MS) };
}

/** How long a container that ended after `ranMs` must wait: nothing before its first restart, nor after a long run. */
export function crashDelay(delayMs: number | undefined, ranMs: number): number {
  return delayMs === undefined || ranMs >= BACK_OFF_RESET_MS ? 0 : delayMs;
}

/** The delay that will hold after a restart which followed a run of `ranMs`. */
export function nextCrashDelay(delayMs: number | undefined, ranMs: number): number {
  if (delayMs === undefined || ranMs >= BACK_OFF_RESET_MS) return BACK_OFF_FIRST_MS;
  return Math.min(BACK_OFF_MOST_MS, delayMs * 2);
}

/**
 * The delay of a container whose memory was lost with the daemon, read off the attempts that are listed: the attempt number is the number of restarts,
 * and a long run of the attempt before says that the crashes began anew.
 */
export function crashDelayOfAttempt(attempt: number, previousRanMs: number | undefined): number | undefined {
  if (attempt === 0) return undefined;
  if (previousRanMs !== undefined && previousRanMs >= BACK_OFF_RESET_MS) return BACK_OFF_FIRST_MS;
  return doubled(attempt, BACK_OFF_FIRST_MS, BACK_OFF_MOST_MS);
}

/** Go's Duration text, to the millisecond and below an hour: `327ms`, `1.5s`, `10s`, `1m20s`, `5m0s`. */
export function goDuration(ms: number): string {
  const whole = Math.round(ms);
  if (whole > 0 && whole < 1000) return `${whole}ms`;
  const minutes = Math.floor(whole / 60_000);
  const seconds = `${(whole % 60_000) / 1000}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}
