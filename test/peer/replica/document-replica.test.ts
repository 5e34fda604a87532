import { describe, expect, it } from 'vitest';
import type { ReplicaChange } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import { deriveUid, lifeOfUid } from '../../../protocol/identity.ts';
import type { Binding } from '../../../protocol/objects.ts';
import {
  CREATED_AT,
  createWeb,
  deployment,
  deploymentKey,
  exchange,
  makeReplica,
  patchSpec,
  pod,
  podKey,
  restart,
  TEST_CLUSTER,
} from '../../support/replica-world.ts';

const WEB = deploymentKey('web');
const NOW = '2026-01-02T00:00:00Z';

describe('a replica by itself', () => {
  it('gives what is created an identity that follows from cluster, key and life', async () => {
    const { replica } = await makeReplica();
    const uid = await createWeb(replica);
    expect(uid).toBe(deriveUid(TEST_CLUSTER, WEB, 1));
    expect(replica.get(WEB)!.object.metadata).toMatchObject({
      name: 'web',
      namespace: 'default',
      uid,
      generation: 1,
      creationTimestamp: CREATED_AT,
    });
    expect([...replica.list('deployments.apps')].map(({ key }) => key)).toEqual([WEB]);
    expect([...replica.list('pods')]).toEqual([]);
  });

  it('counts spec changes, and no others, in the generation', async () => {
    const { replica } = await makeReplica();
    await createWeb(replica);
    await patchSpec(replica, { replicas: 3 });
    const { uid, object } = replica.get(WEB)!;
    await replica.write([
      { type: 'update', key: WEB, uid, base: object, next: { ...object, metadata: { ...object.metadata, labels: { app: 'web' } } } },
    ]);
    expect(replica.get(WEB)!.object.metadata).toMatchObject({ generation: 2, labels: { app: 'web' } });
  });

  it('writes an update onto what others wrote meanwhile, field by field', async () => {
    const { replica } = await makeReplica();
    const uid = await createWeb(replica);
    const base = replica.get(WEB)!.object;
    await patchSpec(replica, { replicas: 5 });
    await replica.write([{ type: 'update', key: WEB, uid, base, next: { ...base, spec: { replicas: 1, template: { image: 'b' } } } }]);
    expect(replica.get(WEB)!.object['spec']).toEqual({ replicas: 5, template: { image: 'b' } });
  });

  it('opens a new life after each burial, and a new uid with it', async () => {
    const { replica } = await makeReplica();
    const first = await createWeb(replica);
    await replica.write([{ type: 'bury', key: WEB, uid: first, at: NOW }]);
    expect(replica.get(WEB)).toBeUndefined();
    expect(replica.buriedLife(WEB)).toBe(1);
    const second = await createWeb(replica);
    expect([lifeOfUid(first), lifeOfUid(second)]).toEqual([1, 2]);
    expect(replica.buriedLife(WEB)).toBe(1);
  });

  it('refuses what no longer applies, all or none', async () => {
    const { replica } = await makeReplica();
    const uid = await createWeb(replica);
    const object = deployment('web');
    await expect(replica.write([{ type: 'create', key: WEB, object }])).rejects.toMatchObject({ code: 'AlreadyExists' });
    await expect(replica.write([{ type: 'update', key: WEB, uid: 'other', base: object, next: object }])).rejects.toMatchObject({
      code: 'UidMismatch',
    });
    await expect(replica.write([{ type: 'bury', key: deploymentKey('x'), uid, at: NOW }])).rejects.toMatchObject({ code: 'NotFound' });
    await expect(replica.write([{ type: 'create', key: 'things/a/b', object }])).rejects.toMatchObject({ code: 'Invalid' });
    const batch = [
      { type: 'create' as const, key: podKey('p'), object: pod('p') },
      { type: 'create' as const, key: WEB, object },
    ];
    await expect(replica.write(batch)).rejects.toMatchObject({ code: 'AlreadyExists' });
    expect(replica.get(podKey('p'))).toBeUndefined();
    expect((await replica.write([{ type: 'create', key: WEB, object, orMerge: true }])).envelope).toBeUndefined();
  });

  it('refuses what does not validate, and what is too large', async () => {
    const { replica } = await makeReplica({
      validate: ({ spec }) => ((spec as { replicas: number }).replicas < 0 ? 'replicas: must be >= 0' : undefined),
    });
    await expect(createWeb(replica, { replicas: -1 })).rejects.toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining('must be >= 0') as string,
    });
    await expect(createWeb(replica, { replicas: 1, note: 'x'.repeat(1_600_000) })).rejects.toMatchObject({ code: 'Invalid' });
    expect(replica.get(WEB)).toBeUndefined();
  });

  it('lets writes of the same moment share one fsync', async () => {
    const { replica, store } = await makeReplica();
    const before = store.batches;
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => replica.write([{ type: 'create', key: podKey(`p${index}`), object: pod(`p${index}`) }])),
    );
    expect(store.batches - before).toBe(1);
    expect([...replica.all()]).toHaveLength(50);
  });

  it('tells and shows nothing of a write that the disk refused, and takes later ones', async () => {
    const { replica, store } = await makeReplica();
    const told: unknown[] = [];
    replica.onChanged((changes) => told.push(changes));
    replica.onWritten((envelope) => told.push(envelope));
    store.failure = new KithError('StoreFull', 'full');
    await expect(createWeb(replica)).rejects.toMatchObject({ code: 'StoreFull' });
    expect(told).toEqual([]);
    expect(replica.get(WEB)).toBeUndefined();
    store.failure = undefined;
    await createWeb(replica);
    expect(told).toHaveLength(2);
  });

  it('tells its listeners only when the write is on disk', async () => {
    const { replica, store } = await makeReplica();
    const onDisk: boolean[] = [];
    const look = (): void => void onDisk.push(store.records.has(`replica/o/${WEB}`));
    replica.onChanged(look);
    replica.onWritten(look);
    await createWeb(replica);
    expect(onDisk).toEqual([true, true]);
  });

  it('tells what changed, in order, with before and after', async () => {
    const { replica } = await makeReplica();
    const seen: ReplicaChange[] = [];
    replica.onChanged((changes) => seen.push(...changes));
    const uid = await createWeb(replica);
    await patchSpec(replica, { replicas: 2 });
    await replica.write([{ type: 'bury', key: WEB, uid, at: NOW }]);
    expect(seen.map(({ before, after }) => [before?.object['spec'], after?.object['spec']])).toMatchObject([
      [undefined, { replicas: 1 }],
      [{ replicas: 1 }, { replicas: 2 }],
      [{ replicas: 2 }, undefined],
    ]);
  });

  it('shows the node of a pod as its binding says, and stores it nowhere else', async () => {
    const { replica } = await makeReplica();
    const binding: Binding = { node: 'n1', membersSeen: 3, membersKnown: 3, term: 1, by: 'leader', rank: 0, at: NOW };
    const { objects } = await replica.write([{ type: 'create', key: podKey('p'), object: pod('p', { spec: { nodeName: 'stale' } }) }]);
    expect(objects[0]!.object['spec']).toEqual({});
    const { uid, object } = objects[0]!;
    await replica.write([{ type: 'update', key: podKey('p'), uid, base: object, next: { ...object, kith: { binding } } }]);
    expect(replica.get(podKey('p'))!.object['spec']).toEqual({ nodeName: 'n1' });
    expect(replica.get(podKey('p'))!.object.metadata.generation).toBe(1);
  });
});

describe('a replica after a restart', () => {
  it('holds the same objects, graves and digest', async () => {
    const first = await makeReplica();
    await createWeb(first.replica);
    const { objects } = await first.replica.write([{ type: 'create', key: podKey('p'), object: pod('p') }]);
    await first.replica.write([{ type: 'bury', key: podKey('p'), uid: objects[0]!.uid, at: NOW }]);
    const digest = first.replica.digest();
    const held = first.replica.get(WEB);
    const second = await restart(first);
    expect(second.replica.digest()).toEqual(digest);
    expect(second.replica.get(WEB)).toEqual(held);
    expect(second.replica.buriedLife(podKey('p'))).toBe(1);
    await patchSpec(second.replica, { replicas: 9 });
    expect(second.replica.get(WEB)!.object['spec']).toMatchObject({ replicas: 9 });
  });

  it('sets a damaged record aside, starts, and takes the object from a peer again', async () => {
    const first = await makeReplica();
    const peer = await makeReplica();
    await createWeb(first.replica);
    await patchSpec(first.replica, { replicas: 4 });
    await exchange(first.replica, peer.replica);
    await first.replica.stop();
    await first.store.close();
    first.store.records.get(`replica/o/${WEB}`)![30]! ^= 0xff;
    await first.store.open();
    const { replica } = await (async () => {
      await first.store.close();
      return makeReplica({}, first.store);
    })();
    expect(replica.get(WEB)).toBeUndefined();
    expect(first.store.records.has(`replica/q/replica/o/${WEB}`)).toBe(true);
    await exchange(replica, peer.replica);
    expect(replica.digest()).toEqual(peer.replica.digest());
    expect(replica.get(WEB)!.object['spec']).toMatchObject({ replicas: 4 });
  });

  it('shows an object whose document is damaged, writes to it, and agrees with a peer that has it whole', async () => {
    const first = await makeReplica();
    const peer = await makeReplica();
    await createWeb(first.replica);
    await exchange(first.replica, peer.replica);
    const record = first.store.records.get(`replica/o/${WEB}`)!;
    record[record.length - 5]! ^= 0xff;
    const { replica } = await restart(first);
    expect(replica.get(WEB)).toBeDefined();
    await patchSpec(replica, { replicas: 7 });
    await exchange(replica, peer.replica);
    expect(replica.digest()).toEqual(peer.replica.digest());
    expect(peer.replica.get(WEB)!.object).toEqual(replica.get(WEB)!.object);
    expect(replica.get(WEB)!.object['spec']).toMatchObject({ template: { image: 'a' } });
  });

  it('refuses the folder of another cluster', async () => {
    const { replica, store } = await makeReplica();
    await replica.stop();
    await store.close();
    await expect(makeReplica({ clusterId: 'other' }, store)).rejects.toMatchObject({ code: 'ForeignCluster' });
  });
});
