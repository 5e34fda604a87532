import type { DocumentEpoch, EpochOrigin } from '../../protocol/desired.ts';
import type { ObjectKey } from '../../protocol/objects.ts';

/**
 * One mergeable document per life of an object: a flat map from JSON pointers to texts, and one counter. A codec over saved bytes: each call loads, works, saves
 * and frees, so that nothing stays in memory. Synchronous. Adapter: automerge.
 *
 * Errors are KithErrors: `DocumentInvalid` (bytes that are no document or change), `DocumentForeign` (a document of another object or life).
 */
export interface Documents {
  /**
   * Writes fields. `saved` undefined starts from the life's first change, which is the same everywhere.
   * @throws DocumentInvalid when `saved` is damaged
   */
  edit(identity: DocumentIdentity, saved: Uint8Array | undefined, edits: readonly FieldEdit[], options: EditOptions): EditedDocument;
  /**
   * Takes changes of others; those it has already are no error.
   * @throws DocumentInvalid | DocumentForeign
   */
  merge(identity: DocumentIdentity, saved: Uint8Array | undefined, incoming: IncomingChanges): MergedDocument;
  /**
   * What a replica with these heads lacks, in causal order: as changes, or as the whole document when none of the heads is known here and it is small
   * enough. At least one change, if there is one, then no more than `maxBytes`.
   */
  changesSince(identity: DocumentIdentity, saved: Uint8Array, heads: readonly string[], maxBytes: number): IncomingChanges;
  /** The changes that no other builds on. @throws DocumentInvalid */
  newest(saved: Uint8Array): readonly Uint8Array[];
  read(saved: Uint8Array): DocumentState;
  /** The fields as they were at these heads: of one, what its author saw and wrote. Undefined when the document does not have them all. */
  readAt(saved: Uint8Array, heads: readonly string[]): DocumentFields | undefined;
  /**
   * The state that it had at these heads without the history that led to it: a document of the next epoch, the same from every document that has them. Undefined for one whose
   * conflicts its history must decide, for one that has too many authors or heads, and for one that does not have these heads.
   */
  rewrite(identity: DocumentIdentity, saved: Uint8Array, heads: readonly string[]): RewrittenDocument | undefined;
  /**
   * What was changed in `old` beyond what `next.identity.epoch` was made from, made again in `next`: the same changes, whoever makes them. Those that saw all that was cut off,
   * or that nobody has touched since what they saw, are made on its state; others beside it, so that they are in conflict with it.
   */
  carryOver(old: HeldDocument, next: HeldDocument): CarriedDocument;
}

export interface HeldDocument {
  identity: DocumentIdentity;
  saved: Uint8Array;
}

export interface RewrittenDocument {
  epoch: RewrittenEpoch;
  saved: Uint8Array;
  state: DocumentState;
}

export type RewrittenEpoch = DocumentEpoch & EpochOrigin;

export interface DocumentIdentity {
  clusterId: string;
  key: ObjectKey;
  life: number;
  /** Of a document whose history was cut. It has a first change of its own. */
  epoch?: RewrittenEpoch | undefined;
}

export interface FieldEdit {
  path: string;
  /** Undefined removes the field. */
  value: string | undefined;
}

export interface EditOptions {
  /** Hex, 16 random bytes, new with every start of the daemon: a reused (actor, sequence) diverges for ever. */
  actor: string;
  /** How much the counter grows. */
  increment: number;
}

/**
 * Every concurrent value of every field. The order is the same at every replica: that of the documents' own clocks; the last one has seen the longest
 * history.
 */
export type DocumentFields = ReadonlyMap<string, readonly string[]>;

export interface DocumentState {
  /** Hex, sorted. */
  heads: readonly string[];
  fields: DocumentFields;
  counter: number;
  /** How many the document has: what its history costs. */
  changes: number;
}

export interface EditedDocument {
  saved: Uint8Array;
  state: DocumentState;
  /** Undefined when nothing changed. */
  change: Uint8Array | undefined;
}

export interface IncomingChanges {
  changes: readonly Uint8Array[];
  document?: Uint8Array;
}

export interface MergedDocument {
  saved: Uint8Array;
  state: DocumentState;
  changed: boolean;
  /** Changes wait for others that are not here; none of these was taken if so. */
  missing: boolean;
}

export interface CarriedDocument extends MergedDocument {
  /** The old one was cut so often since that nobody can tell what is new in it: nothing was made again. */
  isTooOld: boolean;
}
