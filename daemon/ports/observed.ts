import type { ObservedRecord, ObservedValue } from '../../protocol/observed.ts';
import type { ReadRecords } from '../../protocol/wire-observed.ts';

/** How messages about observed state become records, and whether a record is its owner's. */
export interface RecordReader {
  /** @throws KithError for what are no records */
  read(payload: Uint8Array): ReadRecords;
  isSigned(record: ObservedRecord): boolean;
  hashed(record: ObservedRecord): HashedRecord;
}

/** A record, and two halves of a hash of its key and version, as whole numbers: a wide cluster has as many records as all its pods, and a buffer takes ten times the room. */
export interface HashedRecord {
  readonly record: ObservedRecord;
  readonly high: number;
  readonly low: number;
}

/** Observed state: this peer's own facts and what it has heard of others'. Records are verified before they get here. */
export interface ObservedState {
  /** States a fact of this node, or with `null` withdraws it. Equal values make no record. Sent in batches, soon. */
  publish(key: string, value: ObservedValue | null): void;
  get(ownerPeer: string, key: string): ObservedRecord | undefined;
  /** Every record held whose value is not null. */
  all(): Iterable<ObservedRecord>;
  /** Records that are new here, own ones included, in batches. A withdrawn fact comes with value null. */
  onChanged(listener: (records: readonly ObservedRecord[]) => void): () => void;
}
