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

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  bytes(length: number): Uint8Array;
}
