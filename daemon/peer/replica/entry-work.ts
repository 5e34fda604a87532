import type { VersionHash } from '../../core/desired/digest.ts';
import type { StoreOperation } from '../../ports/store.ts';
import { openEntry } from './changes.ts';
import { objectOperation } from './disk.ts';
import { type Entry, hashOfEntry } from './object-index.ts';

/** What follows from a document or an entry alone. Peers of one process may share what they have found. */
export interface EntryWork {
  readonly open: typeof openEntry;
  /** What is to be written of an entry with an open life. */
  readonly operation: (entry: Entry, saved: Uint8Array) => StoreOperation;
  readonly hash: (entry: Entry) => VersionHash;
  /** What is kept in memory of an entry: an equal one. */
  readonly kept: (entry: Entry) => Entry;
}

export const ENTRY_WORK: EntryWork = { open: openEntry, operation: objectOperation, hash: hashOfEntry, kept: (entry) => entry };
