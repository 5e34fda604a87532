import { afterEach, describe, expect, it } from 'vitest';
import { bucketOf } from '../../daemon/core/desired/digest.ts';
import { AcknowledgedWriter, WARNING_ALONE, WARNING_TIMEOUT } from '../../daemon/peer/desired-writer.ts';
import { CREATED_AT, deployment, deploymentKey } from '../support/replica-world.ts';
import { seededRandom, SyncWorld } from '../support/sync-world.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import type { SyncedPeer } from '../support/sync-world.ts';

function configMap(data: object): StoredObject {
  const metadata = { name: 'large', namespace: 'default', uid: '', creationTimestamp: CREATED_AT };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ...data } };
}

describe('acknowledged writes', () => {
  let world: SyncWorld;
  afterEach(() => world.stop());

  function writerOf({ replica, replication }: SyncedPeer, livePeers: readonly string[]): AcknowledgedWriter {
    return new AcknowledgedWriter({
      replica,
      acknowledge: async (envelope, peers) => {
        const answer = replication.acknowledge(envelope, peers);
        await world.clock.pass(1_000);
        return answer;
      },
      livePeers: () => livePeers,
      membersKnown: () => 2,
      isRemoved: () => false,
    });
  }

  /** An object that only `a` has: its own write was lost on the way. */
  async function known(a: SyncedPeer) {
    await world.clock.pass(100);
    world.network.lose('a', 'b', 0.999_999);
    const key = deploymentKey('web');
    const { objects } = await a.replica.write([{ type: 'create', key, object: deployment('web') }]);
    world.network.lose('a', 'b', 0);
    const { uid, object } = objects[0]!;
    return { key, uid, object };
  }

  it('say that what is there already is safe only once another member has it on disk', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    const { key, uid, object } = await known(a);
    const { warnings } = await writerOf(a, ['b']).write([{ type: 'update', key, uid, base: object, next: object }]);
    expect(warnings).toEqual([]);
    expect(b.store.records.has(`replica/o/${key}`)).toBe(true);
  });

  it('warn of what is there already, and here only', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    await world.add('b');
    const { key, uid, object } = await known(a);
    const { warnings } = await writerOf(a, []).write([{ type: 'update', key, uid, base: object, next: object }]);
    expect(warnings).toEqual([WARNING_ALONE]);
  });

  it('say so of a large object only once all of it is there, however much of it was there before', async () => {
    world = new SyncWorld();
    const [a, b] = [await world.add('a'), await world.add('b')];
    await world.clock.pass(100);
    world.network.lose('a', 'b', 0.999_999);
    const key = objectKey('configmaps', 'default', 'large');
    const part = (seed: number): string => Buffer.from(seededRandom(seed).bytes(120_000)).toString('hex');
    let held = (await a.replica.write([{ type: 'create', key, object: configMap({}) }])).objects[0]!;
    for (let index = 0; index < 6; index += 1) {
      const next = configMap({ ...(held.object['data'] as object), [`part-${index}`]: part(index + 1) });
      held = (await a.replica.write([{ type: 'update', key, uid: held.uid, base: held.object, next }])).objects[0]!;
    }
    world.network.lose('a', 'b', 0);
    const { warnings } = await writerOf(a, ['b']).write([{ type: 'update', key, uid: held.uid, base: held.object, next: held.object }]);
    expect(warnings).toEqual([]);
    expect(b.replica.get(key)?.heads).toEqual(held.heads);
  });

  it('warn of what can not be read here any more', async () => {
    world = new SyncWorld();
    const a = await world.add('a');
    await world.add('b');
    const { key, uid, object } = await known(a);
    a.replica.newestChanges = async () => ({ id: 'nothing', changes: [], tombstones: [] });
    const { warnings } = await writerOf(a, ['b']).write([{ type: 'update', key, uid, base: object, next: object }]);
    expect(warnings).toEqual([WARNING_TIMEOUT]);
  });

  it('say so of what the other has already, with its history cut', async () => {
    world = new SyncWorld();
    const histories = { changes: 2, bytes: 1_000_000, times: 1, restMs: 0, restlessTimes: 1 };
    const [a, b] = [await world.add('a'), await world.add('b', { histories })];
    await world.clock.pass(100);
    const key = deploymentKey('web');
    let held = (await a.replica.write([{ type: 'create', key, object: deployment('web') }])).objects[0]!;
    for (let replicas = 2; replicas < 6; replicas += 1) {
      const next = deployment('web', { replicas });
      held = (await a.replica.write([{ type: 'update', key, uid: held.uid, base: held.object, next }])).objects[0]!;
    }
    await world.clock.pass(100);
    b.replica.reportBucket('a', bucketOf(key));
    expect(await b.replica.cutHistories(['a'], world.clock.monotonic())).toBe(1);
    const { warnings } = await writerOf(a, ['b']).write([{ type: 'update', key, uid: held.uid, base: held.object, next: held.object }]);
    expect(warnings).toEqual([]);
    expect(a.replica.get(key)?.heads).toEqual(b.replica.get(key)?.heads);
  });
});
