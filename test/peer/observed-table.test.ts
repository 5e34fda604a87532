import { expect, it } from 'vitest';
import { ObservedTable, WITHDRAWN_COMPARED_MS } from '../../daemon/peer/observed-table.ts';
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
  const found = one.versionsWhereDifferent(other.digest(1, new Set(all)), 1, 1_000, new Set(all));
  expect(found.map(({ owner }) => owner).sort()).toEqual([...owners].sort());
});
