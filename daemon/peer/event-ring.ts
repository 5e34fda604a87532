import type { GroupResource } from '../../protocol/objects.ts';
import type { ObjectEvent } from '../ports/objects.ts';

export interface RingLimits {
  events: number;
  /** Of the objects' JSON, roughly. */
  bytes: number;
  ageMs: number;
}

export const RING_LIMITS: RingLimits = { events: 10_000, bytes: 32 * 1024 * 1024, ageMs: 5 * 60 * 1000 };

export interface RingEntry {
  version: bigint;
  resource: GroupResource;
  event: ObjectEvent;
  bytes: number;
  /** Monotonic ms. */
  at: number;
}

/** The newest events of this peer, oldest first, each with a sequence number that never changes. */
export class EventRing {
  private readonly limits: RingLimits;
  private entries: RingEntry[] = [];
  /** Sequence number of `entries[0]`. */
  private firstSequence = 0;
  /** How many entries at the front of `entries` are gone already; cut off in bulk. */
  private dropped = 0;
  private bytes = 0;
  /** The version just before the oldest entry. */
  private floorVersion: bigint | undefined;

  constructor(limits: RingLimits) {
    this.limits = limits;
  }

  /** `version` is given out before the first event. */
  begin(version: bigint): void {
    this.floorVersion ??= version;
  }

  /** Sequence number of the oldest entry held. */
  get first(): number {
    return this.firstSequence + this.dropped;
  }

  /** Sequence number that the next entry will get. */
  get next(): number {
    return this.firstSequence + this.entries.length;
  }

  get(sequence: number): RingEntry | undefined {
    return sequence < this.first ? undefined : this.entries[sequence - this.firstSequence];
  }

  append(entry: RingEntry): number {
    this.entries.push(entry);
    this.bytes += entry.bytes;
    this.evict(entry.at);
    return this.next - 1;
  }

  /** Drops what is too much or too old. The newest event stays, so that its version can be resumed from. */
  evict(monotonicMs: number): void {
    const { events, bytes, ageMs } = this.limits;
    for (let held = this.next - this.first; held > 1; held--) {
      const oldest = this.entries[this.dropped];
      if (oldest === undefined || (held <= events && this.bytes <= bytes && monotonicMs - oldest.at <= ageMs)) break;
      this.bytes -= oldest.bytes;
      this.floorVersion = oldest.version;
      this.dropped += 1;
    }
    if (this.dropped * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.dropped);
      this.firstSequence += this.dropped;
      this.dropped = 0;
    }
  }

  /** Where to go on after `version`; undefined if that version was not given out here, or what followed it is gone. */
  sequenceAfter(version: bigint): number | undefined {
    if (version === this.floorVersion) return this.first;
    let low = this.dropped;
    let high = this.entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.entries[middle]?.version ?? 0n;
      if (found === version) return this.firstSequence + middle + 1;
      if (found < version) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}
