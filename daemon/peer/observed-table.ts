import { hash } from 'node:crypto';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { OWNER_BUCKETS, SUMMARY_HASH_BYTES } from '../../protocol/wire-observed.ts';
import type { OwnerDigest, RecordVersion } from '../../protocol/wire-observed.ts';

/** Events kept per owner, the newest: Kubernetes keeps an hour of them. */
export const MAX_EVENTS_PER_OWNER = 512;
/** Other records per owner: pods of a node, and deaths it declared. */
export const MAX_FACTS_PER_OWNER = 4_096;
/** A withdrawn fact is compared with others this long, … */
export const WITHDRAWN_COMPARED_MS = 300_000;
/** … and kept this long: by then every connected peer has it, and who comes back with the old fact is corrected by its owner. */
export const WITHDRAWN_KEPT_MS = 600_000;

interface Entry {
  record: ObservedRecord;
  at: number;
  /** Of the version: both halves as whole numbers, since a wide cluster has as many records as all its pods, and a buffer takes ten times the room. */
  high: number;
  low: number;
}

interface Summary {
  count: number;
  hash: string;
  /** Of the owner and all of the above: what goes into the owner's bucket. */
  mixed: Buffer;
  /** From then on another one: a withdrawn fact is compared no more. */
  until: number;
}

export interface Placed {
  isIn: boolean;
  /** Nobody else will say that it is gone: whoever was told of it has to be told. */
  pushedOut?: ObservedRecord;
}

/** Records by owner and key; newest wins, bounded. Believes what it is given: whoever calls has verified it. */
export class ObservedTable {
  private readonly owners = new Map<string, Map<string, Entry>>();
  /** Of owners whose records have not changed since: a comparison costs what changed, not what there is. */
  private readonly summaries = new Map<string, Summary>();

  get(owner: string, key: string): ObservedRecord | undefined {
    return this.owners.get(owner)?.get(key)?.record;
  }

  *all(): Iterable<ObservedRecord> {
    for (const entries of this.owners.values()) for (const { record } of entries.values()) if (record.value !== null) yield record;
  }

  keysOf(owner: string): string[] {
    return [...(this.owners.get(owner)?.keys() ?? [])];
  }

  isNewer(version: RecordVersion): boolean {
    const held = this.get(version.owner, version.key);
    return held === undefined || compareVersions(version, held) > 0;
  }

  /** Where there is room, which an older event than the kept ones has not, the record is in, and an event beyond the limit is out. */
  put(record: ObservedRecord, now: number): Placed {
    const entries = this.owners.get(record.owner) ?? new Map<string, Entry>();
    this.owners.set(record.owner, entries);
    this.summaries.delete(record.owner);
    const entry = { record, at: now, ...versionHash(record) };
    if (entries.has(record.key)) {
      entries.set(record.key, entry);
      return { isIn: true };
    }
    const events = isEvent(record.key);
    const rivals = [...entries.values()].filter((other) => isEvent(other.record.key) === events);
    if (rivals.length < (events ? MAX_EVENTS_PER_OWNER : MAX_FACTS_PER_OWNER)) {
      entries.set(record.key, entry);
      return { isIn: true };
    }
    if (!events) return { isIn: false };
    const oldest = rivals.reduce((left, right) => (compareVersions(left.record, right.record) < 0 ? left : right));
    if (compareVersions(record, oldest.record) < 0) return { isIn: false };
    entries.delete(oldest.record.key);
    entries.set(record.key, entry);
    return { isIn: true, pushedOut: oldest.record };
  }

  /** Drops the records of owners that `keep` does not name, and withdrawn ones that are old. Answers the former. */
  sweep(keep: (owner: string) => boolean, now: number): ObservedRecord[] {
    const dropped: ObservedRecord[] = [];
    for (const [owner, entries] of this.owners) {
      if (!keep(owner)) {
        this.owners.delete(owner);
        this.summaries.delete(owner);
        dropped.push(...[...entries.values()].map(({ record }) => record));
        continue;
      }
      for (const [key, { record, at }] of entries) if (record.value === null && now - at > WITHDRAWN_KEPT_MS) entries.delete(key);
    }
    return dropped;
  }

  get ownerCount(): number {
    return this.owners.size;
  }

  /** A row an owner; with `buckets`, of the owners in these. */
  digest(now: number, buckets?: ReadonlySet<number>): OwnerDigest[] {
    const digests: OwnerDigest[] = [];
    for (const [owner, entries] of this.owners) {
      if (buckets?.has(ownerBucket(owner)) === false) continue;
      const { count, hash } = this.summaryOf(owner, entries, now);
      digests.push({ owner, count, hash });
    }
    return digests;
  }

  /** A hash a bucket of owners: as long for a thousand owners as for one. */
  bucketHashes(now: number): Uint8Array {
    const hashes = Buffer.alloc(OWNER_BUCKETS * SUMMARY_HASH_BYTES);
    for (const [owner, entries] of this.owners) {
      const { count, mixed } = this.summaryOf(owner, entries, now);
      if (count > 0) addTo(hashes, ownerBucket(owner) * SUMMARY_HASH_BYTES, mixed);
    }
    return hashes;
  }

  /** The buckets of which `theirs` has another hash. */
  bucketsWhereDifferent(theirs: Uint8Array, now: number): number[] {
    const ours = this.bucketHashes(now);
    const part = (hashes: Uint8Array, bucket: number): Uint8Array =>
      hashes.subarray(bucket * SUMMARY_HASH_BYTES, (bucket + 1) * SUMMARY_HASH_BYTES);
    return Array.from({ length: OWNER_BUCKETS }, (_, bucket) => bucket).filter(
      (bucket) => Buffer.compare(part(ours, bucket), part(theirs, bucket)) !== 0,
    );
  }

  private summaryOf(owner: string, entries: ReadonlyMap<string, Entry>, now: number): Summary {
    let summary = this.summaries.get(owner);
    if (summary === undefined || now > summary.until) this.summaries.set(owner, (summary = summaryOf(owner, entries.values(), now)));
    return summary;
  }

  /** What is held of the owners (in `buckets` only) whose digest differs from `theirs`, owner by owner, about `limit` at most. */
  versionsWhereDifferent(theirs: readonly OwnerDigest[], now: number, limit: number, buckets?: ReadonlySet<number>): RecordVersion[] {
    const known = new Map(theirs.map((digest) => [digest.owner, `${digest.count} ${digest.hash}`]));
    const versions: RecordVersion[] = [];
    for (const { owner, count, hash } of this.digest(now, buckets)) {
      if (count === 0 || known.get(owner) === `${count} ${hash}`) continue;
      const ofOwner = [...(this.owners.get(owner)?.values() ?? [])].filter((entry) => isCompared(entry, now));
      if (versions.length + ofOwner.length > limit) break;
      for (const { record } of ofOwner) {
        versions.push({ owner, key: record.key, incarnation: record.incarnation, sequence: record.sequence });
      }
    }
    return versions;
  }
}

/** Positive when `left` is newer. */
export function compareVersions(left: Omit<RecordVersion, 'owner' | 'key'>, right: Omit<RecordVersion, 'owner' | 'key'>): number {
  return left.incarnation - right.incarnation || left.sequence - right.sequence;
}

export function isEvent(key: string): boolean {
  return key.startsWith('event/');
}

function isCompared(entry: Entry, now: number): boolean {
  return entry.record.value !== null || now - entry.at <= WITHDRAWN_COMPARED_MS;
}

function summaryOf(owner: string, entries: Iterable<Entry>, now: number): Summary {
  let [count, until, high, low] = [0, Infinity, 0, 0];
  for (const entry of entries) {
    if (!isCompared(entry, now)) continue;
    if (entry.record.value === null) until = Math.min(until, entry.at + WITHDRAWN_COMPARED_MS);
    count += 1;
    high ^= entry.high;
    low ^= entry.low;
  }
  const sum = Buffer.alloc(SUMMARY_HASH_BYTES);
  sum.writeInt32BE(high, 0);
  sum.writeInt32BE(low, 4);
  const text = sum.toString('hex');
  // Two owners may hold records of the same names and versions: their sums must not take each other out.
  const mixed = hash('sha256', `${owner}\n${count}\n${text}`, 'buffer').subarray(0, SUMMARY_HASH_BYTES);
  return { count, hash: text, mixed, until };
}

/** Exclusive or: adding what is in takes it out. */
function addTo(sum: Buffer, at: number, added: Buffer): void {
  for (let index = 0; index < SUMMARY_HASH_BYTES; index += 1) sum[at + index] = (sum[at + index] ?? 0) ^ (added[index] ?? 0);
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits: all peers must find the same. */
function ownerBucket(owner: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < owner.length; index += 1) sum = Math.imul(sum ^ owner.charCodeAt(index), 0x01000193);
  return (sum ^ (sum >>> 16)) & (OWNER_BUCKETS - 1);
}

function versionHash({ key, incarnation, sequence }: ObservedRecord): Pick<Entry, 'high' | 'low'> {
  const sum = hash('sha256', `${key}\n${incarnation}\n${sequence}`, 'buffer');
  return { high: sum.readInt32BE(0), low: sum.readInt32BE(4) };
}
