import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';

const EVENT_PREFIX = 'event/';

/**
 * Events that members record, by the key under which the API shows them. Names derive from the node, too, but for what several nodes tell alike: of those the
 * one of the first owner, by id, is shown, at every peer the same.
 */
export class ObservedEvents {
  readonly #events = new Map<ObjectKey, Map<string, KubeObject>>();

  /** @returns keys of Events that came, changed or went. */
  apply(records: readonly ObservedRecord[]): ObjectKey[] {
    const affected: ObjectKey[] = [];
    for (const { owner, key, value } of records) {
      if (!key.startsWith(EVENT_PREFIX)) continue;
      const [namespace = '', name = ''] = key.slice(EVENT_PREFIX.length).split('/');
      const shown = objectKey('events', namespace, name);
      const owners = this.#events.get(shown) ?? new Map<string, KubeObject>();
      if (value?.kind === 'event') owners.set(owner, value.event);
      else if (!owners.delete(owner)) continue;
      if (owners.size === 0) this.#events.delete(shown);
      else this.#events.set(shown, owners);
      affected.push(shown);
    }
    return affected;
  }

  get(key: ObjectKey): KubeObject | undefined {
    const owners = this.#events.get(key);
    if (owners === undefined) return undefined;
    const [first] = owners.size === 1 ? owners.keys() : [...owners.keys()].sort();
    return first === undefined ? undefined : owners.get(first);
  }
}
