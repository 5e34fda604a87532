import { KithError } from '../../protocol/errors.ts';
import type { Mutation } from '../../protocol/desired.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../protocol/objects.ts';
import type { KubeEvent } from '../../protocol/types.ts';
import type { EventChanges } from '../core/events/kept-events.ts';
import type { DesiredWriter } from '../ports/objects.ts';
import type { ObservedEvents } from './observed-events.ts';

export interface EventWriterDeps {
  desired: DesiredWriter;
  events: { write(event: KubeEvent, edit: number): EventChanges };
  /** Events of all members. */
  shown: ObservedEvents;
  /** Of which the API is told what to show anew. */
  objects: { changed(keys: Iterable<ObjectKey>): void };
  /** This member. */
  self: string;
}

/** What the API writes with: Events become facts of this node, everything else desired state. */
export class EventWriter implements DesiredWriter {
  readonly #deps: EventWriterDeps;

  constructor(deps: EventWriterDeps) {
    this.#deps = deps;
  }

  read(key: ObjectKey): DesiredObject | undefined {
    if (!isEvent(key)) return this.#deps.desired.read(key);
    const report = this.#deps.shown.report(key);
    return report === undefined ? undefined : asDesired(key, report.event);
  }

  buriedLife(key: ObjectKey): number {
    return isEvent(key) ? 0 : this.#deps.desired.buriedLife(key);
  }

  /** @throws KithError `AlreadyExists` | `Invalid` | `TooManyRequests`; what the desired state's writer throws */
  async write(mutations: readonly Mutation[]): Promise<{ objects: DesiredObject[]; warnings: string[] }> {
    // The API writes an Event alone, and controllers none: what they tell they record.
    const [first] = mutations;
    if (first === undefined || !isEvent(first.key)) return this.#deps.desired.write(mutations);
    return { objects: mutations.map((mutation) => this.#writeEvent(mutation)), warnings: [] };
  }

  #writeEvent(mutation: Mutation): DesiredObject {
    const { key } = mutation;
    const before = this.#deps.shown.report(key);
    if (mutation.type === 'bury') throw new KithError('Invalid', 'Events are not deleted: they go an hour after they happened last');
    if (mutation.type === 'create' && before !== undefined) throw new KithError('AlreadyExists', `${key} exists`);
    if (mutation.type === 'update' && before !== undefined && before.edit === undefined)
      throw new KithError('Invalid', 'this Event is the word of a node: only Events that clients wrote can be changed');
    const object = mutation.type === 'create' ? mutation.object : mutation.next;
    const { events, shown, objects, self } = this.#deps;
    // Shown at once; to others it goes with the next records.
    objects.changed(shown.show(self, events.write(object as KubeEvent, (before?.edit ?? 0) + 1)));
    return asDesired(key, this.#deps.shown.report(key)?.event ?? object);
  }
}

function isEvent(key: ObjectKey): boolean {
  return key.startsWith('events/');
}

function asDesired(key: ObjectKey, object: StoredObject): DesiredObject {
  return { key, life: 1, uid: object.metadata.uid, object, heads: [], conflicts: [] };
}
