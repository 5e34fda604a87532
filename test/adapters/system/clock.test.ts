import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([0, 1, 30 * DAY_MS, 100 * DAY_MS])('a timer of %d ms fires once, then', (delayMs) => {
  const run = vi.fn();
  systemClock.after(delayMs, run);
  if (delayMs > 0) {
    vi.advanceTimersByTime(delayMs - 1);
    expect(run).not.toHaveBeenCalled();
  }
  vi.advanceTimersByTime(2);
  vi.advanceTimersByTime(100 * DAY_MS);
  expect(run).toHaveBeenCalledTimes(1);
});

it('a long timer can be cancelled at any moment', () => {
  const run = vi.fn();
  const cancel = systemClock.after(60 * DAY_MS, run);
  vi.advanceTimersByTime(40 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(100 * DAY_MS);
  expect(run).not.toHaveBeenCalled();
});
