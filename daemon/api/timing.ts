import type { Clock } from '../ports/clock.ts';

/** Resolves after the delay, or at once when the signal fires. Leaves nothing behind. */
export async function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** Like `sleep`, but ended by its caller: nothing hangs on a signal that lives long. */
export function startPause(clock: Clock, delayMs: number): { over: Promise<void>; end: () => void } {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(delayMs, resolve);
  return {
    over,
    end: () => {
      cancel();
      resolve();
    },
  };
}

/** Runs work on one key after another, so that a check and the write it allows are not parted by another request of this peer. */
export class KeyedLock {
  private readonly tails = new Map<string, Promise<unknown>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const tail = mine.catch(() => undefined);
    this.tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    }
  }
}
