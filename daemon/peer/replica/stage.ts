import type { LostEdit, ReplicaChange } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import type { StoreOperation } from '../../ports/store.ts';
import { NO_LIFE } from '../../core/desired/lives.ts';
import { type objectOperation, objectRemoval, tombstoneOperation, tombstoneRemoval } from './disk.ts';
import type { Entry } from './object-index.ts';
import { visible } from './object-index.ts';

interface Staged {
  /** Undefined when the key is to be forgotten. */
  entry: Entry | undefined;
  /** The open life's document. */
  saved: Uint8Array | undefined;
}

/** Where entries come from that were not staged yet. */
export interface StageBase {
  get(key: ObjectKey): Entry | undefined;
  staged(key: ObjectKey): Staged | undefined;
}

/**
 * What a batch will change, before its fsync. A stage over another one holds the effects of one task, which are absorbed when the task succeeds and thrown away
 * with it when it fails.
 */
export class Stage implements StageBase {
  private readonly entries = new Map<ObjectKey, Staged>();
  private readonly log: ReplicaChange[] = [];
  private readonly base: StageBase;

  constructor(base: StageBase) {
    this.base = base;
  }

  get(key: ObjectKey): Entry | undefined {
    const staged = this.entries.get(key);
    return staged === undefined ? this.base.get(key) : staged.entry;
  }

  /** The entry, or that of a key that was never used. */
  entry(key: ObjectKey): Entry {
    return this.get(key) ?? { key, ...NO_LIFE, heads: [] };
  }

  staged(key: ObjectKey): Staged | undefined {
    return this.entries.get(key) ?? this.base.staged(key);
  }

  /** `lost`: edits that go with it untaken. */
  put(entry: Entry, saved?: Uint8Array, lost: readonly LostEdit[] = []): void {
    const held = this.get(entry.key);
    const before = visible(held);
    const after = visible(entry);
    this.entries.set(entry.key, { entry, saved });
    if (entry.invalid !== undefined && entry.invalid !== held?.invalid) {
      this.log.push({ key: entry.key, before, after, invalid: entry.invalid });
      return;
    }
    // A key that was not visible and is not now has changed for nobody, but for its grave.
    if (before === undefined && after === undefined && entry.grave === undefined) return;
    this.log.push({ key: entry.key, before, after, ...(lost.length === 0 ? {} : { lost }) });
  }

  /** A grave whose bookkeeping changed, or a document that shows what it did before: nobody need hear of it. */
  putQuietly(entry: Entry, saved?: Uint8Array): void {
    this.entries.set(entry.key, { entry, saved });
  }

  /** Drops a grave as though its key had never been used. */
  forget(key: ObjectKey): void {
    this.entries.set(key, { entry: undefined, saved: undefined });
  }

  absorb(task: Stage): void {
    for (const [key, staged] of task.entries) this.entries.set(key, staged);
    this.log.push(...task.log);
  }

  isEmpty(): boolean {
    return this.entries.size === 0;
  }

  changes(): readonly ReplicaChange[] {
    return this.log;
  }

  changedEntries(): Iterable<[ObjectKey, Staged]> {
    return this.entries;
  }

  operations(operationOf: typeof objectOperation): StoreOperation[] {
    return [...this.entries].flatMap(([key, staged]) => operationsFor(key, staged, operationOf));
  }
}

function operationsFor(key: ObjectKey, { entry, saved }: Staged, operationOf: typeof objectOperation): StoreOperation[] {
  if (entry === undefined) return [tombstoneRemoval(key)];
  if (entry.life > 0) return saved === undefined ? [] : [operationOf(entry, saved)];
  return entry.grave === undefined ? [objectRemoval(key)] : [objectRemoval(key), tombstoneOperation(entry)];
}
