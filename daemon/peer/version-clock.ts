import { createHash } from 'node:crypto';

/** 2025-01-01T00:00:00Z. 41 bits of milliseconds after it last until 2094. */
const EPOCH_MS = 1_735_689_600_000;
const TICK_BITS = 41n;
const PEER_BITS = 22n;
const LAST_TICK = (1n << TICK_BITS) - 1n;
const LAST_PEER = (1n << PEER_BITS) - 1n;
/** How far ahead of use ticks are reserved on disk; renewed when half of it is used. */
export const RESERVE_TICKS = 10n * 60n * 1000n;

/**
 * Numbers of this peer's changes in order of arrival: a decimal below 2^63, `tick << 22 | hash of the peer id`. The tick is milliseconds since 2025, or one more
 * than the last one if that is greater, so that versions grow across restarts and jumps of the clock.
 */
export class VersionClock {
  private readonly peer: bigint;
  private readonly persist: (reserve: string) => void;
  private tick: bigint;
  private reserved: bigint;

  /** @param lastVersion the greatest reserve that was ever handed to `persist`. */
  constructor(peerId: string, lastVersion: string | undefined, persist: (reserve: string) => void) {
    this.peer = BigInt(`0x${createHash('sha256').update(peerId).digest('hex').slice(0, 8)}`) & LAST_PEER;
    this.persist = persist;
    this.tick = lastVersion === undefined ? 0n : BigInt(lastVersion) >> PEER_BITS;
    this.reserved = this.tick;
  }

  next(nowMs: number): bigint {
    const now = BigInt(Math.max(0, Math.trunc(nowMs) - EPOCH_MS));
    // A wall clock beyond 2094 is wrong: it must not use up the numbers.
    this.tick = now > this.tick && now < LAST_TICK / 2n ? now : this.tick + 1n;
    if (this.tick + RESERVE_TICKS / 2n > this.reserved) {
      this.reserved = this.tick + RESERVE_TICKS;
      this.persist(this.text(this.reserved));
    }
    return (this.tick << PEER_BITS) | this.peer;
  }

  private text(tick: bigint): string {
    return ((tick << PEER_BITS) | this.peer).toString();
  }
}
