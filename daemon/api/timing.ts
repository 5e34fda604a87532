import type { Clock } from '../ports/clock.ts';

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
