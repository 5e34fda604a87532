import { KithError } from '../../protocol/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** Whether a comparison was begun: it may be under way, or too many are. */
export type Begun = 'begun' | 'underWay' | 'full';

/** @param failed in a way that held it up, {@link holdsUp} */
export type OnEnded = (peer: string, failed: boolean) => void;

/** Something that this peer compares with others. */
export interface Compared {
  compareWith(peer: string): Begun;
  /** Monotonic ms when the last comparison began after which this peer held all that the other did; undefined while there was none. */
  comparedAt(peer: string): number | undefined;
  /** Tells one listener of each comparison that ends, whoever began it. */
  onEnded(listener: OnEnded): void;
}

/** A comparison that is asked for again and again, as by all that wait for it, begins at most so often. */
const ASKED_EVERY_MS = 1_000;
/** Who still waits for a comparison asks for it again sooner. */
const WAITS_MS = 2_000;
/** Members that are asked for and wait for their turn. Of more, those that ask again when there is room. */
export const MAX_WAITING = 256;
/** Who did not answer is not asked again for so long, … */
export const FAILED_WAIT_MS = 3_000;
/** … and for so long, or until it answers, only while no other such one is. */
const FAILED_KEPT_MS = 60_000;

/** Whether what failed took a turn from others, as no answer does until its time is over. Who is not connected fails at once, and may connect in a moment. */
export function holdsUp(error: unknown): boolean {
  return !(error instanceof KithError && error.code === 'PeerUnreachable');
}

/** Comparisons of everything, desired and observed, with single peers: after one, this peer knows all that the other had said when it began. */
export class Comparisons {
  private readonly turns: readonly Turns[];

  constructor(parts: readonly Compared[], clock: Pick<Clock, 'monotonic'>) {
    this.turns = parts.map((part) => new Turns(part, clock));
  }

  /** What was compared before `since` (monotonic ms) is compared again, as soon as there is room: who waits for it asks again. */
  compareWith(peer: string, since: number): void {
    for (const turns of this.turns) turns.ask(peer, since);
  }

  readonly comparedAt = (peer: string): number | undefined => {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { part } of this.turns) {
      const at = part.comparedAt(peer);
      if (at === undefined) return undefined;
      earliest = Math.min(earliest, at);
    }
    return earliest;
  };
}

/** A member that is asked for: compared since when, and waiting until when. Monotonic ms. */
interface Wish {
  since: number;
  until: number;
}

/**
 * Who is compared next in one part: who was asked for first, but of those that hang one at a time, so that they do not hold up the others. It goes on when a comparison ends,
 * and when one is asked for: there is no timer.
 */
class Turns {
  readonly part: Compared;
  private readonly clock: Pick<Clock, 'monotonic'>;
  /** In the order in which they were asked for. */
  private readonly waiting = new Map<string, Wish>();
  /** Monotonic ms, the oldest first. */
  private readonly begunAt = new Map<string, number>();
  /** Monotonic ms, the oldest first. */
  private readonly failedAt = new Map<string, number>();
  /** The one of those that failed that is tried again. */
  private retried: string | undefined;

  constructor(part: Compared, clock: Pick<Clock, 'monotonic'>) {
    this.part = part;
    this.clock = clock;
    part.onEnded((peer, failed) => this.ended(peer, failed));
  }

  ask(peer: string, since: number): void {
    const now = this.clock.monotonic();
    dropBefore(this.begunAt, now - ASKED_EVERY_MS);
    if (this.isCompared(peer, since) || this.begunAt.has(peer)) return;
    const before = this.waiting.get(peer);
    if (before === undefined && !this.hasRoom(now)) return;
    this.waiting.set(peer, { since: Math.max(since, before?.since ?? since), until: now + WAITS_MS });
    this.beginNext(now);
  }

  private ended(peer: string, failed: boolean): void {
    const now = this.clock.monotonic();
    dropBefore(this.failedAt, now - FAILED_KEPT_MS);
    if (this.retried === peer) this.retried = undefined;
    this.failedAt.delete(peer);
    if (failed) this.failedAt.set(peer, now);
    this.beginNext(now);
  }

  private beginNext(now: number): void {
    for (const [peer, wish] of this.waiting) {
      if (this.isOver(peer, wish, now)) this.waiting.delete(peer);
      else if (!this.isHeldBack(peer, now) && this.begin(peer, now) === 'full') return;
    }
  }

  private begin(peer: string, now: number): Begun {
    const begun = this.part.compareWith(peer);
    // What is under way may have begun too early: that is seen when it ends.
    if (begun !== 'begun') return begun;
    this.waiting.delete(peer);
    this.begunAt.set(peer, now);
    if (this.failedAt.has(peer)) this.retried = peer;
    return begun;
  }

  private isHeldBack(peer: string, now: number): boolean {
    const failedAt = this.failedAt.get(peer);
    return failedAt !== undefined && (this.retried !== undefined || now - failedAt < FAILED_WAIT_MS);
  }

  private isCompared(peer: string, since: number): boolean {
    return (this.part.comparedAt(peer) ?? Number.NEGATIVE_INFINITY) >= since;
  }

  /** It was compared since, or nobody has asked for it again. */
  private isOver(peer: string, { since, until }: Wish, now: number): boolean {
    return now >= until || this.isCompared(peer, since);
  }

  private hasRoom(now: number): boolean {
    if (this.waiting.size < MAX_WAITING) return true;
    for (const [peer, wish] of this.waiting) if (this.isOver(peer, wish, now)) this.waiting.delete(peer);
    return this.waiting.size < MAX_WAITING;
  }
}

function dropBefore(times: Map<string, number>, before: number): void {
  for (const [peer, at] of times) {
    if (at > before) return;
    times.delete(peer);
  }
}
