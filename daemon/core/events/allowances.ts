import type { Now } from '../decisions.ts';
import { EVENT_LIMITS } from './limits.ts';

interface Allowance {
  left: number;
  at: number;
}

/** How much may still be told of each object by each component. Changed in place; reads no clock. */
export class EventAllowances {
  readonly #left = new Map<string, Allowance>();

  /** Whether there is an Event left for it; that one is used up then. */
  mayTell(who: string, now: Now): boolean {
    const before = this.#left.get(who) ?? { left: EVENT_LIMITS.burst, at: now.monotonic };
    const refilled = before.left + (now.monotonic - before.at) / EVENT_LIMITS.refillMs;
    const left = Math.min(EVENT_LIMITS.burst, refilled);
    const may = left >= 1;
    this.#left.delete(who);
    this.#left.set(who, { left: may ? left - 1 : left, at: now.monotonic });
    if (this.#left.size > EVENT_LIMITS.allowances) {
      const [oldest] = this.#left.keys();
      if (oldest !== undefined) this.#left.delete(oldest);
    }
    return may;
  }
}
