import { hash } from 'node:crypto';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { LayeredMap } from '../core/cluster/layered-map.ts';
import { MAX_OBSERVED_VERSIONS, OBSERVED_LIST_BYTES, OWNER_BUCKETS, rowBytes, SUMMARY_HASH_BYTES } from '../../protocol/wire-observed.ts';
import type { OwnerDigest, RecordVersion, VersionList } from '../../protocol/wire-observed.ts';
import type { HashedRecord } from '../ports/observed.ts';

/** Events kept per owner, the newest: Kubernetes keeps an hour of them. */
export const MAX_EVENTS_PER_OWNER = 512;
/** Other records per owner: pods of a node, and deaths it declared, … */
export const MAX_FACTS_PER_OWNER = 4_096;
/** … of which so many are of pods, so that there is room for the rest. */
export const MAX_PODS_PER_OWNER = 3_584;
export const MAX_RECORDS_PER_OWNER = MAX_EVENTS_PER_OWNER + MAX_FACTS_PER_OWNER;
/** A withdrawn fact is compared with others this long, … */
export const WITHDRAWN_COMPARED_MS = 300_000;
/** … and kept this long: by then every connected peer has it, and who comes back with the old fact is corrected by its owner. */
export const WITHDRAWN_KEPT_MS = 600_000;

interface Entry extends HashedRecord {
  /** Monotonic ms when it was heard of, of what is withdrawn. */
  readonly at?: number;
}

interface Summary {
  count: number;
  hash: string;
  /** Of the owner and all of the above: what goes into the owner's bucket. */
  mixed: Buffer;
  /** From then on another one: a withdrawn fact is compared no more. */
  until: number;
}

/** What one owner says. */
class OwnerRecords {
  readonly entries: LayeredMap<string, Entry>;
  /** Of Events, from the oldest version on; some have been replaced since. */
  private events: Entry[];
  private readonly counts: Record<'events' | 'pods' | 'withdrawnPods' | 'withdrawn', number>;

  constructor(from?: OwnerRecords) {
    this.entries = from?.entries.fork() ?? new LayeredMap();
    this.events = [...(from?.events ?? [])];
    this.counts = { events: 0, pods: 0, withdrawnPods: 0, withdrawn: 0, ...from?.counts };
  }

  set(entry: Entry): void {
    const { key } = entry.record;
    const before = this.entries.get(key);
    if (before !== undefined) this.count(before, -1);
    this.count(entry, 1);
    if (isEvent(key)) {
      let place = this.events.length;
      while (place > 0 && compareVersions(this.events[place - 1]!.record, entry.record) > 0) place -= 1;
      this.events.splice(place, 0, entry);
    }
    this.entries.set(key, entry);
    if (this.events.length > 2 * MAX_EVENTS_PER_OWNER)
      this.events = this.events.filter((event) => this.entries.get(event.record.key) === event);
  }

  delete(entry: Entry): void {
    if (this.entries.delete(entry.record.key)) this.count(entry, -1);
  }

  private count({ record: { key, value } }: Entry, by: 1 | -1): void {
    if (isEvent(key)) this.counts.events += by;
    else {
      if (isPod(key)) this.counts.pods += by;
      if (value === null) this.counts.withdrawn += by;
      if (value === null && isPod(key)) this.counts.withdrawnPods += by;
    }
  }

  /** For one key more. */
  isFull(key: string): boolean {
    const { events, pods } = this.counts;
    if (isEvent(key)) return events >= MAX_EVENTS_PER_OWNER;
    if (isPod(key) && pods >= MAX_PODS_PER_OWNER) return true;
    return this.entries.size - events >= MAX_FACTS_PER_OWNER;
  }

  /** Whether something may go for it. */
  isYielding(key: string): boolean {
    const { withdrawn, withdrawnPods } = this.counts;
    return isEvent(key) || (isPod(key) ? withdrawnPods : withdrawn) > 0;
  }

  /** What gives its room to another: the oldest event; else what was withdrawn, the oldest of that, of pods where it is for one. */
  leastOf(key: string): Entry | undefined {
    if (isEvent(key)) return this.oldestEvent();
    if (!this.isYielding(key)) return undefined;
    let oldest: Entry | undefined;
    for (const entry of this.entries.values()) {
      const { record } = entry;
      if (record.value !== null || isEvent(record.key) || (isPod(key) && !isPod(record.key))) continue;
      if (oldest === undefined || compareVersions(record, oldest.record) < 0) oldest = entry;
    }
    return oldest;
  }

  private oldestEvent(): Entry | undefined {
    while (this.events[0] !== undefined && this.entries.get(this.events[0].record.key) !== this.events[0]) this.events.shift();
    return this.events[0];
  }
}

export interface Placed {
  isIn: boolean;
  /** Nobody else will say that it is gone: whoever was told of it has to be told. */
  pushedOut?: ObservedRecord;
}

/** Records by owner and key; newest wins, bounded. Believes what it is given: whoever calls has verified it. */
export class ObservedTable {
  private readonly owners: LayeredMap<string, OwnerRecords>;
  /** Of owners whose records have not changed since: a comparison costs what changed, not what there is. */
  private readonly summaries: LayeredMap<string, Summary>;
  /** In the order in which they were heard of. */
  private readonly withdrawn: Entry[];

  private readonly hashed: typeof hashRecord;

  /** @param from of a peer that has heard the same: what they have in common is kept once */
  constructor(from?: ObservedTable, hashed = hashRecord) {
    this.hashed = hashed;
    this.owners = from?.owners.fork() ?? new LayeredMap();
    this.summaries = from?.summaries.fork() ?? new LayeredMap();
    this.withdrawn = [...(from?.withdrawn ?? [])];
  }

  get(owner: string, key: string): ObservedRecord | undefined {
    return this.owners.get(owner)?.entries.get(key)?.record;
  }

  *all(): Iterable<ObservedRecord> {
    for (const { entries } of this.owners.values()) for (const { record } of entries.values()) if (record.value !== null) yield record;
  }

  keysOf(owner: string): string[] {
    return [...(this.owners.get(owner)?.entries.keys() ?? [])];
  }

  isNewer(version: RecordVersion): boolean {
    const held = this.get(version.owner, version.key);
    return held === undefined || compareVersions(version, held) > 0;
  }

  /** Whether a record of this key that is newer than all would be in. */
  hasRoomFor(owner: string, key: string): boolean {
    const own = this.owners.get(owner);
    return own === undefined || own.entries.has(key) || !own.isFull(key) || own.isYielding(key);
  }

  /** Where there is room, the record is in. What is beyond the limit is out: the oldest event, or of the rest what was withdrawn first, though that be the record. */
  put(record: ObservedRecord, now: number): Placed {
    const own = this.ownRecords(record.owner);
    this.summaries.delete(record.owner);
    const entry: Entry = record.value === null ? { ...this.hashed(record), at: now } : this.hashed(record);
    if (!own.entries.has(record.key) && own.isFull(record.key)) {
      const oldest = own.leastOf(record.key);
      const isOlder = oldest !== undefined && compareVersions(record, oldest.record) < 0;
      if (oldest === undefined || (isOlder && (isEvent(record.key) || record.value === null))) return { isIn: false };
      own.delete(oldest);
      this.keep(own, entry);
      return { isIn: true, pushedOut: oldest.record };
    }
    this.keep(own, entry);
    return { isIn: true };
  }

  private keep(own: OwnerRecords, entry: Entry): void {
    if (entry.record.value === null) this.withdrawn.push(entry);
    own.set(entry);
  }

  /** Drops the records of owners that `keep` does not name, and withdrawn ones that are old. Answers the former. */
  sweep(keep: (owner: string) => boolean, now: number): ObservedRecord[] {
    const dropped: ObservedRecord[] = [];
    for (const owner of this.owners.keys()) if (!keep(owner)) dropped.push(...this.drop(owner));
    for (let [oldest] = this.withdrawn; oldest !== undefined && ageOf(oldest, now) > WITHDRAWN_KEPT_MS; [oldest] = this.withdrawn) {
      this.withdrawn.shift();
      const { owner, key } = oldest.record;
      if (this.owners.get(owner)?.entries.get(key) === oldest) this.ownRecords(owner).delete(oldest);
    }
    return dropped;
  }

  private drop(owner: string): ObservedRecord[] {
    const records = [...(this.owners.get(owner)?.entries.values() ?? [])].map(({ record }) => record);
    this.owners.delete(owner);
    this.summaries.delete(owner);
    return records;
  }

  get ownerCount(): number {
    return this.owners.size;
  }

  /** A row an owner; with `buckets`, of the owners in these. */
  digest(now: number, buckets?: ReadonlySet<number>): OwnerDigest[] {
    const digests: OwnerDigest[] = [];
    for (const [owner, { entries }] of this.owners) {
      if (buckets?.has(ownerBucket(owner)) === false) continue;
      const { count, hash } = this.summaryOf(owner, entries, now);
      digests.push({ owner, count, hash });
    }
    return digests;
  }

  /** A hash a bucket of owners: as long for a thousand owners as for one. */
  bucketHashes(now: number): Uint8Array {
    const hashes = Buffer.alloc(OWNER_BUCKETS * SUMMARY_HASH_BYTES);
    for (const [owner, { entries }] of this.owners) {
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

  private ownRecords(owner: string): OwnerRecords {
    const known = this.owners.get(owner);
    if (known !== undefined && this.owners.owns(owner)) return known;
    const own = new OwnerRecords(known);
    this.owners.set(owner, own);
    return own;
  }

  private summaryOf(owner: string, entries: LayeredMap<string, Entry>, now: number): Summary {
    let summary = this.summaries.get(owner);
    if (summary === undefined || now > summary.until) this.summaries.set(owner, (summary = summaryOf(owner, entries.values(), now)));
    return summary;
  }

  /** What is held of the owners (in `buckets` only) whose digest differs from `theirs`, owner by owner, each whole: it ends before the first that one message has no room for. */
  versionsWhereDifferent(theirs: readonly OwnerDigest[], now: number, buckets?: ReadonlySet<number>): VersionList {
    const known = new Map(theirs.map((digest) => [digest.owner, `${digest.count} ${digest.hash}`]));
    const versions: RecordVersion[] = [];
    let bytes = 0;
    for (const { owner, count, hash } of this.digest(now, buckets)) {
      if (count === 0 || known.get(owner) === `${count} ${hash}`) continue;
      const ofOwner = [...(this.owners.get(owner)?.entries.values() ?? [])].filter((entry) => isCompared(entry, now));
      bytes += ofOwner.reduce((sum, { record }) => sum + rowBytes(record), 0);
      if (versions.length + ofOwner.length > MAX_OBSERVED_VERSIONS || bytes > OBSERVED_LIST_BYTES) return { versions, isWhole: false };
      for (const { record } of ofOwner) {
        versions.push({ owner, key: record.key, incarnation: record.incarnation, sequence: record.sequence });
      }
    }
    return { versions, isWhole: true };
  }
}

/** Positive when `left` is newer. */
export function compareVersions(left: Omit<RecordVersion, 'owner' | 'key'>, right: Omit<RecordVersion, 'owner' | 'key'>): number {
  return left.incarnation - right.incarnation || left.sequence - right.sequence;
}

export function isEvent(key: string): boolean {
  return key.startsWith('event/');
}

function isPod(key: string): boolean {
  return key.startsWith('pod/');
}

function isCompared(entry: Entry, now: number): boolean {
  return entry.record.value !== null || ageOf(entry, now) <= WITHDRAWN_COMPARED_MS;
}

function summaryOf(owner: string, entries: Iterable<Entry>, now: number): Summary {
  let [count, until, high, low] = [0, Infinity, 0, 0];
  for (const entry of entries) {
    if (!isCompared(entry, now)) continue;
    if (entry.at !== undefined) until = Math.min(until, entry.at + WITHDRAWN_COMPARED_MS);
    count += 1;
    high ^= entry.high;
    low ^= entry.low;
  }
  const text = textOf(high, low);
  // Two owners may hold records of the same names and versions: their sums must not take each other out.
  const mixed = hash('sha256', `${owner}\n${count}\n${text}`, 'buffer').subarray(0, SUMMARY_HASH_BYTES);
  return { count, hash: text, mixed, until };
}

/** How another table sums up the owners of whom it listed all that it has. */
export function digestOf(versions: readonly RecordVersion[]): OwnerDigest[] {
  const sums = new Map<string, { count: number; high: number; low: number }>();
  for (const version of versions) {
    const sum = sums.get(version.owner) ?? { count: 0, high: 0, low: 0 };
    const { high, low } = hashVersion(version);
    sums.set(version.owner, { count: sum.count + 1, high: sum.high ^ high, low: sum.low ^ low });
  }
  return [...sums].map(([owner, { count, high, low }]) => ({ owner, count, hash: textOf(high, low) }));
}

function textOf(high: number, low: number): string {
  const sum = Buffer.alloc(SUMMARY_HASH_BYTES);
  sum.writeInt32BE(high, 0);
  sum.writeInt32BE(low, 4);
  return sum.toString('hex');
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

export function hashRecord(record: ObservedRecord): HashedRecord {
  return { record, ...hashVersion(record) };
}

function hashVersion({ key, incarnation, sequence }: Omit<RecordVersion, 'owner'>): Omit<HashedRecord, 'record'> {
  const sum = hash('sha256', `${key}\n${incarnation}\n${sequence}`, 'buffer');
  return { high: sum.readInt32BE(0), low: sum.readInt32BE(4) };
}

function ageOf({ at }: Entry, now: number): number {
  return at === undefined ? 0 : now - at;
}
