import { KithError } from '../../../protocol/errors.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type { EventReport } from '../../../protocol/observed.ts';
import type { KubeEvent } from '../../../protocol/types.ts';
import type { Now } from '../decisions.ts';
import { EventAllowances } from './allowances.ts';
import { eventUid } from './event-log.ts';
import { KeptEvents, type EventChanges } from './kept-events.ts';
import { EVENT_LIMITS } from './limits.ts';

/**
 * Events that clients write to this node: kept beside its own, in observed state and as long, so that nothing of them stays in desired state. A client that repeats one
 * may ask another peer: that one keeps the Event then, too, and whose edit is later is shown.
 */
export class ClientEvents {
  readonly #kept = new KeptEvents(EVENT_LIMITS.keptOfClients);
  readonly #allowances = new EventAllowances();

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): EventReport | undefined {
    return this.#kept.get(key);
  }

  restore(reports: Iterable<EventReport>, now: Now): void {
    this.#kept.restore(reports, now);
  }

  /**
   * @param edit one more than that of the version before; 1 of a new one
   * @throws KithError `TooManyRequests` | `Invalid`
   */
  write(event: KubeEvent, edit: number, now: Now): EventChanges {
    const { managedFields: _owners, ...metadata } = event.metadata;
    const { namespace = 'default', name } = metadata;
    const report: EventReport = { kind: 'event', edit, event: { ...event, metadata: { ...metadata, uid: eventUid(namespace, name) } } };
    if (canonicalJson(report).length > EVENT_LIMITS.bytesOfClients)
      throw new KithError('Invalid', `an Event may have ${EVENT_LIMITS.bytesOfClients} bytes as JSON`);
    const { involvedObject: about, source, reportingComponent } = event as Partial<KubeEvent> & { reportingComponent?: string };
    const who = `${source?.component ?? reportingComponent ?? ''} ${about?.kind ?? ''} ${namespace} ${about?.name ?? ''}`;
    if (!this.#allowances.mayTell(who, now)) {
      const message = `too many Events of ${about?.kind ?? 'an object'} "${about?.name ?? ''}" by one component: ${EVENT_LIMITS.burst} at once, then one every ${EVENT_LIMITS.refillMs / 60_000} minutes`;
      throw new KithError('TooManyRequests', message);
    }
    return this.#kept.put(report, now);
  }

  expire(now: Now): EventChanges {
    return this.#kept.expire(now);
  }
}
