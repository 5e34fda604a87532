import { KithError } from '../../protocol/errors.ts';
import type { Store, StoreOperation } from '../../daemon/ports/store.ts';

/** A store in memory. Its contents outlive close and open, so that a "restart" can be played; it counts batches and can be made to fail. */
export class MemoryStore implements Store {
  readonly records = new Map<string, Uint8Array>();
  batches = 0;
  /** Thrown by the next writes while set. */
  failure: KithError | undefined;
  isOpen = false;

  async open(): Promise<void> {
    if (this.isOpen) throw new KithError('StoreLocked', 'the store is open already');
    this.isOpen = true;
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.check();
    return this.records.get(key);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    this.check();
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    if (operations.length === 0) return;
    this.batches += 1;
    for (const operation of operations) {
      if (operation.type === 'put') this.records.set(operation.key, Uint8Array.from(operation.value));
      else this.records.delete(operation.key);
    }
  }

  async *entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    this.check();
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix)).sort(byUtf8);
    for (const key of keys) {
      const value = this.records.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  private check(): void {
    if (!this.isOpen) throw new KithError('StoreClosed', 'the store is not open');
  }
}

function byUtf8(left: string, right: string): number {
  return Buffer.from(left, 'utf8').compare(Buffer.from(right, 'utf8'));
}
