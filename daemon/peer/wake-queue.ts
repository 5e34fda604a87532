import type { ObjectKey } from '../../protocol/objects.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';

/** Keys to be looked at later: the earliest time asked for each, one timer for all. */
export class WakeQueue {
  private readonly clock: Clock;
  private readonly wake: (keys: ObjectKey[]) => void;
  private readonly due = new Map<ObjectKey, number>();
  private timer: { at: number; cancel: CancelTimer } | undefined;

  constructor(clock: Clock, wake: (keys: ObjectKey[]) => void) {
    this.clock = clock;
    this.wake = wake;
  }

  /** @param at monotonic ms */
  add(key: ObjectKey, at: number): void {
    const known = this.due.get(key);
    if (known !== undefined && known <= at) return;
    this.due.set(key, at);
    this.arm(at);
  }

  clear(): void {
    this.due.clear();
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(at: number): void {
    if (this.timer !== undefined && this.timer.at <= at) return;
    this.timer?.cancel();
    const cancel = this.clock.after(Math.max(0, at - this.clock.monotonic()), () => this.fire());
    this.timer = { at, cancel };
  }

  private fire(): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    const ready: ObjectKey[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [key, at] of this.due) {
      if (at <= now) ready.push(key);
      else next = Math.min(next, at);
    }
    for (const key of ready) this.due.delete(key);
    if (Number.isFinite(next)) this.arm(next);
    if (ready.length > 0) this.wake(ready);
  }
}
