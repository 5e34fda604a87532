import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../protocol/json.ts';
import type { EventReport } from '../../../protocol/observed.ts';
import type { KubeEvent } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { EventDraft, Now } from '../decisions.ts';
import { EventAllowances } from './allowances.ts';
import { KeptEvents, observedKey, type EventChanges } from './kept-events.ts';
import { EVENT_LIMITS } from './limits.ts';

/** Milliseconds since 1970, until the year 2527. */
const TIME_DIGITS = 11;
const HASH_DIGITS = 16;
const TIMED = new RegExp(`\\.[0-9a-f]{${TIME_DIGITS}}([0-9a-f]{${HASH_DIGITS}})$`);

/**
 * The Events of this node: repeats raise a count, their number and rate are bounded, old ones are dropped. Names end in a hash of what is told, so that a restarted
 * daemon goes on counting; before it is the time of the first one, since clients list Events by name and people read them in order. Where several nodes tell the same under
 * one name there is no time in it. Changed in place; reads no clock.
 */
export class EventLog {
  readonly #node: string;
  readonly #kept = new KeptEvents(EVENT_LIMITS.kept);
  readonly #allowances = new EventAllowances();
  /** Names in use, by the observed key without the time. */
  readonly #named = new Map<string, string>();
  #lastTime = 0;

  constructor(node: string) {
    this.#node = node;
  }

  get size(): number {
    return this.#kept.size;
  }

  restore(reports: Iterable<EventReport>, now: Now): void {
    const all = [...reports];
    for (const { event } of all) {
      const name = told(observedKey(event));
      if (!this.#named.has(name)) this.#named.set(name, event.metadata.name);
    }
    this.#kept.restore(all, now);
  }

  record(draft: EventDraft, now: Now): EventChanges {
    const message = cut(draft.message, EVENT_LIMITS.message);
    const namespace = draft.about.metadata.namespace ?? 'default';
    const name = this.#nameOf(draft, message, namespace, now);
    const before = this.#kept.get(`event/${namespace}/${name}`)?.event;
    if (!this.#allowances.mayTell(`${draft.component} ${draft.about.kind} ${namespace} ${draft.about.metadata.name}`, now))
      return new Map();
    const event = before === undefined ? this.#newEvent(draft, name, namespace, message, now) : repeated(before, now);
    if (before === undefined) this.#named.set(told(observedKey(event)), name);
    return this.#forgetting(this.#kept.put({ kind: 'event', event }, now));
  }

  expire(now: Now): EventChanges {
    return this.#forgetting(this.#kept.expire(now));
  }

  #nameOf(draft: EventDraft, message: string, namespace: string, now: Now): string {
    if (draft.shared === true) return eventName(draft, message, '');
    const name = eventName(draft, message, this.#node);
    const known = this.#named.get(`event/${namespace}/${name}`);
    if (known !== undefined) return known;
    // What comes in one millisecond keeps its order, too.
    this.#lastTime = Math.max(now.wall, this.#lastTime + 1);
    const time = this.#lastTime.toString(16).padStart(TIME_DIGITS, '0');
    return `${name.slice(0, -HASH_DIGITS)}${time}${name.slice(-HASH_DIGITS)}`;
  }

  #forgetting(changes: EventChanges): EventChanges {
    // An earlier run of the daemon may have told the same under another time.
    for (const [key, report] of changes)
      if (report === null && key.endsWith(`/${this.#named.get(told(key))}`)) this.#named.delete(told(key));
    return changes;
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

/** `NAME.HASH`, the same for the same thing told of the same object by the same component of the same node; of any, when `node` is empty. */
export function eventName(draft: EventDraft, message: string, node: string): string {
  const { about, type, reason, component, fieldPath } = draft;
  const identity = canonicalJson([about.kind, about.metadata.uid, type, reason, message, component, node, fieldPath ?? '']);
  const hash = createHash('sha256').update(identity, 'utf8').digest('hex').slice(0, HASH_DIGITS);
  return `${about.metadata.name.slice(0, EVENT_LIMITS.namePrefix)}.${hash}`;
}

/** The observed key without the time in it. */
function told(key: string): string {
  return key.replace(TIMED, '.$1');
}

export function eventUid(namespace: string, name: string): string {
  const hex = createHash('sha256').update(`${namespace}/${name}`, 'utf8').digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function repeated(event: KubeEvent, now: Now): KubeEvent {
  return { ...event, count: event.count + 1, lastTimestamp: formatTime(now.wall) };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
