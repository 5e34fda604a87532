import { afterEach, describe, expect, it } from 'vitest';
import { ACKNOWLEDGE_TIMEOUT_MS } from '../../daemon/peer/replication.ts';
import type { Acknowledgement } from '../../daemon/peer/replication.ts';
import type { Mutation } from '../../protocol/desired.ts';
import { encodeMessage } from '../../protocol/wire/message.ts';
import { KithError } from '../../protocol/errors.ts';
import { deployment, deploymentKey, pod, podKey, TEST_CLUSTER } from '../support/replica-world.ts';
import { SyncWorld } from '../support/sync-world.ts';
import type { SyncedPeer } from '../support/sync-world.ts';

async function write(peer: SyncedPeer, name: string) {
  const { envelope } = await peer.replica.write([{ type: 'create', key: podKey(name), object: pod(name) }]);
  return envelope!;
}

describe('replication', () => {
  let world: SyncWorld;
  afterEach(() => world.stop());

  async function outcome(promise: Promise<Acknowledgement>, withinMs: number): Promise<Acknowledgement | undefined> {
    let answer: Acknowledgement | undefined;
    void promise.then((value) => (answer = value));
    await world.clock.pass(withinMs, () => answer !== undefined);
    return answer;
  }

  it('brings a write to all peers by gossip at once', async () => {
    world = new SyncWorld();
    const [a, b, c] = [await world.add('a'), await world.add('b'), await world.add('c')];
    await world.clock.pass(100);
    await write(a, 'p');
    expect(await world.clock.pass(50, () => b.replica.get(podKey('p')) !== undefined && c.replica.get(podKey('p')) !== undefined)).toBe(
      true,
    );
  });

  it('acknowledges when the first of several peers has fsynced', async () => {
    world = new SyncWorld();
    const [a, b, c] = [await world.add('a'), await world.add('b'), await world.add('c')];
    b.store.failure = new KithError('StoreFull', 'full');
    world.network.delay('a', 'c', 300);
    world.network.lose('a', 'b', 1);
    world.network.lose('a', 'c', 1);
    const envelope = await write(a, 'p');
    world.network.lose('a', 'b', 0);
    world.network.lose('a', 'c', 0);
    expect(await outcome(a.replication.acknowledge(envelope, ['a', 'b', 'c']), 1_000)).toBe('acknowledged');
    expect(c.store.records.has(`replica/o/${podKey('p')}`)).toBe(true);
  });

  it('says alone when there is nobody to ask', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    expect(await a.replication.acknowledge(await write(a, 'p'), ['a'])).toBe('alone');
  });

  it('says timeout after two seconds when nobody answers, and no earlier', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    await world.add('b');
    world.network.mute('a', 'b');
    const acknowledged = a.replication.acknowledge(await write(a, 'p'), ['b']);
    expect(await outcome(acknowledged, ACKNOWLEDGE_TIMEOUT_MS - 50)).toBeUndefined();
    expect(await outcome(acknowledged, 100)).toBe('timeout');
  });

  it('asks others, too, where the first three say nothing', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    const others = ['b', 'c', 'd', 'e', 'f'];
    for (const peer of others) await world.add(peer);
    await world.clock.pass(100);
    for (const peer of ['b', 'c', 'd', 'e']) world.network.mute('a', peer);
    expect(await outcome(a.replication.acknowledge(await write(a, 'p'), others), 1_000)).toBe('acknowledged');
  });

  it('tries again when the connection to the only other peer broke', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    world.network.delay('a', 'b', 50);
    const acknowledged = a.replication.acknowledge(await write(a, 'p'), ['b']);
    world.network.cut('a', 'b');
    expect(await outcome(acknowledged, 500)).toBeUndefined();
    world.network.heal('a', 'b');
    expect(await outcome(acknowledged, 500)).toBe('acknowledged');
    expect(b.replica.get(podKey('p'))).toBeDefined();
  });

  it('does not count an answer of a peer whose disk is full', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    b.store.failure = new KithError('StoreFull', 'full');
    expect(await outcome(a.replication.acknowledge(await write(a, 'p'), ['b']), 5_000)).toBe('timeout');
    expect(b.replica.get(podKey('p'))).toBeUndefined();
  });

  it('sends what a change builds on to a peer that lacks it, before the acknowledgement', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    world.network.lose('a', 'b', 0.999_999);
    const key = deploymentKey('web');
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    const { uid, object } = objects[0]!;
    const { envelope } = await a.replica.write([{ type: 'update', key, uid, base: object, next: { ...object, spec: { replicas: 2 } } }]);
    expect(b.replica.get(key)).toBeUndefined();
    expect(await outcome(a.replication.acknowledge(envelope!, ['b']), 1_000)).toBe('acknowledged');
    expect(b.replica.get(key)!.object['spec']).toEqual({ replicas: 2 });
  });

  it('acknowledges only what is there, though what it builds on does not fit one message', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    const names = Array.from({ length: 80 }, (_, index) => `p${index}`);
    const merge = b.replica.merge.bind(b.replica);
    b.replica.merge = async () => Promise.reject(new Error('not now'));
    const made = names.map((name): Mutation => {
      const noise = Buffer.from(world.random.bytes(12_000)).toString('base64');
      const object = pod(name);
      return { type: 'create', key: podKey(name), object: { ...object, metadata: { ...object.metadata, annotations: { noise } } } };
    });
    await a.replica.write(made);
    await world.clock.pass(500);
    b.replica.merge = merge;
    const edited = names.map((name): Mutation => {
      const { key, uid, object } = a.replica.get(podKey(name))!;
      const next = { ...object, metadata: { ...object.metadata, labels: { is: 'there' } } };
      return { type: 'update', key, uid, base: object, next };
    });
    const { envelope } = await a.replica.write(edited);
    let outcome: unknown;
    void a.replication.acknowledge(envelope!, ['b']).then((each) => (outcome = each));
    await world.clock.pass(ACKNOWLEDGE_TIMEOUT_MS, () => outcome !== undefined);
    expect(outcome).toBe('acknowledged');
    for (const name of names) expect(b.replica.get(podKey(name))?.object.metadata.labels).toEqual({ is: 'there' });
  });

  it('fetches what a gossiped change builds on from its author', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    const key = deploymentKey('web');
    world.network.lose('a', 'b', 0.999_999);
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    world.network.lose('a', 'b', 0);
    const { uid, object } = objects[0]!;
    await a.replica.write([{ type: 'update', key, uid, base: object, next: { ...object, spec: { replicas: 2 } } }]);
    expect(await world.clock.pass(100, () => b.replica.get(key) !== undefined)).toBe(true);
  });

  it('counts and survives garbage, other versions, other clusters and unknown kinds', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    const message = { cluster: TEST_CLUSTER, from: 'a', kind: 'changes', body: { id: 'x', changes: [], tombstones: [] } };
    const newer = encodeMessage(message);
    newer[newer.lastIndexOf(0x76) + 1] = 9;
    const payloads = [
      Uint8Array.of(1, 2, 3),
      newer,
      encodeMessage({ ...message, cluster: 'other' }),
      encodeMessage({ ...message, kind: 'surprise' }),
      encodeMessage({ ...message, body: { id: 'x', changes: [{ key: 'no key', life: 1, changes: [] }], tombstones: [] } }),
      new Uint8Array(300_000),
    ];
    for (const payload of payloads) await a.transport.publish('changes', payload);
    await world.clock.pass(500);
    expect(b.replication.counters()).toMatchObject({
      WireInvalid: 2,
      WireVersion: 1,
      WireCluster: 1,
      WireKind: 1,
      WireOversize: 1,
      MergeFailed: 6,
    });
    await write(a, 'p');
    expect(await world.clock.pass(100, () => b.replica.get(podKey('p')) !== undefined)).toBe(true);
  });

  it('cuts a large batch into messages that gossip takes', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    const mutations = Array.from({ length: 100 }, (_, index) => ({
      type: 'create' as const,
      key: podKey(`p${index}`),
      object: pod(`p${index}`, { spec: { note: String(index).padEnd(8_000, 'z') } }),
    }));
    await a.replica.write(mutations);
    expect(await world.clock.pass(1_000, () => [...b.replica.all()].length === 100)).toBe(true);
    expect(a.replication.counters()['Gossiped']).toBeGreaterThan(1);
    expect(a.replication.counters()['GossipTooLarge']).toBeUndefined();
  });
});
