import type { SizesAnswer } from '../../protocol/answers.ts';
import type { ChangeEnvelope, MergeResult, Mutation, ReplicaChange, ReplicaVersion, WriteResult } from '../../protocol/desired.ts';
import type { DesiredObject, GroupResource, ObjectKey, Tombstone } from '../../protocol/objects.ts';

/**
 * The desired state of the cluster, as this peer holds it. One cold, flat Automerge document per object; reads are plain objects from memory.
 * Writes are serialised; each batch is one envelope, one fsync. Nothing is told to anyone before its fsync.
 */
export interface Replica {
  /** Needs an open store. Loads what is on disk (JSON only); damaged records are set aside and listed in the answer. */
  start(signal?: AbortSignal): Promise<ReplicaStart>;
  /** Finishes what was asked for. The store stays open: who opened it closes it. */
  stop(): Promise<void>;

  get(key: ObjectKey): DesiredObject | undefined;
  /** All live objects of a resource, in no order. */
  list(resource: GroupResource): Iterable<DesiredObject>;
  /** Live objects that no peer of ours could have written: kept, merged, never acted on. */
  quarantined(): readonly QuarantinedObject[];
  /** Every live object. */
  all(): Iterable<DesiredObject>;
  /** What all of it takes here. */
  sizes(): SizesAnswer;
  /** The greatest buried life of a key, 0 when it was never deleted. */
  buriedLife(key: ObjectKey): number;

  /**
   * Applies local mutations, all or none, fsyncs them, then tells the listeners of changed and written.
   * Mutations that no longer apply (object gone, uid differs, already exists, binding or slots decided otherwise) reject the whole batch.
   * @throws KithError `AlreadyExists` | `NotFound` | `UidMismatch` | `Overtaken` | `Invalid` | `StoreFull`
   */
  write(mutations: readonly Mutation[]): Promise<WriteResult>;

  /**
   * Merges changes of another peer: validates and bounds them, refuses changes of buried lives, fsyncs, then tells the listeners of changed. Idempotent. Resolves
   * after the fsync.
   */
  merge(envelope: ChangeEnvelope): Promise<MergeResult>;

  /** Anti-entropy: 256 bucket hashes (16 hex digits each) over (key, life, buried, heads). Equal digests mean equal desired state. */
  digest(): readonly string[];
  /** What a bucket (0 to 255) holds. */
  bucket(index: number): readonly ReplicaVersion[];
  /**
   * Changes that bring a peer that has `have` up to what is held here; whole documents where its heads are unknown.
   * At most about `maxBytes`: ask again for the rest.
   */
  changesSince(have: readonly ReplicaVersion[], maxBytes: number): Promise<ChangeEnvelope>;
  /** The last changes of each: who takes them holds what is held here, or says what it lacks before them. Of as many as `maxBytes` has room for. */
  newestChanges(keys: readonly ObjectKey[], maxBytes: number): Promise<ChangeEnvelope>;

  /** What changed, after the fsync, in batches. The answer unsubscribes. */
  onChanged(listener: (changes: readonly ReplicaChange[]) => void): () => void;
  /** Envelopes of local writes, after their fsync: to be pushed and gossiped. */
  onWritten(listener: (envelope: ChangeEnvelope) => void): () => void;
}

/**
 * How graves end: one is forgotten only after every member has reported it fsynced, and after a time for messages in flight. Fed by anti-entropy.
 */
export interface GraveKeeping {
  /** Every new life but that of a name never used twice is greater than this. */
  floor(): number;
  /** What the peer's floor is; ours is never smaller afterwards. */
  raiseFloor(floor: number): Promise<void>;
  /** From now on this replica holds the whole desired state: graves of members that it digs say whom these had admitted. */
  setComplete(): void;
  /** Of a key whose lives are all buried, while that is remembered. */
  graveOf(key: ObjectKey): Tombstone | undefined;
  /** What is held of graves of a bucket that not all members are known to hold. */
  openGraves(bucket: number): ReplicaVersion[];
  /** The peer holds these, fsynced. Who says so must know of every member that the peer knew of by then: all that are known are asked for before a grave is forgotten. */
  acknowledgeGraves(peer: string, graves: readonly ReplicaVersion[]): void;
  /** A peer knows that all members hold these graves. */
  settleGraves(keys: readonly ObjectKey[]): Promise<void>;
  /** Graves are to be collected once in so many intervals of anti-entropy. */
  readonly graveIntervals: number;
  /**
   * Settles what all of `others` (the members but this one) hold, forgets what was settled long enough. `now` is monotonic ms.
   * @returns how many were forgotten
   */
  collectGraves(others: readonly string[], now: number): Promise<number>;
}

/** How histories end: a document's is cut off as far as every member has reported that it holds it, fsynced. Fed by anti-entropy. */
export interface HistoryKeeping {
  /** The peer takes rewritten documents, and holds all that we hold in this bucket: its digest equals ours. */
  reportBucket(peer: string, bucket: number): void;
  /** The peer takes rewritten documents, and holds these. */
  reportVersions(peer: string, versions: readonly ReplicaVersion[]): void;
  /**
   * Cuts off of long documents what all of `others` (the members but this one) hold. One member must do it: two that cut at different moments make two documents of one. `now` is
   * monotonic ms.
   * @returns how many were rewritten
   */
  cutHistories(others: readonly string[], now: number): Promise<number>;
}

/** A replica as anti-entropy needs it. */
export type SyncedReplica = Replica & GraveKeeping & HistoryKeeping;

export interface ReplicaStart {
  objects: number;
  /** Keys whose record was damaged; to be fetched again from a peer. */
  damaged: ObjectKey[];
}

export interface QuarantinedObject {
  desired: DesiredObject;
  reason: string;
}
