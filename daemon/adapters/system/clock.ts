import { randomBytes } from 'node:crypto';
import { uptime } from 'node:os';
import { performance } from 'node:perf_hooks';
import type { Clock, Random } from '../../ports/clock.ts';

/** Node's timers know no longer delay: they take it for one of 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clocks. Timers do not keep the process alive by themselves. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    let timer: NodeJS.Timeout | undefined;
    const arm = (leftMs: number): void => {
      timer =
        leftMs > LONGEST_TIMER_MS
          ? setTimeout(() => arm(leftMs - LONGEST_TIMER_MS), LONGEST_TIMER_MS)
          : setTimeout(run, Math.max(0, leftMs));
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (length) => new Uint8Array(randomBytes(length)),
};

/** Counts suspend, as `performance.now()` does not. Read off /proc/uptime, in steps of 10 ms, cut off. */
export const bootClock = (): number => Math.round(uptime() * 1000);
