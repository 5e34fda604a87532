import { resolveObject } from '../../daemon/core/desired/resolve.ts';
import type { RecordReader } from '../../daemon/ports/observed.ts';
import type { VerifySignature } from '../../daemon/ports/identity.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { jsonEqual } from '../../protocol/json.ts';
import type { Json } from '../../protocol/json.ts';
import type { Resolution, Resolve } from '../../daemon/core/desired/resolve.ts';
import { recordReader } from '../../daemon/peer/observed.ts';
import { compareVersions } from '../../daemon/peer/observed-table.ts';
import type { ReadRecord } from '../../daemon/peer/replica/disk.ts';
import { readRecordJson } from '../../daemon/peer/replica/record.ts';
import type { DocumentState } from '../../daemon/ports/documents.ts';

/**
 * What a document shows follows from its state alone, so that of the peers of one simulation the first finds it out for all that hold the same (stand-in documents
 * share their states). Whoever changes what is shared breaks it for others: it is frozen.
 */
export function sharedResolve(): Resolve {
  const known = new WeakMap<DocumentState, Resolution>();
  return (input) => {
    let found = known.get(input.state);
    if (found === undefined) {
      found = freeze(resolveObject(input));
      known.set(input.state, found);
    }
    return found;
  };
}

/** The same for records on disks, where one host's are another's. */
export function sharedRecords(): ReadRecord {
  const known = new WeakMap<Uint8Array, { json: Json }>();
  return (raw) => {
    let found = known.get(raw);
    if (found === undefined) known.set(raw, (found = { json: freeze(readRecordJson(raw)) }));
    return found.json;
  };
}

/**
 * The same for messages that all are sent, and for what they say. Of the records that messages of other make-up bring, as the answers of anti-entropy do, all peers keep
 * the first that was equal.
 */
export function sharedReader(verify: VerifySignature): RecordReader {
  const reader = recordReader(verify);
  const messages = new WeakMap<Uint8Array, readonly ObservedRecord[]>();
  const signed = new WeakMap<ObservedRecord, boolean>();
  const newest = new Map<string, ObservedRecord>();
  const shared = (record: ObservedRecord): ObservedRecord => {
    const name = `${record.owner} ${record.key}`;
    const known = newest.get(name);
    if (known !== undefined && jsonEqual(known, record)) return known;
    // Of two that are on their way at the same time the older one is not kept: it is held by few.
    if (known === undefined || compareVersions(known, record) <= 0) newest.set(name, freeze(record));
    return record;
  };
  return {
    read(payload) {
      let records = messages.get(payload);
      if (records === undefined) messages.set(payload, (records = freeze(reader.read(payload).map(shared))));
      return records;
    },
    isSigned(record) {
      let isSigned = signed.get(record);
      if (isSigned === undefined) signed.set(record, (isSigned = reader.isSigned(record)));
      return isSigned;
    },
  };
}

function freeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}
