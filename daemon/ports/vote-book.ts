/** What a voter must not forget, as one record. Adapters: a file on disk, memory in tests. */
export interface VoteBook {
  /** @throws KithError `VotesDamaged` when there is a record and it can't be read: who made it must not vote. */
  load(): Promise<Uint8Array | undefined>;
  /** Resolves once it is fsynced. The old record or the new one is there after a crash, whole. */
  save(record: Uint8Array): Promise<void>;
}

/** Milliseconds since some moment of this boot of the host, the time in which it was suspended included. Never goes back. */
export type BootClock = () => number;
