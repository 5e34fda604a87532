import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { KithError } from '../../../protocol/errors.ts';
import type { Store, StoreOperation } from '../../ports/store.ts';
import { isCorruption, storeError } from './errors.ts';

export interface LevelStoreOptions {
  /** Folder of the database; made when it is missing. Nothing else may be in it. */
  directory: string;
  /** Records were lost to a damaged block; says what LevelDB said. */
  onDamaged?: (reason: string) => void;
}

/** The folder holds desired state, join secrets included. */
const DIRECTORY_MODE = 0o700;
/** LevelDB keeps blocks that it read in memory; records are read rarely, one by one. Bytes. */
const CACHE_BYTES = 4 * 1_048_576;
/** Records fetched from the iterator at once. */
const ENTRIES_CHUNK = 256;
/** And their bytes, above which fewer are fetched. */
const ENTRIES_CHUNK_BYTES = 1_048_576;
/** Sorts after every other text: keys are UTF-8, in which no byte is 0xff. */
const AFTER_ALL = '\u{10ffff}';

/**
 * LevelDB on disk. Each batch is one record of its log, fsynced before `write` resolves: after a SIGKILL or a power cut all of a batch is there or nothing.
 * LevelDB's lock file keeps a second process out.
 */
export class LevelStore implements Store {
  private readonly directory: string;
  private readonly onDamaged: (reason: string) => void;
  private level: ClassicLevel<string, Uint8Array> | undefined;

  constructor(options: LevelStoreOptions) {
    this.directory = options.directory;
    this.onDamaged = options.onDamaged ?? (() => undefined);
  }

  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const level = new ClassicLevel<string, Uint8Array>(this.directory, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      cacheSize: CACHE_BYTES,
      createIfMissing: true,
    });
    try {
      await mkdir(this.directory, { recursive: true, mode: DIRECTORY_MODE });
      await level.open();
    } catch (error) {
      throw storeError(error, this.directory);
    }
    this.level = level;
  }

  async close(): Promise<void> {
    const level = this.level;
    this.level = undefined;
    await level?.close();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const level = this.opened();
    try {
      return await level.get(key);
    } catch (error) {
      throw storeError(error, this.directory);
    }
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    const level = this.opened();
    if (operations.length === 0) return;
    const batch = operations.map((operation) =>
      operation.type === 'put'
        ? { type: 'put' as const, key: operation.key, value: operation.value }
        : { type: 'del' as const, key: operation.key },
    );
    try {
      await level.batch(batch, { sync: true });
    } catch (error) {
      throw storeError(error, this.directory);
    }
  }

  /** Blocks that are damaged are passed over and told to `onDamaged`; the rest of the entries still comes. */
  async *entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    let last: string | undefined;
    try {
      for await (const entry of this.read(prefix, undefined, ENTRIES_CHUNK)) {
        last = entry[0];
        yield entry;
      }
    } catch (error) {
      if (!isCorruption(error)) throw storeError(error, this.directory);
      this.onDamaged(error instanceof Error ? error.message : String(error));
      // LevelDB skips such a block and says so only at the end of the range, at the cost of the chunk it was gathering: read on from there one by one.
      yield* this.readOneByOne(prefix, last);
    }
  }

  private async *readOneByOne(prefix: string, after: string | undefined): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    try {
      yield* this.read(prefix, after, 1);
    } catch (error) {
      if (!isCorruption(error)) throw storeError(error, this.directory);
    }
  }

  private async *read(prefix: string, after: string | undefined, size: number): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    const start = after === undefined ? { gte: prefix } : { gt: after };
    const iterator = this.opened().iterator({ ...start, lt: prefix + AFTER_ALL, highWaterMarkBytes: ENTRIES_CHUNK_BYTES });
    try {
      for (let chunk = await iterator.nextv(size); chunk.length > 0; chunk = await iterator.nextv(size)) yield* chunk;
    } finally {
      await iterator.close();
    }
  }

  private opened(): ClassicLevel<string, Uint8Array> {
    if (this.level === undefined) throw new KithError('StoreClosed', `the store in ${this.directory} is not open`);
    return this.level;
  }
}
