/** Time and randomness as the world hands them in. Nothing but adapters reads a real clock. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump; only for people and for values that other programs read. */
  now(): number;
  /** Milliseconds since some moment; never goes back, does not follow jumps of the wall clock. All timeouts use it. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, run: () => void): CancelTimer;
}
export type CancelTimer = () => void;

/** Resolves after `delayMs`, or as soon as the signal fires. Leaves nothing behind. */
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

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  bytes(length: number): Uint8Array;
}
