import { describe, expect, it } from 'vitest';
import { HostClock, VirtualClock } from '../support/virtual-clock.ts';
import { DiskContents, SimDisk } from './disk.ts';
import { Draw } from './draw.ts';

const BATCHES = 40;

/** Each batch has a key of its own, and counts up one that all have. */
async function written(): Promise<SimDisk> {
  const clock = new VirtualClock();
  const disk = new SimDisk(new DiskContents());
  const store = disk.open(new HostClock(clock), new Draw(1));
  for (let count = 1; count <= BATCHES; count += 1) {
    const operations = [`own-${count}`, 'last'].map((key) => ({ type: 'put' as const, key, value: Uint8Array.of(count) }));
    const writing = store.write(operations);
    await clock.pass(10);
    await writing;
  }
  return disk;
}

describe('a disk after a crash', () => {
  it('that lost its tail has what was written before, and nothing since', async () => {
    const disk = await written();
    expect(disk.loseTail(1_000 + 10 * (BATCHES - 5))).toBe(5);
    expect([...disk.records.keys()].sort()).toEqual(
      ['last', ...Array.from({ length: BATCHES - 5 }, (_, index) => `own-${index + 1}`)].sort(),
    );
    expect(disk.records.get('last')).toEqual(Uint8Array.of(BATCHES - 5));
  });

  it('whose tail is torn has each batch as a whole or not at all, and some behind those that it lost', async () => {
    const disk = await written();
    const { lost, kept } = disk.tearTail(new Draw(2), 0);
    expect(lost + kept).toBe(BATCHES);
    const there = Array.from({ length: BATCHES }, (_, index) => index + 1).filter((count) => disk.records.has(`own-${count}`));
    expect(there).toHaveLength(kept);
    expect(disk.records.get('last')).toEqual(Uint8Array.of(there.at(-1) ?? 0));
    expect(there.at(-1)).toBeGreaterThan(kept);
  });

  it('has the files beside its store when that is lost, and not when its tail is', async () => {
    const clock = new VirtualClock();
    const disk = new SimDisk(new DiskContents());
    const book = disk.voteBook(new HostClock(clock), new Draw(3));
    const saving = book.save(Uint8Array.of(1));
    expect(await book.load()).toBeUndefined();
    await clock.pass(10);
    await saving;
    disk.wipe();
    expect(await book.load()).toEqual(Uint8Array.of(1));
    disk.putFile('incarnation', 1, clock.monotonic());
    await clock.pass(10);
    disk.putFile('incarnation', 2, clock.monotonic());
    disk.loseTail(clock.monotonic() - 5);
    expect(disk.file('incarnation')).toBe(1);
  });

  it('has the votes that it said to have written, whatever else it loses', async () => {
    const clock = new VirtualClock();
    const disk = new SimDisk(new DiskContents());
    const book = disk.voteBook(new HostClock(clock), new Draw(5));
    for (const term of [1, 2]) {
      const saving = book.save(Uint8Array.of(term));
      disk.putFile('incarnation', term, clock.monotonic());
      await clock.pass(10);
      await saving;
    }
    disk.loseTail(0);
    expect(await book.load()).toEqual(Uint8Array.of(2));
    expect(disk.file('incarnation')).toBeUndefined();
  });

  it('lacks the votes that were on their way', async () => {
    const clock = new VirtualClock();
    const disk = new SimDisk(new DiskContents());
    const book = disk.voteBook(new HostClock(clock), new Draw(4));
    void book.save(Uint8Array.of(1));
    disk.dropAll();
    await clock.pass(10);
    expect(await book.load()).toBeUndefined();
  });
});
