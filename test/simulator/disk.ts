import { KithError } from '../../protocol/errors.ts';
import type { VoteBook } from '../../daemon/ports/vote-book.ts';
import type { Store, StoreOperation } from '../../daemon/ports/store.ts';
import type { HostClock } from '../support/virtual-clock.ts';
import { LayeredMap } from '../../daemon/core/cluster/layered-map.ts';
import type { Draw } from './draw.ts';

/** Beside the store: files of their own, each written whole. */
const FILE = 'file ';
const VOTES = `${FILE}votes`;

/** Batches that a disk without barriers may lose at a crash. */
const TAIL_BATCHES = 200;

/** What any host of a world wrote last under each key. Most write the same and keep it once: what is read of it is found out once, too (`shared-work.ts`). */
export class DiskContents {
  private readonly names = new Map<string, string>();
  private readonly newest = new Map<string, Uint8Array>();
  /** Of what several hosts write, who share the work of making it. */
  private readonly copies = new WeakMap<Uint8Array, Uint8Array>();

  /** The same text, kept once. */
  name(key: string): string {
    const known = this.names.get(key);
    if (known === undefined) this.names.set(key, key);
    return known ?? key;
  }

  /** Nobody may change what it answers. */
  share(key: string, value: Uint8Array): Uint8Array {
    const copied = this.copies.get(value);
    if (copied !== undefined) return copied;
    const known = this.newest.get(key);
    if (known === value || (known !== undefined && Buffer.compare(known, value) === 0)) return known;
    const kept = value.slice();
    this.newest.set(key, kept);
    this.copies.set(value, kept);
    return kept;
  }
}

interface InFlight {
  operations: readonly StoreOperation[];
}

/** What was written, and what it replaced; undefined: nothing. */
interface Batch {
  at: number;
  changes: { key: string; before: unknown; after: unknown }[];
}

/**
 * A host's disk: outlives its daemons. Writes take time, and at a crash those under way are on it or not. It has the store, and beside it files: the votes, the peer book, the
 * incarnation. Whoever loses the store has those. A host that loses them and its key, too, is none that is known: it has to join as another. What was said to be written of
 * votes stays: at most one is not promised where a voter's disk goes back in time (docs/at-most-one.md).
 */
export class SimDisk {
  records = new LayeredMap<string, Uint8Array>();
  /** On top of the usual fraction of a millisecond. */
  slowMs = 0;
  isFull = false;
  /** Writes of votes that began. */
  voteWrites = 0;
  /** Called when a batch has reached the disk and nobody knows of it yet. */
  onPersisted: (keys: readonly string[]) => void = () => undefined;
  /** Called when it was slow, or refused something. */
  onTrouble: (fault: 'diskSlow' | 'diskFull') => void = () => undefined;
  private readonly contents: DiskContents;
  private readonly files = new Map<string, unknown>();
  private readonly inFlight = new Set<InFlight>();
  /** Newest last. */
  private readonly tail: Batch[] = [];

  constructor(contents: DiskContents) {
    this.contents = contents;
  }

  open(clock: HostClock, draw: Draw): Store {
    return new SimStore(this, clock, draw);
  }

  /** The file's contents, as they are after a crash. */
  file(name: string): unknown {
    return this.files.get(FILE + name);
  }

  /** At once: nobody waits for a file as small as that. */
  putFile(name: string, content: unknown, at: number): void {
    this.put({ at, changes: [{ key: FILE + name, before: undefined, after: content }] });
  }

  /** A file that is written as the store is. */
  voteBook(clock: HostClock, draw: Draw): VoteBook {
    const store = new SimStore(this, clock, draw);
    return {
      load: async () => this.file('votes') as Uint8Array | undefined,
      save: async (record) => {
        this.voteWrites += 1;
        return store.write([{ type: 'put', key: VOTES, value: record }]);
      },
    };
  }

  begin(operations: readonly StoreOperation[]): InFlight {
    const write = { operations };
    this.inFlight.add(write);
    return write;
  }

  settle(write: InFlight, at: number): void {
    if (!this.inFlight.delete(write)) return;
    this.apply(write.operations, at);
  }

  drop(write: InFlight): void {
    this.inFlight.delete(write);
  }

  /** What is under way does not come to the disk. */
  dropAll(): void {
    this.inFlight.clear();
  }

  /** The power goes: each batch under way is whole on the disk, or not at all. @returns how many were */
  crash(draw: Draw, at: number): number {
    const { size } = this.inFlight;
    for (const write of this.inFlight) if (draw.chance(0.5)) this.apply(write.operations, at);
    this.inFlight.clear();
    return size;
  }

  /** What a disk loses that said it had written what it had not: everything since. */
  loseTail(since: number): number {
    return this.undoTail(since).length;
  }

  /** The same, but some of it had reached the disk, in no order: batches are missing before others that are there. */
  tearTail(draw: Draw, since: number): { lost: number; kept: number } {
    const undone = this.undoTail(since);
    const kept = undone.toReversed().filter(() => draw.chance(0.5));
    for (const batch of kept) this.put(batch);
    return { lost: undone.length - kept.length, kept: kept.length };
  }

  /** @returns what it took back, newest first */
  private undoTail(since: number): Batch[] {
    const undone: Batch[] = [];
    for (let batch = this.tail.at(-1); batch !== undefined && batch.at >= since; batch = this.tail.at(-1)) {
      if (batch.changes.some(({ key }) => key === VOTES)) {
        this.tail.pop();
        continue;
      }
      for (const { key, before } of batch.changes.toReversed()) this.set(key, before);
      this.tail.pop();
      undone.push(batch);
    }
    return undone;
  }

  /** Some records are gone, as when a block is damaged. */
  damage(draw: Draw, share: number): number {
    const gone = [...this.records.keys()].filter(() => draw.chance(share));
    for (const key of gone) this.records.delete(key);
    this.tail.length = 0;
    return gone.length;
  }

  /** All that another disk has in its store. */
  copy(other: SimDisk): void {
    this.records = other.records.fork();
  }

  /** The store is gone. */
  wipe(): void {
    this.records = new LayeredMap();
    this.tail.length = 0;
  }

  private apply(operations: readonly StoreOperation[], at: number): void {
    const changes = operations.map((operation) => {
      const key = this.contents.name(operation.key);
      return { key, before: undefined, after: operation.type === 'put' ? this.contents.share(key, operation.value) : undefined };
    });
    this.put({ at, changes });
  }

  private put({ at, changes }: Batch): void {
    const done = changes.map(({ key, after }) => {
      const before = this.get(key);
      this.set(key, after);
      return { key, before, after };
    });
    this.tail.push({ at, changes: done });
    if (this.tail.length > TAIL_BATCHES) this.tail.shift();
  }

  private get(key: string): unknown {
    return key.startsWith(FILE) ? this.files.get(key) : this.records.get(key);
  }

  private set(key: string, value: unknown): void {
    const into: { set(key: string, value: unknown): unknown; delete(key: string): unknown } = key.startsWith(FILE)
      ? this.files
      : this.records;
    if (value === undefined) into.delete(key);
    else into.set(key, value);
  }
}

class SimStore implements Store {
  readonly #disk: SimDisk;
  readonly #clock: HostClock;
  readonly #draw: Draw;

  constructor(disk: SimDisk, clock: HostClock, draw: Draw) {
    this.#disk = disk;
    this.#clock = clock;
    this.#draw = draw;
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#disk.records.get(key);
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    if (operations.length === 0) return;
    const write = this.#disk.begin(operations);
    const takesMs = 0.1 + this.#draw.next() * 0.4 + this.#disk.slowMs * (0.5 + this.#draw.next());
    if (this.#disk.slowMs > 0) this.#disk.onTrouble('diskSlow');
    await new Promise<void>((resolve) => this.#clock.after(takesMs, resolve));
    if (this.#disk.isFull) {
      this.#disk.onTrouble('diskFull');
      this.#disk.drop(write);
      throw new KithError('StoreFull', 'no space left on device');
    }
    this.#disk.settle(write, this.#clock.monotonic());
    this.#disk.onPersisted(operations.map(({ key }) => key));
    // Whoever died by that hears nothing more.
    await new Promise<void>((resolve) => this.#clock.run(resolve));
  }

  async *entries(prefix: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    const keys = [...this.#disk.records.keys()].filter((key) => key.startsWith(prefix)).sort((left, right) => (left < right ? -1 : 1));
    for (const key of keys) {
      const value = this.#disk.records.get(key);
      if (value !== undefined) yield [key, value];
    }
  }
}
