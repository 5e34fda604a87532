/** A durable ordered map from text to bytes. One process opens it at a time. Adapters: classic-level on disk, a Map in tests. */
export interface Store {
  /** @throws KithError `StoreLocked` when another process has it open, `StoreCorrupt` when it can't be opened at all. */
  open(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * Applies all operations or none, and resolves once they are fsynced.
   * @throws KithError `StoreFull` when the disk is full: nothing was written, and later batches may succeed.
   */
  write(operations: readonly StoreOperation[]): Promise<void>;
  /** All entries whose key starts with `prefix`, ascending by key. */
  entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]>;
}

export type StoreOperation = { type: 'put'; key: string; value: Uint8Array } | { type: 'delete'; key: string };
