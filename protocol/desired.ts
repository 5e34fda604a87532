import type { Json } from './json.ts';
import type { DesiredObject, DocumentEpoch, ObjectKey, StoredObject, Tombstone } from './objects.ts';

export type { DocumentEpoch };

/** What a peer asks its replica to do. A batch is applied whole or not at all. */
export type Mutation =
  /**
   * Opens life buried+1. `metadata.uid` and `generation` are set by the replica; `creationTimestamp` by the caller.
   * With `orMerge`, an object that exists already is left as it is and is no error.
   */
  | { type: 'create'; key: ObjectKey; object: StoredObject; orMerge?: boolean }
  /** Three-way: what differs between `base` and `next`, merge unit by merge unit, is written onto the current object. */
  | { type: 'update'; key: ObjectKey; uid: string; base: StoredObject; next: StoredObject }
  /** Buries every life up to the current one. `at` is RFC 3339. */
  | { type: 'bury'; key: ObjectKey; uid: string; at: string };

export interface WriteResult {
  /** The objects after the batch, in the order of the mutations; a buried one as it last was. */
  objects: DesiredObject[];
  /** Undefined when nothing changed. */
  envelope: ChangeEnvelope | undefined;
}

/** Changes as they travel. Encoded as CBOR by `protocol/wire`. */
export interface ChangeEnvelope {
  /** Random per envelope; acknowledgements name it. Hex. */
  id: string;
  changes: DocumentChanges[];
  tombstones: Tombstone[];
}

export interface DocumentChanges {
  key: ObjectKey;
  life: number;
  /** Automerge changes in causal order, or one whole saved document in `document`. */
  changes: Uint8Array[];
  document?: Uint8Array;
  /** Of a document whose history was cut. */
  epoch?: DocumentEpoch;
  /** With all of a document whose history was cut: for who still holds it as it was before. */
  origin?: EpochOrigin;
}

/** What was cut off. */
export interface EpochOrigin {
  /** Of the document before it. Hex, sorted. */
  heads: readonly string[];
  clock: EpochClock;
  /** The epochs before it, the newest first, as far back as they are kept: for who missed some of them. */
  past?: readonly PastEpoch[];
}

/** The last sequence number of each author; actors in hex, sorted. */
export type EpochClock = readonly (readonly [actor: string, sequence: number])[];

/** An epoch that was cut off in its turn. */
export interface PastEpoch {
  root: string;
  /** What was cut off when it began. */
  clock: EpochClock;
}

/** What a peer holds of a key. */
export interface ReplicaVersion {
  key: ObjectKey;
  /** 0 when there is no live object. */
  life: number;
  buried: number;
  heads: readonly string[];
  /** Of a document whose history was cut. */
  epoch?: DocumentEpoch;
  /** Of a grave: every member is known to hold it, so it no longer counts in the digest and will be forgotten. */
  settled?: boolean;
}

export interface MergeResult {
  /** Keys whose visible object, life or grave changed. */
  changed: number;
  /** Keys whose changes wait for others: ask the sender for the whole document. */
  missing: ObjectKey[];
  refused: { key: ObjectKey; reason: string }[];
}

export interface ReplicaChange {
  key: ObjectKey;
  before: DesiredObject | undefined;
  after: DesiredObject | undefined;
  /** Why the object was set aside with this change: it is kept and merged, but shown to nobody. `after` is undefined then. */
  invalid?: string;
  /**
   * Edits that went with a deletion whose author had not seen them: `after` is undefined then. Otherwise what this peer held of a document whose history was cut so often since
   * that nobody can tell any more which edits are new: those of the others count.
   */
  lost?: readonly LostEdit[];
}

export interface LostEdit {
  /** JSON pointer. */
  path: string;
  /** Undefined: it was taken away. */
  value: Json | undefined;
}
