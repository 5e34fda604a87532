/**
 * A bare pod that heirs move goes on in the next life of its key. To whoever deletes it, it is one pod: on the other side of a split, or in the moment before the move was
 * heard of, the deletion meets an earlier life. It counts for the later one then, since deletion beats what was done meanwhile.
 */
import type { Json } from '../../../protocol/json.ts';
import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { LifeState } from './lives.ts';

/** The life in which a moved pod was created by a person; those between are the moves. */
const MOVED_FACT = 'kith.dev/moved-since-life';

export function movedSince({ life, object }: DesiredObject): Record<string, Json> {
  return { [MOVED_FACT]: object.kith?.facts?.[MOVED_FACT] ?? life };
}

/** When somebody asked for its deletion, RFC 3339. */
export function deletedAt(object: StoredObject | undefined): string | undefined {
  return object?.metadata.deletionTimestamp;
}

/** What is held of a key when a later life of it arrives. */
export interface Held extends LifeState {
  desired?: DesiredObject;
  /** `deletedAt`: somebody had asked for it before it was buried. */
  grave?: { deletedAt?: string };
}

/** `next`, a later life, as it is to be where it is the same pod as one that was deleted here. */
export function deletedWithEarlier(held: Held, next: DesiredObject): StoredObject | undefined {
  const since = next.object.kith?.facts?.[MOVED_FACT];
  const at = held.life > 0 ? deletedAt(held.desired?.object) : held.grave?.deletedAt;
  if (at === undefined || typeof since !== 'number' || since > Math.max(held.life, held.buried)) return undefined;
  if (deletedAt(next.object) !== undefined) return undefined;
  return { ...next.object, metadata: { ...next.object.metadata, deletionTimestamp: at } };
}
