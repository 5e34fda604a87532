import { decode } from 'cborg';
import { KithError } from './errors.ts';
import { canonicalJson } from './json.ts';
import { silences } from './liveness.ts';
import { EVENT, fits, NODE_STATUS, POD_STATUS } from './observed-shapes.ts';
import type { ObservedRecord, ObservedValue } from './observed.ts';
import { encodeDeterministic } from './wire/cbor.ts';
import { bytes as byteString, integer, list, mapOf, text, wireInvalid } from './wire/fields.ts';
import type { Fields } from './wire/fields.ts';
import { MAX_PEER_CHARS } from './wire/limits.ts';

/** Version of topic `observed` and of request protocol `observed`. */
export const OBSERVED_WIRE_VERSION = 1;
/** One record: what its owner signs, and its value as JSON, which escapes can make longer. A pod's status is some KB. */
export const MAX_RECORD_BYTES = 64 * 1_024;
/** One gossiped batch aims at this: a single greater record travels alone. */
export const OBSERVED_BATCH_BYTES = 128 * 1_024;
/** One answer of anti-entropy. */
export const OBSERVED_ANSWER_BYTES = 1_048_576;
const MAX_MESSAGE_BYTES = 2 * OBSERVED_ANSWER_BYTES;
/** Rows of one list of versions, or of records that are wanted, encoded. All that one owner says has room in it. */
export const OBSERVED_LIST_BYTES = MAX_MESSAGE_BYTES - 1_024;
export const MAX_BATCH_RECORDS = 2_000;
/** Entries of one list of versions. */
export const MAX_OBSERVED_VERSIONS = 10_000;
/** Pods of one report of usage, and containers of one pod. */
export const MAX_USAGE_PODS = 1_000;
/** Owners of one digest: members. */
const MAX_OWNERS = 10_000;
/** `event/NAMESPACE/NAME`, with their limits of 63 and 253 and a suffix. UTF-8, as all lengths of keys. */
export const MAX_EVENT_KEY_BYTES = 400;
/** `pod/UID`, `death/PEER`. */
export const MAX_FACT_KEY_BYTES = 200;
const EVENT_PREFIX = 'event/';
const MAX_NODE_CHARS = 253;
const SIGNATURE_CHARS = 128;
const HASH_CHARS = 16;
/** Owners fall into so many, by a hash of their ids. */
export const OWNER_BUCKETS = 64;
/** Of one bucket's hash in a summary. */
export const SUMMARY_HASH_BYTES = 8;

export interface OwnerDigest {
  owner: string;
  count: number;
  /** 16 hex digits over (key, incarnation, sequence) of all its records. */
  hash: string;
}
export interface RecordVersion {
  owner: string;
  key: string;
  incarnation: number;
  sequence: number;
}
/** What a digest is answered with. */
export interface VersionList {
  versions: RecordVersion[];
  /** False: there was no room for some of the owners. */
  isWhole: boolean;
}
export interface RecordName {
  owner: string;
  key: string;
}
/** What a message of records holds: one that is none that this peer knows is left out, and harms no other. */
export interface ReadRecords {
  readonly records: readonly ObservedRecord[];
  /** As they name themselves. */
  readonly malformed: readonly RecordName[];
}
export type ObservedRequest =
  /** Eight bytes a bucket of owners, all of them: what a wide cluster begins with. */
  | { type: 'summary'; hashes: Uint8Array }
  /** With `buckets`, of these only. */
  | { type: 'digest'; owners: OwnerDigest[]; buckets?: number[] }
  | { type: 'pull'; wanted: RecordName[] };
export type ObservedAnswer =
  { type: 'buckets'; buckets: number[] } | ({ type: 'versions' } & VersionList) | { type: 'records'; records: ObservedRecord[] };

/** What the owner signs: deterministic CBOR of all fields but the signature. The value is {@link plain}, or as it was decoded. */
export function observedSigningBytes({ owner, node, incarnation, sequence, key, value }: Omit<ObservedRecord, 'signature'>): Uint8Array {
  return encodeDeterministic({ owner, node, incarnation, sequence, key, value });
}

/** What counts against {@link MAX_RECORD_BYTES}, given what is signed. */
export function recordBytes({ value }: Pick<ObservedRecord, 'value'>, signing: Uint8Array): number {
  return Math.max(signing.byteLength, JSON.stringify(value).length);
}

/** What a row that names a record takes in a list, at most: headers of three bytes, and of versions two numbers of nine. */
export function rowBytes({ owner, key }: RecordName): number {
  return 1 + 3 + Buffer.byteLength(owner) + 3 + Buffer.byteLength(key) + 2 * 9;
}

/** Without `undefined` members, so that what is signed is what arrives. */
export function plain<Value extends ObservedValue | null>(value: Value): Value {
  return JSON.parse(canonicalJson(value)) as Value;
}

export function encodeRecords(records: readonly ObservedRecord[]): Uint8Array {
  return encodeDeterministic({ v: OBSERVED_WIRE_VERSION, type: 'records', records });
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeRecords(bytes: Uint8Array): ReadRecords {
  const fields = open(bytes);
  if (fields['type'] !== 'records') throw wireInvalid('no records of observed state');
  const records: ObservedRecord[] = [];
  const malformed: RecordName[] = [];
  for (const item of list(fields, 'records', MAX_BATCH_RECORDS)) {
    try {
      records.push(record(item));
    } catch {
      malformed.push(toldName(item));
    }
  }
  return { records, malformed };
}

function toldName(item: unknown): RecordName {
  const { owner, key } = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
  return { owner: typeof owner === 'string' ? owner : '', key: typeof key === 'string' ? key : '' };
}

export function encodeObservedRequest(request: ObservedRequest): Uint8Array {
  return encodeDeterministic({ v: OBSERVED_WIRE_VERSION, ...requestBody(request) });
}

function requestBody(request: ObservedRequest): object {
  switch (request.type) {
    case 'summary':
      return request;
    case 'digest':
      return { ...request, owners: request.owners.map(({ owner, count, hash }) => [owner, count, hash]) };
    case 'pull':
      return { type: 'pull', wanted: request.wanted.map(({ owner, key }) => [owner, key]) };
  }
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeObservedRequest(bytes: Uint8Array): ObservedRequest {
  const fields = open(bytes);
  if (fields['type'] === 'summary') {
    const hashes = byteString(fields['hashes'], 'hashes', OWNER_BUCKETS * SUMMARY_HASH_BYTES);
    if (hashes.byteLength !== OWNER_BUCKETS * SUMMARY_HASH_BYTES) throw wireInvalid(`a summary of ${hashes.byteLength} bytes`);
    return { type: 'summary', hashes };
  }
  if (fields['type'] === 'digest') {
    const owners = list(fields, 'owners', MAX_OWNERS).map((row) => named(row, ['owner', 'count', 'hash']));
    return {
      type: 'digest',
      owners: owners.map((row) => ({ owner: peerId(row), count: natural(row, 'count'), hash: text(row, 'hash', HASH_CHARS) })),
      ...(fields['buckets'] === undefined ? {} : { buckets: bucketList(fields) }),
    };
  }
  if (fields['type'] === 'pull') {
    const wanted = list(fields, 'wanted', MAX_OBSERVED_VERSIONS).map((row) => named(row, ['owner', 'key']));
    return { type: 'pull', wanted: wanted.map((row) => ({ owner: peerId(row), key: recordKey(row) })) };
  }
  throw wireInvalid('unknown request about observed state');
}

export function encodeObservedAnswer(answer: ObservedAnswer): Uint8Array {
  if (answer.type === 'records') return encodeRecords(answer.records);
  if (answer.type === 'buckets') return encodeDeterministic({ v: OBSERVED_WIRE_VERSION, ...answer });
  const versions = answer.versions.map(({ owner, key, incarnation, sequence }) => [owner, key, incarnation, sequence]);
  return encodeDeterministic({ v: OBSERVED_WIRE_VERSION, type: 'versions', versions, more: answer.isWhole ? undefined : true });
}

/** Buckets of owners that differ. @throws KithError `WireInvalid` | `WireVersion` */
export function decodeBuckets(bytes: Uint8Array): number[] {
  const fields = open(bytes);
  if (fields['type'] !== 'buckets') throw wireInvalid('no buckets of observed state');
  return bucketList(fields);
}

/** @throws KithError `WireInvalid` | `WireVersion` */
export function decodeVersions(bytes: Uint8Array): VersionList {
  const fields = open(bytes);
  if (fields['type'] !== 'versions') throw wireInvalid('no versions of observed state');
  const versions = list(fields, 'versions', MAX_OBSERVED_VERSIONS).map((row) => {
    const version = named(row, ['owner', 'key', 'incarnation', 'sequence']);
    const key = recordKey(version);
    return { owner: peerId(version), key, incarnation: natural(version, 'incarnation'), sequence: natural(version, 'sequence') };
  });
  return { versions, isWhole: fields['more'] !== true };
}

function open(bytes: Uint8Array): Fields {
  if (bytes.byteLength > MAX_MESSAGE_BYTES) throw wireInvalid(`a message of ${bytes.byteLength} bytes about observed state`);
  let value: unknown;
  try {
    value = decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false, allowUndefined: false, allowNaN: false });
  } catch (cause) {
    throw new KithError('WireInvalid', 'malformed message: observed state is no CBOR', {}, { cause });
  }
  const fields = mapOf(value, 'a message about observed state');
  if (fields['v'] !== OBSERVED_WIRE_VERSION) {
    throw new KithError(
      'WireVersion',
      `observed state of version ${String(fields['v']).slice(0, 20)}; this peer speaks ${OBSERVED_WIRE_VERSION}`,
    );
  }
  return fields;
}

function record(item: unknown): ObservedRecord {
  const fields = mapOf(item, 'a record');
  const key = recordKey(fields);
  return {
    owner: peerId(fields),
    node: text(fields, 'node', MAX_NODE_CHARS),
    incarnation: natural(fields, 'incarnation'),
    sequence: natural(fields, 'sequence'),
    key,
    value: fields['value'] === null ? null : valueFor(key, mapOf(fields['value'], 'a record value')),
    signature: text(fields, 'signature', SIGNATURE_CHARS),
  };
}

/** A value must be what its key says. Bounded here, so that nothing greater is signed for, kept or passed on. */
function valueFor(key: string, value: Fields): ObservedValue {
  // As long whatever the order of its members.
  if (JSON.stringify(value).length > MAX_RECORD_BYTES) throw wireInvalid(`the record ${key} is larger than ${MAX_RECORD_BYTES} bytes`);
  const isSo =
    (value['kind'] === 'node' && key === 'node' && fits(value['status'], NODE_STATUS)) ||
    (value['kind'] === 'usage' && key === 'usage' && isUsage(value)) ||
    (value['kind'] === 'pod' && typeof value['uid'] === 'string' && key === `pod/${value['uid']}` && fits(value['status'], POD_STATUS)) ||
    (value['kind'] === 'event' && key.startsWith(EVENT_PREFIX) && fits(value['event'], EVENT) && isEdit(value['edit'])) ||
    (value['kind'] === 'death' && typeof value['peerId'] === 'string' && key === `death/${value['peerId']}` && isDeath(value));
  if (!isSo) throw wireInvalid(`the value of record ${key} is not what its key says`);
  // Each branch above has checked the shape that the rest of the daemon relies on.
  return value as unknown as ObservedValue;
}

function isEdit(edit: unknown): boolean {
  return edit === undefined || (Number.isSafeInteger(edit) && Number(edit) > 0);
}

function isDeath(value: Fields): boolean {
  natural(value, 'incarnation');
  natural(value, 'membersSeen');
  natural(value, 'membersKnown');
  for (const name of ['node', 'lastSeen', 'at']) text(value, name, MAX_NODE_CHARS);
  return silences.some((how) => how === value['how']);
}

/** Decisions are made by these numbers. */
function isUsage(value: Fields): boolean {
  text(value, 'at', MAX_NODE_CHARS);
  natural(value, 'windowMs');
  counters(mapOf(value['node'], 'usage of a node'));
  for (const pod of list(value, 'pods', MAX_USAGE_PODS)) {
    const fields = mapOf(pod, 'usage of a pod');
    text(fields, 'uid', MAX_NODE_CHARS);
    for (const container of list(fields, 'containers', MAX_USAGE_PODS)) {
      const of = mapOf(container, 'usage of a container');
      text(of, 'name', MAX_NODE_CHARS);
      counters(of);
    }
  }
  return true;
}

function counters(fields: Fields): void {
  natural(fields, 'cpuMillis');
  natural(fields, 'memoryBytes');
}

function bucketList(fields: Fields): number[] {
  return list(fields, 'buckets', OWNER_BUCKETS).map((bucket) => integer({ bucket }, 'bucket', OWNER_BUCKETS - 1));
}

function named(row: unknown, names: readonly string[]): Fields {
  if (!Array.isArray(row)) throw wireInvalid('a row is no list');
  return Object.fromEntries(names.map((name, index) => [name, (row as unknown[])[index]]));
}

function natural(fields: Fields, name: string): number {
  return integer(fields, name, Number.MAX_SAFE_INTEGER);
}

function recordKey(fields: Fields): string {
  const key = text(fields, 'key', MAX_EVENT_KEY_BYTES);
  const most = key.startsWith(EVENT_PREFIX) ? MAX_EVENT_KEY_BYTES : MAX_FACT_KEY_BYTES;
  if (Buffer.byteLength(key) > most) throw wireInvalid(`a key of more than ${most} bytes`);
  return key;
}

function peerId(fields: Fields): string {
  const value = text(fields, 'owner', MAX_PEER_CHARS);
  if (value === '') throw wireInvalid('an owner is empty');
  return value;
}
