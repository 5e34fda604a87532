import { afterEach, describe, expect, it } from 'vitest';
import { SYNC_INTERVAL_MS } from '../../daemon/peer/anti-entropy.ts';
import { GRAVE_IN_FLIGHT_MS } from '../../daemon/peer/replica/graves.ts';
import type { Replica } from '../../daemon/ports/replica.ts';
import { CREATED_AT, deployment, deploymentKey, pod, podKey } from '../support/replica-world.ts';
import { SyncWorld } from '../support/sync-world.ts';

const NOW = '2026-01-02T00:00:00Z';
const MINUTE = 60_000;

async function createPods(replica: Replica, prefix: string, count: number, note = ''): Promise<void> {
  const mutations = Array.from({ length: count }, (_, index) => {
    const name = `${prefix}-${index}`;
    return { type: 'create' as const, key: podKey(name), object: pod(name, { spec: { note } }) };
  });
  await replica.write(mutations);
}

describe('anti-entropy', () => {
  let world: SyncWorld;
  afterEach(() => world.stop());

  it('brings what was written while two sides were cut to all, soon after the heal', async () => {
    world = new SyncWorld();
    const [a, b, c] = [await world.add('a'), await world.add('b'), await world.add('c')];
    world.network.partition(['a'], ['b', 'c']);
    await createPods(a.replica, 'left', 60);
    await createPods(b.replica, 'right', 60);
    await world.clock.pass(MINUTE);
    expect(world.equal()).toBe(false);
    expect(c.replica.get(podKey('right-5'))).toBeDefined();
    world.network.healAll();
    expect(await world.clock.pass(4 * SYNC_INTERVAL_MS, () => world.equal())).toBe(true);
    expect([...c.replica.all()]).toHaveLength(120);
  });

  it('repairs what gossip lost, without a new connection', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(1_000);
    world.network.lose('a', 'b', 0.999_999);
    await createPods(a.replica, 'lost', 5);
    expect(await world.clock.pass(10 * SYNC_INTERVAL_MS, () => world.equal())).toBe(true);
    expect(b.replica.get(podKey('lost-4'))).toBeDefined();
  });

  it('knows when it began to hold all that another held', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    expect(await world.clock.pass(MINUTE, () => a.antiEntropy.comparedAt('b') !== undefined)).toBe(true);
    world.network.partition(['a'], ['b']);
    await createPods(b.replica, 'new', 3);
    await world.clock.pass(MINUTE);
    expect(a.antiEntropy.comparedAt('b')).toBeLessThan(world.clock.monotonic() - MINUTE / 2);
    world.network.healAll();
    const healedAt = world.clock.monotonic();
    a.antiEntropy.compareWith('b');
    expect(await world.clock.pass(1_000, () => (a.antiEntropy.comparedAt('b') ?? 0) >= healedAt)).toBe(true);
    expect(a.replica.get(podKey('new-2'))).toBeDefined();
    a.antiEntropy.setMembers(['a']);
    expect(a.antiEntropy.comparedAt('b')).toBeUndefined();
  });

  it('tells of each sync that ends, and whether the other held it up', async () => {
    world = new SyncWorld();
    const [{ antiEntropy }] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    const ended: boolean[] = [];
    antiEntropy.onEnded((_peer, failed) => ended.push(failed));
    expect(antiEntropy.compareWith('b')).toBe('begun');
    expect(antiEntropy.compareWith('b')).toBe('underWay');
    for (const other of ['c', 'd']) expect(antiEntropy.compareWith(other)).toBe('begun');
    expect(antiEntropy.compareWith('e')).toBe('full');
    await world.clock.pass(100);
    // Two are not connected: they fail at once, and may connect in a moment.
    expect(ended).toEqual([false, false, false]);
    world.network.mute('b', 'a');
    expect(antiEntropy.compareWith('b')).toBe('begun');
    expect(await world.clock.pass(MINUTE, () => ended.at(-1) === true)).toBe(true);
  });

  it('counts no comparison that was under way while it stood still', async () => {
    world = new SyncWorld();
    const [a] = [await world.add('a'), await world.add('b')];
    expect(await world.clock.pass(MINUTE, () => a.antiEntropy.hasCaughtUp)).toBe(true);
    const [before] = [a.antiEntropy.comparedAt('b')];
    for (const [from, to] of [['a', 'b'] as const, ['b', 'a'] as const]) world.network.delay(from, to, 300);
    await world.clock.pass(100);
    a.antiEntropy.compareWith('b');
    await world.clock.pass(100);
    expect(a.antiEntropy.fallBehind()).toBe(true);
    expect(await world.clock.pass(1_000, () => a.antiEntropy.comparedAt('b') !== before)).toBe(true);
    expect(a.antiEntropy.hasCaughtUp).toBe(false);
    expect(await world.clock.pass(4 * SYNC_INTERVAL_MS, () => a.antiEntropy.hasCaughtUp)).toBe(true);
  });

  it('gives a joiner everything, in bounded messages, before the full sync resolves', async () => {
    world = new SyncWorld();
    const founder = await world.add('founder');
    await createPods(founder.replica, 'old', 150, 'x'.repeat(16_000));
    const joiner = await world.add('joiner');
    let done = false;
    const sync = joiner.antiEntropy.syncWith('founder', new AbortController().signal).then(() => (done = true));
    expect(await world.clock.pass(MINUTE, () => done)).toBe(true);
    await sync;
    expect([...joiner.replica.all()]).toHaveLength(150);
    expect(await world.clock.pass(MINUTE, () => joiner.antiEntropy.behind('founder') === 0)).toBe(true);
  });

  it('resolves a full sync although one object can not be taken', async () => {
    world = new SyncWorld();
    const founder = await world.add('founder');
    await createPods(founder.replica, 'good', 10);
    const read = founder.replica.changesSince.bind(founder.replica);
    founder.replica.changesSince = async (have, maxBytes) => {
      const envelope = await read(have, maxBytes);
      return {
        ...envelope,
        changes: envelope.changes.map((item) =>
          item.key === podKey('good-3') ? { key: item.key, life: 1, changes: [], document: Uint8Array.of(1, 2, 3) } : item,
        ),
      };
    };
    const joiner = await world.add('joiner');
    let done = false;
    const sync = joiner.antiEntropy.syncWith('founder', new AbortController().signal).then(() => (done = true));
    expect(await world.clock.pass(MINUTE, () => done)).toBe(true);
    await sync;
    expect([...joiner.replica.all()]).toHaveLength(9);
  });

  it('says of a full sync whether the other held the whole state, and forgets no grave on the word of one that does not', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a', { incomplete: true }), await world.add('b', { incomplete: true })];
    const key = deploymentKey('web');
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    await a.replica.write([{ type: 'bury', key, uid: objects[0]!.uid, at: NOW }]);
    const answers: boolean[] = [];
    const ask = async (): Promise<void> => void answers.push(await b.antiEntropy.syncWith('a', new AbortController().signal));
    const first = ask();
    await world.clock.pass(3 * GRAVE_IN_FLIGHT_MS);
    await first;
    expect(answers).toEqual([false]);
    expect([a.replica.buriedLife(key), b.replica.buriedLife(key)]).toEqual([1, 1]);
    a.antiEntropy.setComplete();
    const second = ask();
    await world.clock.pass(1_000);
    await second;
    expect(answers).toEqual([false, true]);
  });

  it('rejects a full sync with a peer that can not be reached, or that is called off', async () => {
    world = new SyncWorld();
    const lonely = await world.add('lonely');
    await expect(lonely.antiEntropy.syncWith('nobody', new AbortController().signal)).rejects.toMatchObject({ code: 'PeerUnreachable' });
    await expect(lonely.antiEntropy.syncWith('nobody', AbortSignal.abort(new Error('called off')))).rejects.toThrow('called off');
  });

  it('takes nothing from a peer of another cluster and says so in its counters', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b', { clusterId: 'other' })];
    await createPods(a.replica, 'p', 3);
    await world.clock.pass(MINUTE);
    expect([...b.replica.all()]).toEqual([]);
    expect(b.antiEntropy.counters()['WireCluster']).toBeGreaterThan(0);
  });

  it('refuses garbage and questions it does not know', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    const failed = expect(a.transport.request('b', 'sync', Uint8Array.of(0xff, 1, 2), { timeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'RequestRefused',
    });
    await world.clock.pass(1_000);
    await failed;
    expect(b.antiEntropy.counters()['WireInvalid']).toBe(1);
  });

  it('forgets a grave at all members after all hold it, never while one is away, and nothing comes back', async () => {
    world = new SyncWorld();
    const peers = [await world.add('a'), await world.add('b'), await world.add('c')];
    const [a, b, c] = peers as [(typeof peers)[0], (typeof peers)[0], (typeof peers)[0]];
    const key = deploymentKey('web');
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    expect(await world.clock.pass(MINUTE, () => c.replica.get(key) !== undefined)).toBe(true);
    world.network.partition(['c'], ['a', 'b']);
    await a.replica.write([{ type: 'bury', key, uid: objects[0]!.uid, at: NOW }]);
    await world.clock.pass(5 * GRAVE_IN_FLIGHT_MS);
    expect([a.replica.buriedLife(key), b.replica.buriedLife(key)]).toEqual([1, 1]);
    world.network.healAll();
    expect(await world.clock.pass(MINUTE, () => c.replica.get(key) === undefined)).toBe(true);
    const forgotten = (): boolean => peers.every(({ replica }) => replica.buriedLife(key) === 0);
    expect(await world.clock.pass(3 * GRAVE_IN_FLIGHT_MS, forgotten)).toBe(true);
    expect(world.equal()).toBe(true);
    expect(peers.every(({ replica }) => replica.get(key) === undefined)).toBe(true);
    const again = await c.replica.write([{ type: 'create', key, object: deployment('web') }]);
    expect(again.objects[0]!.life).toBe(2);
    expect(again.objects[0]!.object.metadata.creationTimestamp).toBe(CREATED_AT);
  });
});
