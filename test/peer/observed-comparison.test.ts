import { expect, it } from 'vitest';
import { MAX_GREETED, ObservedComparison } from '../../daemon/peer/observed-comparison.ts';
import { ObservedTable } from '../../daemon/peer/observed-table.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import { decodeObservedRequest, decodeRecords, encodeObservedAnswer } from '../../protocol/wire-observed.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

it('compares at once with a bounded number of those that connect together, and with others in later rounds', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const network = new MemoryNetwork({ clock, random });
  const names = Array.from({ length: 2 * MAX_GREETED }, (_, index) => `peer${index}`);
  const asked: string[] = [];
  const members = [...names, 'self'].map((peer) => ({ peer, addresses: [] }));
  for (const name of names) {
    const other = network.transport(name);
    other.serve('observed', async () => {
      asked.push(name);
      return encodeObservedAnswer({ type: 'versions', versions: [] });
    });
    other.setMembers(members);
    await other.start();
  }
  const transport = network.transport('self');
  transport.setMembers(members);
  const table = new ObservedTable();
  const comparison = new ObservedComparison(
    { transport, clock, random, log: silentLog },
    { table, take: () => 0, beforeRound: () => undefined, memberCount: () => names.length + 1 },
  );
  comparison.start();
  await transport.start();
  await clock.pass(100);
  expect(asked).toHaveLength(MAX_GREETED);
  await clock.pass(10_000);
  expect(asked.length).toBeGreaterThan(MAX_GREETED);
  // What connects after a round is greeted again.
  const before = asked.length;
  transport.reconnect('peer0');
  await clock.pass(50);
  expect(asked.slice(before)).toContain('peer0');
  comparison.stop();
});

it.each([
  { members: 40, asks: 'one peer only for a record that many have, in a wide cluster' },
  { members: 4, asks: 'all of a few peers for it' },
])('asks $asks', async ({ members }) => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const network = new MemoryNetwork({ clock, random });
  const names = ['peer0', 'peer1', 'peer2'];
  const everybody = [...names, 'self'].map((peer) => ({ peer, addresses: [] }));
  const record: ObservedRecord = { owner: 'peer9', node: 'node-9', incarnation: 1, sequence: 7, key: 'pod/1', value: null, signature: 'x' };
  const versions = [{ owner: 'peer9', key: 'pod/1', incarnation: 1, sequence: 7 }];
  const pulled: string[] = [];
  let isAnswering = false;
  for (const name of names) {
    const other = network.transport(name);
    other.serve('observed', async (_from, payload) => {
      if (decodeObservedRequest(payload).type !== 'pull') return encodeObservedAnswer({ type: 'versions', versions });
      pulled.push(name);
      if (!isAnswering) return new Promise(() => undefined);
      return encodeObservedAnswer({ type: 'records', records: [record] });
    });
    other.setMembers(everybody);
    await other.start();
  }
  const transport = network.transport('self');
  transport.setMembers(everybody);
  const table = new ObservedTable();
  const take = (payload: Uint8Array): number => decodeRecords(payload).filter((each) => table.put(each, clock.monotonic()).isIn).length;
  const comparison = new ObservedComparison(
    { transport, clock, random, log: silentLog },
    { table, take, beforeRound: () => undefined, memberCount: () => members },
  );
  comparison.start();
  await transport.start();
  await clock.pass(100);
  expect(pulled).toHaveLength(members < 32 ? names.length : 1);
  // All have something that is not here yet.
  expect(names.map((name) => comparison.comparedAt(name))).toEqual([undefined, undefined, undefined]);
  // Who was asked did not answer in its time: another is.
  isAnswering = true;
  await clock.pass(15_000);
  expect(table.get('peer9', 'pod/1')).toEqual(record);
  const asked = clock.monotonic();
  comparison.compareWith('peer1');
  await clock.pass(50);
  expect(comparison.comparedAt('peer1')).toBe(asked);
  comparison.setMembers(['peer0']);
  expect(comparison.comparedAt('peer1')).toBeUndefined();
  comparison.stop();
});
