import type { Clock } from '../ports/clock.ts';

/** Something that this peer compares with others, one at a time. */
export interface Compared {
  /** Begins to compare with one, unless that is under way, has just failed, or too many are. */
  compareWith(peer: string): void;
  /** Monotonic ms when the last comparison began after which this peer held all that the other did; undefined while there was none. */
  comparedAt(peer: string): number | undefined;
}

/** A comparison that is asked for again and again, as by all that wait for it, begins at most so often. */
const ASKED_EVERY_MS = 1_000;

/** Comparisons of everything, desired and observed, with single peers: after one, this peer knows all that the other had said when it began. */
export class Comparisons {
  private readonly parts: readonly Compared[];
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly asked = new Map<string, number>();

  constructor(parts: readonly Compared[], clock: Pick<Clock, 'monotonic'>) {
    this.parts = parts;
    this.clock = clock;
  }

  /** What was compared before `since` (monotonic ms) is compared again. */
  compareWith(peer: string, since: number): void {
    const now = this.clock.monotonic();
    for (const [other, at] of this.asked) if (now - at >= ASKED_EVERY_MS) this.asked.delete(other);
    if (this.asked.has(peer)) return;
    this.asked.set(peer, now);
    for (const part of this.parts) if ((part.comparedAt(peer) ?? Number.NEGATIVE_INFINITY) < since) part.compareWith(peer);
  }

  readonly comparedAt = (peer: string): number | undefined => {
    let earliest = Number.POSITIVE_INFINITY;
    for (const part of this.parts) {
      const at = part.comparedAt(peer);
      if (at === undefined) return undefined;
      earliest = Math.min(earliest, at);
    }
    return earliest;
  };
}
