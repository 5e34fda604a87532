import type { ChangeEnvelope, Mutation } from '../../protocol/desired.ts';
import type { DesiredObject, ObjectKey } from '../../protocol/objects.ts';
import { SYNC_CHUNK_BYTES } from '../../protocol/wire/limits.ts';
import type { DesiredWriter } from '../ports/objects.ts';
import type { Replica } from '../ports/replica.ts';
import { removedError } from './farewell.ts';

export interface AcknowledgedWriterDeps {
  replica: Replica;
  /** Pushes the envelope to members and says what came of it. */
  acknowledge: (envelope: ChangeEnvelope, livePeers: readonly string[]) => Promise<'acknowledged' | 'alone' | 'timeout'>;
  /** Other members that are alive, nearest first. */
  livePeers: () => readonly string[];
  /** Members known, this one included. */
  membersKnown: () => number;
  /** Nothing that this peer writes reaches anybody any more. */
  isRemoved: () => boolean;
}

export const WARNING_ALONE =
  'stored on this peer only: no other member can be reached. If this host loses its disk before one returns, the change is lost; "kith peers" shows who is missing';
export const WARNING_TIMEOUT =
  'stored on this peer, but no other member has confirmed it within 2 s. It spreads as soon as one answers; "kith peers" shows who is missing';

/** Writes that are answered once they are on disk here and at one other member (DESIGN.md, invariant 3). */
export class AcknowledgedWriter implements DesiredWriter {
  readonly #deps: AcknowledgedWriterDeps;

  constructor(deps: AcknowledgedWriterDeps) {
    this.#deps = deps;
  }

  read(key: ObjectKey): DesiredObject | undefined {
    return this.#deps.replica.get(key);
  }

  buriedLife(key: ObjectKey): number {
    return this.#deps.replica.buriedLife(key);
  }

  /** @throws KithError `Removed`; what Replica.write throws */
  async write(mutations: readonly Mutation[]): Promise<{ objects: DesiredObject[]; warnings: string[] }> {
    const { replica, acknowledge, livePeers, membersKnown, isRemoved } = this.#deps;
    if (isRemoved()) throw removedError();
    const { objects, envelope } = await replica.write(mutations);
    if (membersKnown() <= 1) return { objects, warnings: [] };
    for await (const told of envelope === undefined ? this.#standing(objects) : [envelope]) {
      const outcome = told === undefined ? 'timeout' : await acknowledge(told, livePeers());
      if (outcome !== 'acknowledged') return { objects, warnings: [outcome === 'alone' ? WARNING_ALONE : WARNING_TIMEOUT] };
    }
    return { objects, warnings: [] };
  }

  /**
   * What was asked for is there already, and the answer says so. It may be a controller's work of a moment ago that no other member has on disk yet, so its last changes
   * are pushed again: who lacks what they build on says so. Undefined for what can not be told, as its record here is damaged.
   */
  async *#standing(objects: readonly DesiredObject[]): AsyncGenerator<ChangeEnvelope | undefined> {
    let rest = objects.map(({ key }) => key);
    while (rest.length > 0) {
      const envelope = await this.#deps.replica.newestChanges(rest, SYNC_CHUNK_BYTES);
      const told = new Set([...envelope.changes, ...envelope.tombstones].map(({ key }) => key));
      if (told.size === 0) return void (yield undefined);
      yield envelope;
      rest = rest.filter((key) => !told.has(key));
    }
  }
}
