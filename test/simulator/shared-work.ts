import { isDeepStrictEqual } from 'node:util';
import type { VersionHash } from '../../daemon/core/desired/digest.ts';
import type { HashedRecord, RecordReader } from '../../daemon/ports/observed.ts';
import type { VerifySignature } from '../../daemon/ports/identity.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import type { ReadRecords } from '../../protocol/wire-observed.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { Json } from '../../protocol/json.ts';
import type { OpenedEntry } from '../../daemon/peer/replica/changes.ts';
import { ENTRY_WORK, type EntryWork } from '../../daemon/peer/replica/entry-work.ts';
import type { Entry } from '../../daemon/peer/replica/object-index.ts';
import type { StoreOperation } from '../../daemon/ports/store.ts';
import { recordReader } from '../../daemon/peer/observed.ts';
import { compareVersions } from '../../daemon/peer/observed-table.ts';
import type { ReadRecord } from '../../daemon/peer/replica/disk.ts';
import { readRecordJson } from '../../daemon/peer/replica/record.ts';
import type { DocumentState } from '../../daemon/ports/documents.ts';

/**
 * What a document shows follows from its state alone, so that of the peers of one simulation the first finds it out for all that hold the same (stand-in documents
 * share their states), and what follows from that. Whoever changes what is shared breaks it for others: it is frozen.
 */
export function sharedEntryWork(): EntryWork {
  const opened = new WeakMap<DocumentState, OpenedEntry>();
  const operations = new WeakMap<Entry, StoreOperation>();
  const hashes = new WeakMap<Entry, VersionHash>();
  const graves = new Map<ObjectKey, Entry>();
  const shared = (grave: Entry): Entry => {
    const known = graves.get(grave.key);
    if (known !== undefined && isDeepStrictEqual(known, grave)) return known;
    graves.set(grave.key, freeze(grave));
    return grave;
  };
  return {
    open: (context, identity, saved, state) => once(opened, state, () => freeze(ENTRY_WORK.open(context, identity, saved, state))),
    operation: (entry, saved) => once(operations, entry, () => ENTRY_WORK.operation(entry, saved)),
    hash: (entry) => once(hashes, entry, () => ENTRY_WORK.hash(entry)),
    kept: (entry) => (entry.grave === undefined ? entry : shared(entry)),
  };
}

function once<Key extends object, Found>(known: WeakMap<Key, Found>, key: Key, find: () => Found): Found {
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = find()));
  return found;
}

/** The same for records on disks, where one host's are another's. */
export function sharedRecords(): ReadRecord {
  const known = new WeakMap<Uint8Array, { json: Json }>();
  return (raw) => once(known, raw, () => ({ json: freeze(readRecordJson(raw)) })).json;
}

/**
 * The same for messages that all are sent, and for what they say. Of the records that messages of other make-up bring, as the answers of anti-entropy do, all peers keep
 * the first that was equal.
 */
export function sharedReader(verify: VerifySignature): RecordReader {
  const reader = recordReader(verify);
  const messages = new WeakMap<Uint8Array, ReadRecords>();
  const signed = new WeakMap<ObservedRecord, boolean>();
  const hashed = new WeakMap<ObservedRecord, HashedRecord>();
  const newest = new Map<string, ObservedRecord>();
  const shared = (record: ObservedRecord): ObservedRecord => {
    const name = `${record.owner} ${record.key}`;
    const known = newest.get(name);
    if (known !== undefined && jsonEqual(known, record)) return known;
    // Of two that are on their way at the same time the older one is not kept: it is held by few.
    if (known === undefined || compareVersions(known, record) <= 0) newest.set(name, freeze(record));
    return record;
  };
  const read = (payload: Uint8Array): ReadRecords => {
    const { records, malformed } = reader.read(payload);
    return freeze({ records: records.map(shared), malformed });
  };
  return {
    read: (payload) => once(messages, payload, () => read(payload)),
    isSigned: (record) => once(signed, record, () => reader.isSigned(record)),
    hashed: (record) => once(hashed, record, () => freeze(reader.hashed(record))),
  };
}

function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}
