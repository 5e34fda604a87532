import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../protocol/json.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import type { KubeEvent } from '../../../protocol/types.ts';
import { formatTime, parseTime } from '../../../protocol/values/time.ts';
import type { EventDraft, Now } from '../decisions.ts';

/** Bounds of the Events that one node keeps. */
export const EVENT_LIMITS = {
  kept: 512,
  /** After its last repeat, in ms. Kubernetes' default. */
  ttlMs: 3_600_000,
  /** Characters of a message; Kubernetes' bound. */
  message: 1_024,
  /** Events of one object from one component: so many at once, then one every `refillMs`. Kubernetes' event spam filter has 25 and five minutes. */
  burst: 25,
  refillMs: 300_000,
  /** Objects whose allowance is remembered. */
  allowances: 1_024,
  /** Characters of an Event's name beside its suffix. */
  namePrefix: 236,
} as const;

/** An Event that is kept, and when it last happened in monotonic ms. */
interface Kept {
  event: KubeEvent;
  at: number;
}

interface Allowance {
  left: number;
  at: number;
}

/** What there is to publish: by observed key, the event or null for one that is dropped. */
export type EventChanges = Map<string, KubeEvent | null>;

/**
 * The Events of this node: repeats raise a count, their number and rate are bounded, old ones are dropped. Names derive from what is told, so that a restarted
 * daemon goes on counting. Changed in place; reads no clock.
 */
export class EventLog {
  readonly #node: string;
  /** In the order of their last repeat, oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #allowances = new Map<string, Allowance>();

  constructor(node: string) {
    this.#node = node;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Takes back what an earlier run of the daemon published. */
  restore(events: Iterable<KubeEvent>, now: Now): void {
    const sorted = [...events].sort((left, right) => (left.lastTimestamp < right.lastTimestamp ? -1 : 1));
    for (const event of sorted) {
      const ageMs = Math.max(0, now.wall - (parseTime(event.lastTimestamp) ?? now.wall));
      this.#kept.set(observedKey(event), { event, at: now.monotonic - ageMs });
    }
  }

  record(draft: EventDraft, now: Now): EventChanges {
    const changes: EventChanges = new Map();
    const message = cut(draft.message, EVENT_LIMITS.message);
    const name = eventName(draft, message, draft.shared === true ? '' : this.#node);
    const namespace = draft.about.metadata.namespace ?? 'default';
    const key = `event/${namespace}/${name}`;
    const before = this.#kept.get(key)?.event;
    if (!this.#mayTell(`${draft.component} ${draft.about.kind} ${namespace} ${draft.about.metadata.name}`, now)) return changes;
    const event = before === undefined ? this.#newEvent(draft, name, namespace, message, now) : repeated(before, now);
    // Deleted first, so that the map stays in the order of the last repeats.
    this.#kept.delete(key);
    this.#kept.set(key, { event, at: now.monotonic });
    changes.set(key, event);
    this.#dropOldest(changes);
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

  #dropOldest(changes: EventChanges): void {
    for (const key of this.#kept.keys()) {
      if (this.#kept.size <= EVENT_LIMITS.kept) return;
      this.#kept.delete(key);
      changes.set(key, null);
    }
  }

  #mayTell(who: string, now: Now): boolean {
    const before = this.#allowances.get(who) ?? { left: EVENT_LIMITS.burst, at: now.monotonic };
    const refilled = before.left + (now.monotonic - before.at) / EVENT_LIMITS.refillMs;
    const left = Math.min(EVENT_LIMITS.burst, refilled);
    const may = left >= 1;
    this.#allowances.delete(who);
    this.#allowances.set(who, { left: may ? left - 1 : left, at: now.monotonic });
    if (this.#allowances.size > EVENT_LIMITS.allowances) {
      const [oldest] = this.#allowances.keys();
      if (oldest !== undefined) this.#allowances.delete(oldest);
    }
    return may;
  }

  #newEvent(draft: EventDraft, name: string, namespace: string, message: string, now: Now): KubeEvent {
    const { about } = draft;
    const at = formatTime(now.wall);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace, uid: eventUid(namespace, name), creationTimestamp: at },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name: about.metadata.name,
        ...(about.metadata.namespace === undefined ? {} : { namespace: about.metadata.namespace }),
        uid: about.metadata.uid,
        ...(draft.fieldPath === undefined ? {} : { fieldPath: draft.fieldPath }),
      },
      reason: draft.reason,
      message,
      type: draft.type,
      source: { component: draft.component, ...(draft.shared === true ? {} : { host: this.#node }) },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
  }
}

export function observedKey(event: StoredObject): string {
  return `event/${event.metadata.namespace ?? 'default'}/${event.metadata.name}`;
}

/** `NAME.HASH`, the same for the same thing told of the same object by the same component of the same node; of any, when `node` is empty. */
export function eventName(draft: EventDraft, message: string, node: string): string {
  const { about, type, reason, component, fieldPath } = draft;
  const identity = canonicalJson([about.kind, about.metadata.uid, type, reason, message, component, node, fieldPath ?? '']);
  const hash = createHash('sha256').update(identity, 'utf8').digest('hex').slice(0, 16);
  return `${about.metadata.name.slice(0, EVENT_LIMITS.namePrefix)}.${hash}`;
}

function eventUid(namespace: string, name: string): string {
  const hex = createHash('sha256').update(`${namespace}/${name}`, 'utf8').digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function repeated(event: KubeEvent, now: Now): KubeEvent {
  return { ...event, count: event.count + 1, lastTimestamp: formatTime(now.wall) };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
