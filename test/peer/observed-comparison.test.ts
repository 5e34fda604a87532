import { expect, it } from 'vitest';
import { MAX_GREETED, ObservedComparison, type Taken } from '../../daemon/peer/observed-comparison.ts';
import { MAX_EVENTS_PER_OWNER, MAX_FACTS_PER_OWNER, MAX_RECORDS_PER_OWNER, ObservedTable } from '../../daemon/peer/observed-table.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import {
  decodeObservedRequest,
  decodeRecords,
  encodeObservedAnswer,
  MAX_BATCH_RECORDS,
  MAX_EVENT_KEY_BYTES,
  MAX_FACT_KEY_BYTES,
  MAX_OBSERVED_VERSIONS,
  OBSERVED_LIST_BYTES,
  rowBytes,
} from '../../protocol/wire-observed.ts';
import { MAX_PEER_CHARS } from '../../protocol/wire/limits.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

const NOTHING: Taken = { sent: { records: [], malformed: [] }, taken: 0 };

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
      return encodeObservedAnswer({ type: 'versions', versions: [], isWhole: true });
    });
    other.setMembers(members);
    await other.start();
  }
  const transport = network.transport('self');
  transport.setMembers(members);
  const table = new ObservedTable();
  const comparison = new ObservedComparison(
    { transport, clock, random, log: silentLog },
    { table, take: () => NOTHING, beforeRound: () => undefined, memberCount: () => names.length + 1 },
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
      if (decodeObservedRequest(payload).type !== 'pull') return encodeObservedAnswer({ type: 'versions', versions, isWhole: true });
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
  const take = (payload: Uint8Array): Taken => {
    const sent = decodeRecords(payload);
    return { sent, taken: sent.records.filter((each) => table.put(each, clock.monotonic()).isIn).length };
  };
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

interface Pair {
  ours: ObservedTable;
  theirs: ObservedTable;
  comparison: ObservedComparison;
  /** Compares with the other, once; answers when that was begun. */
  compare(): Promise<number>;
}

/** Two that have heard some things, connected; what `refuses` names is not taken here. */
async function pairOf(fill: (ours: ObservedTable, theirs: ObservedTable) => void, refuses = (_: ObservedRecord) => false): Promise<Pair> {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const network = new MemoryNetwork({ clock, random });
  const [ours, theirs] = [new ObservedTable(), new ObservedTable()];
  fill(ours, theirs);
  const [here, there] = [network.transport('here'), network.transport('there')];
  const host = { beforeRound: () => undefined, memberCount: () => 2 };
  const take = (payload: Uint8Array): Taken => {
    const sent = decodeRecords(payload);
    return { sent, taken: sent.records.filter((each) => !refuses(each) && ours.put(each, clock.monotonic()).isIn).length };
  };
  // The other only answers.
  const other = new ObservedComparison(
    { transport: there, clock, random, log: silentLog },
    { ...host, table: theirs, take: () => NOTHING },
  );
  other.start();
  other.stop();
  const comparison = new ObservedComparison({ transport: here, clock, random, log: silentLog }, { ...host, table: ours, take });
  for (const transport of [here, there]) {
    transport.setMembers(['here', 'there'].map((peer) => ({ peer, addresses: [] })));
    await transport.start();
  }
  const compare = async (): Promise<number> => {
    const begunAt = clock.monotonic();
    comparison.compareWith('there');
    await clock.pass(2_000);
    return begunAt;
  };
  return { ours, theirs, comparison, compare };
}

function factOf(owner: string, key: string, sequence: number): ObservedRecord {
  return { owner, node: owner, incarnation: 1, sequence, key, value: null, signature: 'x' };
}

it('has compared with one that lists more than one answer holds when it has come to the end of the list', async () => {
  const owners = Array.from({ length: 25 }, (_, index) => `peer${index}`);
  // Nothing of it is newer there, but what the last owner says.
  const { ours, comparison, compare } = await pairOf((here, there) => {
    for (const owner of owners) {
      for (let index = 0; index < 450; index += 1) for (const table of [here, there]) table.put(factOf(owner, `pod/${index}`, 1), 0);
      (owner === owners.at(-1) ? there : here).put(factOf(owner, 'pod/0', 2), 0);
    }
  });
  const begunAt = await compare();
  expect(ours.get('peer24', 'pod/0')?.sequence).toBe(2);
  expect(comparison.comparedAt('there')).toBe(begunAt);
});

it('has compared with one whose lists have no room for so many keys as long as they may be', async () => {
  const owners = Array.from({ length: 9 }, (_, index) => `peer${index}`);
  const keyOf = (index: number): string => `death/${String(index).padStart(MAX_FACT_KEY_BYTES - 6, '-')}`;
  const { ours, comparison, compare } = await pairOf((_here, there) => {
    for (const owner of owners) for (let index = 0; index < 2_000; index += 1) there.put(factOf(owner, keyOf(index), 1), 0);
  });
  const begunAt = await compare();
  for (const owner of owners) expect(ours.keysOf(owner)).toHaveLength(2_000);
  expect(comparison.comparedAt('there')).toBe(begunAt);
});

it('lists each owner whole', () => {
  expect(MAX_RECORDS_PER_OWNER).toBeLessThanOrEqual(MAX_OBSERVED_VERSIONS);
  const [owner, key] = ['p'.repeat(MAX_PEER_CHARS), (bytes: number): string => '-'.repeat(bytes)];
  const events = MAX_EVENTS_PER_OWNER * rowBytes({ owner, key: key(MAX_EVENT_KEY_BYTES) });
  const facts = MAX_FACTS_PER_OWNER * rowBytes({ owner, key: key(MAX_FACT_KEY_BYTES) });
  expect(events + facts).toBeLessThanOrEqual(OBSERVED_LIST_BYTES);
});

it('asks for what an answer had no room for, though nothing of that answer was taken', async () => {
  const count = MAX_BATCH_RECORDS + 100;
  const { ours, comparison, compare } = await pairOf(
    (_here, there) => {
      for (let index = 0; index < count; index += 1) there.put(factOf('peer9', `pod/${index}`, 1), 0);
    },
    ({ key }) => Number(key.slice('pod/'.length)) < MAX_BATCH_RECORDS,
  );
  const begunAt = await compare();
  expect(ours.keysOf('peer9')).toHaveLength(100);
  // The rest is refused, whenever it comes.
  expect(comparison.comparedAt('there')).toBe(begunAt);
});

it('has not compared while something that was listed was not sent', async () => {
  const { theirs, comparison, compare } = await pairOf((_here, there) => void there.put(factOf('peer9', 'pod/1', 1), 0));
  const get = theirs.get.bind(theirs);
  theirs.get = () => undefined;
  await compare();
  expect(comparison.comparedAt('there')).toBeUndefined();
  theirs.get = get;
  const begunAt = await compare();
  expect(comparison.comparedAt('there')).toBe(begunAt);
});
