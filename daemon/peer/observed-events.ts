import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../protocol/objects.ts';
import type { EventReport, ObservedRecord } from '../../protocol/observed.ts';

const EVENT_PREFIX = 'event/';

/** What one member says. Of the records themselves, so that nothing of them is kept twice. */
type Said = Readonly<Pick<ObservedRecord, 'owner' | 'key' | 'value'>>;

/**
 * Events that members record, by the key under which the API shows them. Names derive from the node, too, but for what several nodes tell alike, and what clients wrote to several:
 * of those the latest edit is shown, then the one of the first owner, by id: at every peer the same.
 */
export class ObservedEvents {
  /** By the key of the records; of nearly all one member speaks. */
  readonly #events = new Map<string, readonly Said[]>();

  /** @returns keys of Events that came, changed or went. */
  apply(records: readonly Said[]): ObjectKey[] {
    const affected: ObjectKey[] = [];
    for (const record of records) {
      const { owner, key, value } = record;
      if (!key.startsWith(EVENT_PREFIX)) continue;
      const before = this.#events.get(key) ?? [];
      const others = before.length === 0 ? before : before.filter((said) => said.owner !== owner);
      if (value?.kind === 'event') this.#events.set(key, others.length === 0 ? [record] : [...others, record]);
      else if (others.length === before.length) continue;
      else if (others.length === 0) this.#events.delete(key);
      else this.#events.set(key, others);
      affected.push(shownKey(key));
    }
    return affected;
  }

  /** What this member tells from now on, before its records are signed and sent. @returns as `apply` */
  show(owner: string, changes: ReadonlyMap<string, EventReport | null>): ObjectKey[] {
    return this.apply([...changes].map(([key, value]) => ({ owner, key, value })));
  }

  keys(): Iterable<ObjectKey> {
    return [...this.#events.keys()].map(shownKey);
  }

  has(key: ObjectKey): boolean {
    return this.report(key) !== undefined;
  }

  get(key: ObjectKey): KubeObject | undefined {
    return this.report(key)?.event;
  }

  report(key: ObjectKey): EventReport | undefined {
    const { namespace, name } = parseObjectKey(key);
    let best: [owner: string, report: EventReport] | undefined;
    for (const { owner, value } of this.#events.get(`${EVENT_PREFIX}${namespace}/${name}`) ?? []) {
      if (value?.kind !== 'event') continue;
      const ahead = (value.edit ?? 0) - (best?.[1].edit ?? 0);
      if (best === undefined || ahead > 0 || (ahead === 0 && owner < best[0])) best = [owner, value];
    }
    return best?.[1];
  }
}

function shownKey(key: string): ObjectKey {
  const [namespace = '', name = ''] = key.slice(EVENT_PREFIX.length).split('/');
  return objectKey('events', namespace, name);
}
