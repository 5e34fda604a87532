import { expect, it } from 'vitest';
import { MAX_EVENTS_PER_OWNER, ObservedTable, WITHDRAWN_COMPARED_MS, WITHDRAWN_KEPT_MS } from '../../daemon/peer/observed-table.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { seededRandom, testSeed } from '../support/virtual-clock.ts';

function record(owner: string, key: string, sequence: number, value: ObservedRecord['value']): ObservedRecord {
  return { owner, node: owner, incarnation: 1, sequence, key, value, signature: '' };
}

it('sums up an owner as a table that never did before, whatever came, was withdrawn or grew old in between', () => {
  const random = seededRandom(testSeed('observed table'));
  const pick = (most: number): number => Math.floor(random.next() * most);
  const table = new ObservedTable();
  const puts: [ObservedRecord, number][] = [];
  let now = 0;
  for (let sequence = 1; sequence <= 400; sequence += 1) {
    now += pick(4) === 0 ? WITHDRAWN_COMPARED_MS / 8 : 1;
    const value = pick(3) === 0 ? null : ({ kind: 'node', status: {}, version: '1' } as const);
    puts.push([record(`peer-${pick(4)}`, `pod/${pick(6)}`, sequence, value), now]);
    table.put(...puts.at(-1)!);
    const fresh = new ObservedTable();
    for (const [each, at] of puts) fresh.put(each, at);
    expect(new Map(table.digest(now).map(({ owner, ...summary }) => [owner, summary]))).toEqual(
      new Map(fresh.digest(now).map(({ owner, ...summary }) => [owner, summary])),
    );
  }
});

it('finds the buckets of owners that differ, also where two owners changed alike', () => {
  const value = { kind: 'node', status: {}, version: '1' } as const;
  const owners = Array.from({ length: 300 }, (_, index) => `peer-${index}`);
  const tables = [new ObservedTable(), new ObservedTable()] as const;
  for (const table of tables) for (const owner of owners) table.put(record(owner, 'node', 1, value), 0);
  const [one, other] = tables;
  expect(one.bucketsWhereDifferent(other.bucketHashes(1), 1)).toEqual([]);
  for (const owner of owners) one.put(record(owner, 'node', 2, value), 0);
  const all = one.bucketsWhereDifferent(other.bucketHashes(1), 1);
  // Three hundred owners leave none of 64 buckets out, or hardly one.
  expect(all.length).toBeGreaterThan(55);
  const found = one.versionsWhereDifferent(other.digest(1, new Set(all)), 1, new Set(all));
  expect(found.versions.map(({ owner }) => owner).sort()).toEqual([...owners].sort());
});

it('keeps the newest events of an owner, each once, and says which it pushed out', () => {
  const table = new ObservedTable();
  const about = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'event', uid: '', creationTimestamp: '' } };
  const event = { kind: 'event', event: about } as unknown as ObservedRecord['value'];
  const put = (name: string, sequence: number) => table.put(record('peer', `event/default/${name}`, sequence, event), sequence);
  for (let sequence = 1; sequence <= MAX_EVENTS_PER_OWNER; sequence += 1) expect(put(`e${sequence}`, sequence)).toEqual({ isIn: true });
  // Told again: it is no longer the oldest, nor one more.
  expect(put('e1', 10_000)).toEqual({ isIn: true });
  expect(put('late', 10_001).pushedOut?.key).toBe('event/default/e2');
  expect(put('too-old', 2)).toEqual({ isIn: false });
  // Facts have room of their own.
  expect(table.put(record('peer', 'node', 1, null), 0)).toEqual({ isIn: true });
  expect(table.keysOf('peer')).toHaveLength(MAX_EVENTS_PER_OWNER + 1);
  for (let round = 0; round < 3 * MAX_EVENTS_PER_OWNER; round += 1) put('e1', 20_000 + round);
  expect(put('last', 30_000).pushedOut?.key).toBe('event/default/e3');
});

it('forgets what is withdrawn when it is old, unless it was said again, and all of who is no owner any more', () => {
  const table = new ObservedTable();
  const value = { kind: 'node', status: {}, version: '1' } as const;
  table.put(record('peer', 'gone', 1, null), 0);
  table.put(record('peer', 'back', 1, null), 0);
  table.put(record('peer', 'back', 2, value), 1);
  table.put(record('other', 'node', 1, value), 0);
  const fork = new ObservedTable(table);
  expect(fork.sweep(() => true, WITHDRAWN_KEPT_MS)).toEqual([]);
  expect(fork.keysOf('peer')).toEqual(['gone', 'back']);
  expect(fork.sweep((owner) => owner === 'peer', WITHDRAWN_KEPT_MS + 1)).toEqual([record('other', 'node', 1, value)]);
  expect(fork.keysOf('peer')).toEqual(['back']);
  expect(fork.ownerCount).toBe(1);
  // What it was made of is as it was.
  expect(table.keysOf('peer')).toEqual(['gone', 'back']);
  expect(table.ownerCount).toBe(2);
});
