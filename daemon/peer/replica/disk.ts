import { KithError } from '../../../protocol/errors.ts';
import type { Json, JsonObject } from '../../../protocol/json.ts';
import type { DecidedConflict, GraveCut, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { isObjectKey } from '../../../protocol/wire/fields.ts';
import type { RewrittenEpoch } from '../../ports/documents.ts';
import type { Store, StoreOperation } from '../../ports/store.ts';
import type { Entry, HistoryCost, ObjectIndex } from './object-index.ts';
import { encodeRecord, readRecordJson } from './record.ts';

/** Where the replica's records are in the store. Other prefixes of the store are others' business. */
const META_KEY = 'replica/meta';
const OBJECT_PREFIX = 'replica/o/';
const TOMBSTONE_PREFIX = 'replica/t/';
const QUARANTINE_PREFIX = 'replica/q/';
/** Of the whole folder: a record's own version is in the record. */
const FORMAT = 1;

/** The JSON beside a document. */
interface ObjectJson {
  life: number;
  heads: string[];
  object: StoredObject;
  conflicts: readonly DecidedConflict[];
  invalid?: string;
  fallback?: boolean;
  epoch?: RewrittenEpoch;
  history?: HistoryCost;
}

interface Meta {
  format: number;
  clusterId: string;
  /** Greatest life whose grave was forgotten. */
  floor: number;
}

/** The JSON of a record. @throws KithError `RecordDamaged` */
export type ReadRecord = (raw: Uint8Array) => Json;

export interface Loaded {
  floor: number;
  damaged: ObjectKey[];
}

/** What a peer of this process has read of a disk like this one: not read again, and what both have in common is kept once. */
export interface ReplicaImage extends Pick<Loaded, 'floor'> {
  readonly index: ObjectIndex;
}

export function objectOperation(entry: Entry, saved: Uint8Array): StoreOperation {
  const { life, heads, desired, invalid, fallback, epoch, history } = entry;
  const json = { life, heads, object: desired?.object, conflicts: desired?.conflicts ?? [], invalid, fallback, epoch, history };
  return { type: 'put', key: objectRecordKey(entry.key), value: encodeRecord(json, saved) };
}

export function objectRecordKey(key: ObjectKey): string {
  return OBJECT_PREFIX + key;
}

export function objectRemoval(key: ObjectKey): StoreOperation {
  return { type: 'delete', key: objectRecordKey(key) };
}

export function tombstoneOperation(entry: Entry): StoreOperation {
  const json = {
    life: entry.buried,
    at: entry.grave?.at ?? '',
    settled: entry.grave?.settled ?? false,
    heads: entry.grave?.heads,
    cut: entry.grave?.cut,
    admitted: entry.grave?.admitted,
    deletedAt: entry.grave?.deletedAt,
  };
  return { type: 'put', key: TOMBSTONE_PREFIX + entry.key, value: encodeRecord(json) };
}

export function tombstoneRemoval(key: ObjectKey): StoreOperation {
  return { type: 'delete', key: TOMBSTONE_PREFIX + key };
}

export function metaOperation(clusterId: string, floor: number): StoreOperation {
  return { type: 'put', key: META_KEY, value: encodeRecord({ format: FORMAT, clusterId, floor } satisfies Meta) };
}

/**
 * Reads all records' JSON into the index, where that has not been made of an image. Damaged ones are moved under a prefix of their own and listed.
 * @throws KithError `ForeignCluster` | `UnknownFormat`
 */
export async function loadAll(
  { store, readRecord = readRecordJson, image }: { store: Store; readRecord?: ReadRecord | undefined; image?: ReplicaImage | undefined },
  index: ObjectIndex,
  clusterId: string,
  signal?: AbortSignal,
): Promise<Loaded> {
  if (image !== undefined) return { floor: image.floor, damaged: [] };
  const floor = await loadMeta(store, clusterId);
  const damaged: ObjectKey[] = [];
  const aside: StoreOperation[] = [];
  const read = async (prefix: string, take: (key: ObjectKey, json: JsonObject) => void): Promise<void> => {
    for await (const [name, value] of store.entries(prefix)) {
      signal?.throwIfAborted();
      const key = name.slice(prefix.length);
      try {
        if (!isObjectKey(key)) throw new KithError('RecordDamaged', `${JSON.stringify(key)} is no object key`);
        take(key, readRecord(value) as JsonObject);
      } catch {
        damaged.push(key);
        aside.push({ type: 'put', key: QUARANTINE_PREFIX + name, value }, { type: 'delete', key: name });
      }
    }
  };
  await read(TOMBSTONE_PREFIX, (key, json) => index.put(graveEntry(key, json)));
  await read(OBJECT_PREFIX, (key, json) => {
    const entry = objectEntry(key, json as unknown as ObjectJson);
    if (entry.life > (index.get(key)?.buried ?? 0)) index.put(entry);
  });
  await writeIfPossible(store, aside);
  return { floor, damaged };
}

/** What can wait for the next start: a full disk must not stop this one. */
async function writeIfPossible(store: Store, operations: readonly StoreOperation[]): Promise<void> {
  if (operations.length === 0) return;
  try {
    await store.write(operations);
  } catch (error) {
    if (!(error instanceof KithError)) throw error;
  }
}

/** The cluster whose state is in the store, or that it can not be read; undefined where there is none. */
export async function clusterOfStore(store: Store): Promise<string | undefined> {
  const raw = await store.get(META_KEY);
  if (raw === undefined) return undefined;
  const meta = readMeta(raw);
  return typeof meta?.clusterId === 'string' ? meta.clusterId : '(unreadable)';
}

async function loadMeta(store: Store, clusterId: string): Promise<number> {
  const raw = await store.get(META_KEY);
  if (raw === undefined) {
    await store.write([metaOperation(clusterId, 0)]);
    return 0;
  }
  const meta = readMeta(raw);
  if (meta === undefined) {
    // The floor is learned again from any peer; alone, nobody is left who could bring a forgotten life back.
    await writeIfPossible(store, [metaOperation(clusterId, 0)]);
    return 0;
  }
  if (meta.format !== FORMAT) {
    throw new KithError(
      'UnknownFormat',
      `the data folder has format ${String(meta.format)}, this program reads ${FORMAT}: run the version that wrote it`,
    );
  }
  if (meta.clusterId !== clusterId) {
    throw new KithError(
      'ForeignCluster',
      `the data folder belongs to cluster ${String(meta.clusterId)}, not to ${clusterId}: give another one`,
    );
  }
  return typeof meta.floor === 'number' ? meta.floor : 0;
}

function readMeta(raw: Uint8Array): (Partial<Meta> & JsonObject) | undefined {
  try {
    return readRecordJson(raw) as Partial<Meta> & JsonObject;
  } catch {
    return undefined;
  }
}

function graveEntry(key: ObjectKey, json: JsonObject): Entry {
  const buried = positive(json['life']);
  return {
    key,
    life: 0,
    buried,
    heads: [],
    grave: {
      at: typeof json['at'] === 'string' ? json['at'] : '',
      settled: json['settled'] === true,
      ...(Array.isArray(json['heads']) ? { heads: json['heads'].map(String) } : {}),
      ...(json['cut'] === undefined ? {} : { cut: json['cut'] as unknown as GraveCut }),
      ...(typeof json['deletedAt'] === 'string' ? { deletedAt: json['deletedAt'] } : {}),
      ...(Array.isArray(json['admitted']) ? { admitted: json['admitted'].map(String) } : {}),
    },
  };
}

function objectEntry(key: ObjectKey, json: ObjectJson): Entry {
  const { heads, object, conflicts, invalid, fallback, epoch, history } = json;
  const life = positive(json.life);
  const desired = { key, life, uid: object.metadata.uid, object, heads, conflicts };
  return {
    key,
    life,
    buried: life - 1,
    heads,
    desired,
    ...(invalid === undefined ? {} : { invalid }),
    ...(fallback === undefined ? {} : { fallback }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(history === undefined ? {} : { history }),
  };
}

function positive(value: Json | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw new KithError('RecordDamaged', 'a record has no life');
  return value;
}
