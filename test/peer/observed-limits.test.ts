import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_FACTS_PER_OWNER, MAX_PODS_PER_OWNER, ObservedTable } from '../../daemon/peer/observed-table.ts';
import { PeerObserved } from '../../daemon/peer/observed.ts';
import type { ObservedRecord, PodReport } from '../../protocol/observed.ts';
import { fakeIdentity, fakeVerify } from '../support/liveness-world.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

const pod = (uid: string): PodReport => ({ kind: 'pod', uid, namespace: 'default', name: uid, status: { phase: 'Running' } });

describe('a node that has more to say than is kept', () => {
  const ids = ['a', 'b'];
  let clock: VirtualClock;
  let network: MemoryNetwork;
  const started: PeerObserved[] = [];
  beforeEach(() => {
    clock = new VirtualClock({ msPerTurn: 10 });
    network = new MemoryNetwork({ clock, random: seededRandom(7) });
  });
  afterEach(() => {
    for (const observed of started.splice(0)) observed.stop();
  });

  async function peer(id: string): Promise<PeerObserved> {
    const transport = network.transport(id);
    const deps = { transport, identity: fakeIdentity(id), verify: fakeVerify, clock, random: seededRandom(3), log: silentLog };
    const observed = new PeerObserved(deps, { node: `node-${id}`, incarnation: 1 });
    observed.setMembers(ids.map((each) => ({ peerId: each, nodeName: `node-${each}` })));
    transport.setMembers(ids.map((each) => ({ peer: each, addresses: [] })));
    observed.start();
    await transport.start();
    started.push(observed);
    return observed;
  }

  const full = (observed: PeerObserved): void => {
    for (let index = 0; index < MAX_PODS_PER_OWNER; index += 1) observed.publish(`pod/${index}`, pod(String(index)));
  };
  const isTold = (observed: PeerObserved, key: string): boolean => (observed.get('a', key)?.value ?? null) !== null;

  it('says what is new of its pods once there is room, and does not lose it', async () => {
    const [a, b] = [await peer('a'), await peer('b')];
    full(a);
    await clock.pass(10_000);
    a.publish('pod/new', pod('new'));
    await clock.pass(10_000);
    expect(isTold(b, 'pod/new')).toBe(false);
    // Of a pod of which nobody has heard nobody need hear that it is gone.
    a.publish('pod/brief', pod('brief'));
    await clock.pass(1_000);
    a.publish('pod/brief', null);
    a.publish('pod/7', null);
    await clock.pass(10_000);
    expect(isTold(b, 'pod/new')).toBe(true);
    expect(isTold(b, 'pod/7')).toBe(false);
    expect(b.get('a', 'pod/brief')).toBeUndefined();
  });

  it('has room for what is no pod, and for pods that come when others have gone', async () => {
    const [a, b] = [await peer('a'), await peer('b')];
    full(a);
    a.publish('node', { kind: 'node', status: {}, version: '1' });
    await clock.pass(10_000);
    expect(isTold(b, 'node')).toBe(true);
    for (let index = 0; index < 100; index += 1) a.publish(`pod/${index}`, null);
    await clock.pass(10_000);
    for (let index = 0; index < 100; index += 1) a.publish(`pod/next-${index}`, pod(`next-${index}`));
    await clock.pass(10_000);
    expect([isTold(b, 'pod/next-99'), isTold(b, 'pod/99')]).toEqual([true, false]);
  });
});

it('what is kept of an owner is the same in whatever order it came', () => {
  const random = seededRandom(11);
  const records = Array.from({ length: MAX_FACTS_PER_OWNER + 200 }, (_, index): ObservedRecord => {
    const isOther = index % 10 === 0;
    const value = isOther || index % 3 > 0 ? ({ kind: 'node', status: {}, version: '1' } as const) : null;
    return {
      owner: 'a',
      node: 'a',
      incarnation: 1,
      sequence: index + 1,
      key: `${isOther ? 'death' : 'pod'}/${index}`,
      value,
      signature: '',
    };
  });
  const kept = (order: readonly ObservedRecord[]): string[] => {
    const table = new ObservedTable();
    for (const record of order) table.put(record, 0);
    return table.keysOf('a').sort();
  };
  const shuffled = records.map((record) => ({ record, at: random.next() })).sort((left, right) => left.at - right.at);
  const inOrder = kept(records);
  expect(inOrder.length).toBeLessThan(records.length);
  expect(kept(shuffled.map(({ record }) => record))).toEqual(inOrder);
  for (const { key, value } of records) if (value !== null) expect(inOrder).toContain(key);
});
