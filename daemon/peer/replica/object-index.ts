import { hash } from 'node:crypto';
import type { ReplicaVersion } from '../../../protocol/desired.ts';
import type { DesiredObject, GroupResource, ObjectKey, Tombstone } from '../../../protocol/objects.ts';
import { resourceOf } from '../../../protocol/objects.ts';
import { BUCKETS, MAX_HEADS } from '../../../protocol/wire/limits.ts';
import { Groups } from '../../core/cluster/groups.ts';
import { LayeredMap } from '../../core/cluster/layered-map.ts';
import { BucketDigests, bucketOf, type VersionHash, versionHash } from '../../core/desired/digest.ts';
import { sameHeads } from '../../core/desired/sync.ts';
import type { LifeState } from '../../core/desired/lives.ts';
import { epochName } from '../../core/desired/epochs.ts';
import type { RewrittenEpoch } from '../../ports/documents.ts';

/** What is remembered of a deletion; see {@link Tombstone}. */
export interface Grave extends Readonly<Omit<Tombstone, 'key' | 'life'>> {
  /** Every member is known to hold it. */
  readonly settled: boolean;
  /** Somebody had asked for it, as was known here: see `core/desired/moved.ts`. */
  readonly deletedAt?: string;
}

/** What is held of one key. Immutable. */
export interface Entry extends LifeState {
  readonly key: ObjectKey;
  /** Of the open life's document, sorted; empty when the document on disk is damaged and must come from a peer. */
  readonly heads: readonly string[];
  /** Of a key whose lives are all buried. */
  readonly grave?: Grave;
  /** Of an open life. */
  readonly desired?: DesiredObject;
  /** Why the open life's object must not be acted on. */
  readonly invalid?: string;
  /** The spec is that of one head, since the merge was not valid. */
  readonly fallback?: boolean;
  /** Of a document whose history was cut. */
  readonly epoch?: RewrittenEpoch;
  /** What the open life's document costs; unknown of one that an older daemon wrote and nobody has changed since. */
  readonly history?: HistoryCost;
}

export interface HistoryCost {
  readonly changes: number;
  /** As saved. */
  readonly bytes: number;
}

/** All entries in memory, found by key, resource and bucket. Knows nothing of disks. */
export class ObjectIndex {
  private readonly buckets: readonly LayeredMap<ObjectKey, Entry>[];
  /** Those that are graves, by bucket: few beside all there is, and looked through whenever two peers compare. */
  private readonly buried: Groups<Entry>;
  private readonly byResource: Groups<DesiredObject>;
  private readonly digests: BucketDigests;
  private readonly hash: (entry: Entry) => VersionHash;

  /** @param from of a peer that holds the same: what they have in common is kept once */
  constructor(from?: ObjectIndex, hash = hashOfEntry) {
    this.hash = hash;
    this.buckets = from?.buckets.map((bucket) => bucket.fork()) ?? Array.from({ length: BUCKETS }, () => new LayeredMap());
    this.buried = from?.buried.fork() ?? new Groups();
    this.byResource = from?.byResource.fork() ?? new Groups();
    this.digests = new BucketDigests(from?.digests);
  }

  get(key: ObjectKey): Entry | undefined {
    return this.bucketMap(bucketOf(key)).get(key);
  }

  put(entry: Entry): void {
    const bucket = bucketOf(entry.key);
    const before = this.bucketMap(bucket).get(entry.key);
    if (before !== undefined) this.digests.toggle(bucket, this.hash(before));
    this.digests.toggle(bucket, this.hash(entry));
    this.bucketMap(bucket).set(entry.key, entry);
    if (entry.grave === undefined) this.buried.delete(String(bucket), entry.key);
    else this.buried.set(String(bucket), entry);
    this.setVisible(entry.key, visible(entry));
  }

  /** Forgets a key as though it had never been. */
  remove(key: ObjectKey): void {
    const bucket = bucketOf(key);
    const before = this.bucketMap(bucket).get(key);
    if (before === undefined) return;
    this.digests.toggle(bucket, this.hash(before));
    this.bucketMap(bucket).delete(key);
    this.buried.delete(String(bucket), key);
    this.setVisible(key, undefined);
  }

  list(resource: GroupResource): Iterable<DesiredObject> {
    return this.byResource.values(resource);
  }

  all(): Iterable<DesiredObject> {
    return this.byResource.all();
  }

  *entries(): Iterable<Entry> {
    for (const bucket of this.buckets) yield* bucket.values();
  }

  bucket(index: number): ReplicaVersion[] {
    return [...this.bucketMap(index).values()].map(versionOf);
  }

  /** Of one bucket. */
  gravesIn(bucket: number): Iterable<Entry> {
    return this.buried.values(String(bucket));
  }

  graves(): Iterable<Entry> {
    return this.buried.all();
  }

  digest(): readonly string[] {
    return this.digests.texts();
  }

  private bucketMap(index: number): LayeredMap<ObjectKey, Entry> {
    return this.buckets[index] ?? new LayeredMap();
  }

  private setVisible(key: ObjectKey, desired: DesiredObject | undefined): void {
    if (desired === undefined) this.byResource.delete(resourceOf(key), key);
    else this.byResource.set(resourceOf(key), desired);
  }
}

/** The object that others may act on. */
export function visible(entry: Entry | undefined): DesiredObject | undefined {
  return entry?.invalid === undefined ? entry?.desired : undefined;
}

/**
 * How a replica tells what it holds of a key. Graves of a member that two removed at the same moment name different others: that is told apart as documents are, by
 * a hash in place of heads. So is a document with more heads than a message takes, which nobody of ours makes: who holds it otherwise gets it whole.
 */
export function versionOf({ key, life, buried, heads, epoch, grave }: Entry): ReplicaVersion {
  const told = grave?.admitted !== undefined ? [hashOf(grave.admitted)] : heads.length > MAX_HEADS ? [hashOf(heads)] : heads;
  const version: ReplicaVersion = { key, life, buried, heads: told, ...(epoch === undefined ? {} : { epoch: epochName(epoch) }) };
  return grave?.settled === true ? { ...version, settled: true } : version;
}

export function hashOfEntry(entry: Entry): VersionHash {
  return versionHash(versionOf(entry));
}

/** Whether our grave says something that a holder of `have` does not know. */
export function isNewsOfGrave(grave: Entry, have: ReplicaVersion): boolean {
  const { buried, heads } = versionOf(grave);
  return buried > have.buried || (buried === have.buried && have.life === 0 && !sameHeads(heads, have.heads));
}

function hashOf(names: readonly string[]): string {
  return hash('sha256', [...names].sort().join('\n'), 'hex');
}

export function tombstoneOf({ key, buried, grave }: Entry): Tombstone {
  const { settled: _ours, deletedAt: _known, ...told } = grave ?? { at: '', settled: false };
  return { key, life: buried, ...told };
}
