import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';

const EVENT_PREFIX = 'event/';

/** Events that members record, by the key under which the API shows them. Two members never give one name: it is derived from the node, too. */
export class ObservedEvents {
  readonly #events = new Map<ObjectKey, { owner: string; event: KubeObject }>();

  /** @returns keys of Events that came, changed or went. */
  apply(records: readonly ObservedRecord[]): ObjectKey[] {
    const affected: ObjectKey[] = [];
    for (const { owner, key, value } of records) {
      if (!key.startsWith(EVENT_PREFIX)) continue;
      const [namespace = '', name = ''] = key.slice(EVENT_PREFIX.length).split('/');
      const shown = objectKey('events', namespace, name);
      const held = this.#events.get(shown);
      if (value?.kind === 'event') this.#events.set(shown, { owner, event: value.event });
      else if (held?.owner === owner) this.#events.delete(shown);
      else continue;
      affected.push(shown);
    }
    return affected;
  }

  get(key: ObjectKey): KubeObject | undefined {
    return this.#events.get(key)?.event;
  }
}
