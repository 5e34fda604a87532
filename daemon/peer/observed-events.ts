import type { KubeObject, ObjectKey } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { EventReport, ObservedRecord } from '../../protocol/observed.ts';

const EVENT_PREFIX = 'event/';

/**
 * Events that members record, by the key under which the API shows them. Names derive from the node, too, but for what several nodes tell alike, and what clients wrote to several:
 * of those the latest edit is shown, then the one of the first owner, by id: at every peer the same.
 */
export class ObservedEvents {
  readonly #events = new Map<ObjectKey, Map<string, EventReport>>();

  /** @returns keys of Events that came, changed or went. */
  apply(records: readonly Pick<ObservedRecord, 'owner' | 'key' | 'value'>[]): ObjectKey[] {
    const affected: ObjectKey[] = [];
    for (const { owner, key, value } of records) {
      if (!key.startsWith(EVENT_PREFIX)) continue;
      const [namespace = '', name = ''] = key.slice(EVENT_PREFIX.length).split('/');
      const shown = objectKey('events', namespace, name);
      const owners = this.#events.get(shown) ?? new Map<string, EventReport>();
      if (value?.kind === 'event') owners.set(owner, value);
      else if (!owners.delete(owner)) continue;
      if (owners.size === 0) this.#events.delete(shown);
      else this.#events.set(shown, owners);
      affected.push(shown);
    }
    return affected;
  }

  /** What this member tells from now on, before its records are signed and sent. @returns as `apply` */
  show(owner: string, changes: ReadonlyMap<string, EventReport | null>): ObjectKey[] {
    return this.apply([...changes].map(([key, value]) => ({ owner, key, value })));
  }

  get(key: ObjectKey): KubeObject | undefined {
    return this.report(key)?.event;
  }

  report(key: ObjectKey): EventReport | undefined {
    let best: [owner: string, report: EventReport] | undefined;
    for (const [owner, report] of this.#events.get(key) ?? []) {
      const ahead = (report.edit ?? 0) - (best?.[1].edit ?? 0);
      if (best === undefined || ahead > 0 || (ahead === 0 && owner < best[0])) best = [owner, report];
    }
    return best?.[1];
  }
}
