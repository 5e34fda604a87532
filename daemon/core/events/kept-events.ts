import type { KubeObject, StoredObject } from '../../../protocol/objects.ts';
import type { EventReport } from '../../../protocol/observed.ts';
import { parseTime } from '../../../protocol/values/time.ts';
import type { Now } from '../decisions.ts';
import { EVENT_LIMITS } from './limits.ts';

/** What there is to publish: by observed key, the Event or null for one that is dropped. */
export type EventChanges = Map<string, EventReport | null>;

/** Events of one node, bounded in number and time. Changed in place; reads no clock. */
export class KeptEvents {
  readonly #limit: number;
  /** With when it last happened (monotonic ms), in that order, oldest first. */
  readonly #kept = new Map<string, { report: EventReport; at: number }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): EventReport | undefined {
    return this.#kept.get(key)?.report;
  }

  /** Takes back what an earlier run of the daemon published, where this one has not said it itself. */
  restore(reports: Iterable<EventReport>, now: Now): void {
    const kept = [...this.#kept];
    for (const report of reports) {
      const key = observedKey(report.event);
      if (!this.#kept.has(key))
        kept.push([key, { report, at: now.monotonic - Math.max(0, now.wall - (lastSeenMs(report.event) ?? now.wall)) }]);
    }
    if (kept.length === this.#kept.size) return;
    this.#kept.clear();
    for (const [key, held] of kept.sort(([, left], [, right]) => left.at - right.at)) this.#kept.set(key, held);
  }

  put(report: EventReport, now: Now): EventChanges {
    const key = observedKey(report.event);
    const changes: EventChanges = new Map([[key, report]]);
    // Deleted first, so that the map stays in the order of the last repeats.
    this.#kept.delete(key);
    this.#kept.set(key, { report, at: now.monotonic });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limit) break;
      this.#kept.delete(oldest);
      changes.set(oldest, null);
    }
    return changes;
  }

  /** Drops what is older than its time. */
  expire(now: Now): EventChanges {
    const changes: EventChanges = new Map();
    for (const [key, { at }] of this.#kept) {
      if (at + EVENT_LIMITS.ttlMs > now.monotonic) break;
      this.#kept.delete(key);
      changes.set(key, null);
    }
    return changes;
  }
}

export function observedKey(event: StoredObject | KubeObject): string {
  return `event/${event.metadata.namespace ?? 'default'}/${event.metadata.name}`;
}

/** By its own word, which clients leave out in one way or the other. */
function lastSeenMs(event: EventReport['event']): number | undefined {
  const { series, lastTimestamp, eventTime } = event as {
    series?: { lastObservedTime?: string };
    lastTimestamp?: string;
    eventTime?: string;
  };
  const text = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? event.metadata.creationTimestamp;
  return text === undefined ? undefined : parseTime(text);
}
