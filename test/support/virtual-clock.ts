import type { CancelTimer, Clock, Random } from '../../daemon/ports/clock.ts';

interface Timer {
  at: number;
  order: number;
  run: () => void;
  cancelled: boolean;
}

/**
 * Time that only the test moves. Between two milliseconds all promises settle. Where nothing waits for the machine itself (files, sockets, threads), many milliseconds pass in
 * one turn of its event loop: that is most of what a quiet one costs.
 */
export class VirtualClock implements Clock {
  private readonly msPerTurn: number;
  private time = 1_000;
  private order = 0;
  private readonly heap: Timer[] = [];

  constructor(options: { msPerTurn?: number } = {}) {
    this.msPerTurn = options.msPerTurn ?? 1;
  }

  now(): number {
    return Date.UTC(2026, 0, 1) + this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(delayMs: number, run: () => void): CancelTimer {
    const timer = { at: this.time + Math.max(0, delayMs), order: this.order++, run, cancelled: false };
    this.push(timer);
    return () => {
      timer.cancelled = true;
      // It stays in the heap until it is due; what it holds need not.
      timer.run = nothing;
    };
  }

  /** Lets `durationMs` pass, or less: until `condition` holds. Answers whether it does. */
  async pass(durationMs: number, condition?: () => boolean): Promise<boolean> {
    const end = this.time + durationMs;
    return new Promise((resolve, reject) => {
      let isOver = false;
      // Promises settle after each of the immediates of one turn.
      const step = (): void => {
        if (isOver) return;
        try {
          const holds = condition?.() === true;
          if (!holds && this.passOne(end)) return;
          isOver = true;
          if (!holds) this.time = end;
          resolve(holds || (condition?.() ?? true));
        } catch (error) {
          isOver = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const turn = (): void => {
        for (let count = 1; count < this.msPerTurn; count += 1) setImmediate(step);
        setImmediate(() => {
          step();
          if (!isOver) turn();
        });
      };
      step();
      if (!isOver) turn();
    });
  }

  /** What is due in the millisecond of the next timer. @returns false when nothing more is due by then */
  private passOne(end: number): boolean {
    const next = this.heap[0];
    if (next === undefined || next.at > end) return false;
    const until = Math.min(end, Math.floor(next.at) + 1);
    while (this.heap[0] !== undefined && this.heap[0].at < until) {
      const timer = this.pop();
      this.time = Math.max(this.time, timer.at);
      if (!timer.cancelled) timer.run();
    }
    this.time = Math.max(this.time, Math.min(until, end));
    return !(next.at === end && until === end);
  }

  private push(timer: Timer): void {
    const { heap } = this;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent]!, timer)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  private pop(): Timer {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (before(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const nothing = (): void => undefined;

function before(left: Timer, right: Timer): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

/**
 * One host's view of a clock: its wall may jump, its quartz may drift, and while it is frozen nothing runs on it; all that was due runs at the thaw. Whatever
 * happens on a host happens through it, so that nothing does on one that is dead.
 */
export class HostClock implements Clock {
  /** How far its wall clock is ahead, ms. */
  aheadMs = 0;
  private readonly clock: Clock;
  private frozen = false;
  private dead = false;
  private readonly due: (() => void)[] = [];
  private rate = 1;
  private since = { world: 0, here: 0 };

  constructor(clock: Clock) {
    this.clock = clock;
  }

  now(): number {
    return Math.floor(this.clock.now() + this.aheadMs + this.drift());
  }

  monotonic(): number {
    return this.clock.monotonic() + this.drift();
  }

  after(delayMs: number, run: () => void): CancelTimer {
    let cancelled = false;
    const cancel = this.clock.after(delayMs / this.rate, () => {
      if (cancelled || this.dead) return;
      if (this.frozen) this.due.push(() => (cancelled ? undefined : run()));
      else run();
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Milliseconds that pass here in one of the world. */
  setRate(rate: number): void {
    this.since = { world: this.clock.monotonic(), here: this.drift() };
    this.rate = rate;
  }

  /** Runs it now, or at the thaw. */
  run(action: () => void): void {
    if (this.dead) return;
    if (this.frozen) this.due.push(action);
    else action();
  }

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
    for (const action of this.due.splice(0)) this.run(action);
  }

  /** Nothing runs on it ever again. */
  kill(): void {
    this.dead = true;
    this.due.length = 0;
  }

  private drift(): number {
    return this.since.here + (this.clock.monotonic() - this.since.world) * (this.rate - 1);
  }
}

/** Mulberry32 (Tommy Ettinger, public domain): the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)) };
}

/** A seed to print before a random test: KITH_TEST_SEED, or another each time. */
export function testSeed(name: string): number {
  const seed = Number(process.env['KITH_TEST_SEED'] ?? Date.now() % 1_000_000_000);
  console.log(`${name}: KITH_TEST_SEED=${seed}`);
  return seed;
}
