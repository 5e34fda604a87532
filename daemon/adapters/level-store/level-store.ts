import { mkdir, readdir, readFile, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
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
/** Free space, beside what LevelDB's log holds, before a store that failed is opened anew: opening writes. */
const REOPEN_ROOM_BYTES = 256 * 1_024;
/** What LevelDB's info log says when it left out a damaged part of its log of writes; it opens all the same and tells nobody. */
const DROPPED = /dropping \d+ bytes; .*/;
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
  private isOpen = false;
  /** A write failed, and none has succeeded since. */
  private hasFailed = false;
  private reopening: Promise<void> | undefined;

  constructor(options: LevelStoreOptions) {
    this.directory = options.directory;
    this.onDamaged = options.onDamaged ?? (() => undefined);
  }

  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    try {
      await mkdir(this.directory, { recursive: true, mode: DIRECTORY_MODE });
    } catch (error) {
      throw storeError(error, this.directory);
    }
    await this.openLevel();
    this.isOpen = true;
    await this.tellDropped();
  }

  async close(): Promise<void> {
    this.isOpen = false;
    await this.reopening?.catch(() => undefined);
    const level = this.level;
    this.level = undefined;
    await level?.close();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      return await (await this.readable()).get(key);
    } catch (error) {
      throw storeError(error, this.directory);
    }
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    if (operations.length === 0 && this.isOpen) return;
    const batch = operations.map((operation) =>
      operation.type === 'put'
        ? { type: 'put' as const, key: operation.key, value: operation.value }
        : { type: 'del' as const, key: operation.key },
    );
    const level = await this.writable();
    try {
      await level.batch(batch, { sync: true });
    } catch (error) {
      this.hasFailed = true;
      throw storeError(error, this.directory);
    }
  }

  /** Takes what was overwritten or deleted out of the files. */
  async compact(): Promise<void> {
    await (await this.writable()).compactRange('', AFTER_ALL);
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
    const iterator = (await this.readable()).iterator({ ...start, lt: prefix + AFTER_ALL, highWaterMarkBytes: ENTRIES_CHUNK_BYTES });
    try {
      for (let chunk = await iterator.nextv(size); chunk.length > 0; chunk = await iterator.nextv(size)) yield* chunk;
    } finally {
      await iterator.close();
    }
  }

  private async openLevel(): Promise<void> {
    const level = new ClassicLevel<string, Uint8Array>(this.directory, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      cacheSize: CACHE_BYTES,
      createIfMissing: true,
    });
    try {
      await level.open();
    } catch (error) {
      throw storeError(error, this.directory);
    }
    this.level = level;
    this.hasFailed = false;
  }

  private async readable(): Promise<ClassicLevel<string, Uint8Array>> {
    await this.reopening?.catch(() => undefined);
    return this.level ?? this.writable();
  }

  /** LevelDB takes no write after one that failed, not even when the disk has room again: it must be opened anew. */
  private async writable(): Promise<ClassicLevel<string, Uint8Array>> {
    if (!this.isOpen) throw new KithError('StoreClosed', `the store in ${this.directory} is not open`);
    if (this.hasFailed) {
      this.reopening ??= this.reopen().finally(() => (this.reopening = undefined));
      await this.reopening;
    }
    if (this.level === undefined) throw new KithError('StoreClosed', `the store in ${this.directory} is not open`);
    return this.level;
  }

  private async reopen(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.directory);
      // While there is no room the old one stays open: it can still be read.
      if (bavail * bsize < (await this.logBytes()) + REOPEN_ROOM_BYTES) throw new Error('no space left on device');
    } catch (error) {
      throw storeError(error, this.directory);
    }
    const failed = this.level;
    this.level = undefined;
    await failed?.close();
    await this.openLevel();
  }

  private async logBytes(): Promise<number> {
    let bytes = 0;
    for (const name of await readdir(this.directory))
      if (name.endsWith('.log')) bytes += (await stat(path.join(this.directory, name))).size;
    return bytes;
  }

  private async tellDropped(): Promise<void> {
    const told = await readFile(path.join(this.directory, 'LOG'), 'utf8').catch(() => '');
    const dropped = DROPPED.exec(told)?.[0];
    if (dropped !== undefined) this.onDamaged(dropped);
  }
}
