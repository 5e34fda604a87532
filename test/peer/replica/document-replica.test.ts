import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import type { ChangeEnvelope, ReplicaChange } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import { deriveUid, lifeOfUid } from '../../../protocol/identity.ts';
import type { Binding, StoredObject } from '../../../protocol/objects.ts';
import { CREATED_AT, deployment, deploymentKey, exchange, makeReplica, pod, podKey, restart, TEST_CLUSTER } from '../../support/replica-world.ts';

const WEB = deploymentKey('web');
const NOW = '2026-01-02T00:00:00Z';

type Replica = Awaited<ReturnType<typeof makeReplica>>['replica'];

async function createWeb(replica: Replica, spec?: Record<string, unknown>): Promise<string> {
  const { objects } = await replica.write([{ type: 'create', key: WEB, object: deployment('web', spec) }]);
  return objects[0]!.uid;
}

async function patchSpec(replica: Replica, patch: Record<string, unknown>, key = WEB): Promise<void> {
  const { uid, object } = replica.get(key)!;
  const next = { ...object, spec: { ...(object['spec'] as object), ...patch } };
  await replica.write([{ type: 'update', key, uid, base: object, next }]);
}

describe('a replica by itself', () => {
  it('gives what is created an identity that follows from cluster, key and life', async () => {
    const { replica } = await makeReplica();
    const uid = await createWeb(replica);
    expect(uid).toBe(deriveUid(TEST_CLUSTER, WEB, 1));
    expect(replica.get(WEB)!.object.metadata).toMatchObject({ name: 'web', namespace: 'default', uid, generation: 1, creationTimestamp: CREATED_AT });
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
    await expect(replica.write([{ type: 'update', key: WEB, uid: 'other', base: object, next: object }])).rejects.toMatchObject({ code: 'UidMismatch' });
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
    const { replica } = await makeReplica({ validate: ({ spec }) => ((spec as { replicas: number }).replicas < 0 ? 'replicas: must be >= 0' : undefined) });
    await expect(createWeb(replica, { replicas: -1 })).rejects.toMatchObject({ code: 'Invalid', message: expect.stringContaining('must be >= 0') as string });
    await expect(createWeb(replica, { replicas: 1, note: 'x'.repeat(1_600_000) })).rejects.toMatchObject({ code: 'Invalid' });
    expect(replica.get(WEB)).toBeUndefined();
  });

  it('lets writes of the same moment share one fsync', async () => {
    const { replica, store } = await makeReplica();
    const before = store.batches;
    await Promise.all(Array.from({ length: 50 }, (_, index) => replica.write([{ type: 'create', key: podKey(`p${index}`), object: pod(`p${index}`) }])));
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

describe('two replicas', () => {
  async function pair(options?: Parameters<typeof makeReplica>[0]): Promise<[Replica, Replica]> {
    return [(await makeReplica(options)).replica, (await makeReplica(options)).replica];
  }
  async function agree(left: Replica, right: Replica): Promise<void> {
    await exchange(left, right);
    expect(left.digest()).toEqual(right.digest());
    expect([...left.all()]).toEqual(expect.arrayContaining([...right.all()]));
  }

  it('keep a scale of one side and an image of the other', async () => {
    const [left, right] = await pair();
    await createWeb(left);
    await agree(left, right);
    await patchSpec(left, { replicas: 5 });
    await patchSpec(right, { template: { image: 'b' } });
    await agree(left, right);
    expect(left.get(WEB)!.object['spec']).toEqual({ replicas: 5, template: { image: 'b' } });
    expect(left.get(WEB)!.object.metadata.generation).toBe(3);
    expect(left.get(WEB)!.conflicts).toEqual([]);
  });

  it('make one object of a slot pod that both sides create, with the earlier timestamp', async () => {
    const [left, right] = await pair();
    const key = podKey('web-bbbbb');
    const made = (at: string): StoredObject => {
      const object = pod('web-bbbbb', { kith: { slot: { owner: 'u', slot: 1, generation: 2 } } });
      return { ...object, metadata: { ...object.metadata, creationTimestamp: at } };
    };
    await left.write([{ type: 'create', key, object: made('2026-01-01T00:00:09Z') }]);
    await right.write([{ type: 'create', key, object: made('2026-01-01T00:00:05Z') }]);
    await agree(left, right);
    expect([...left.all()]).toHaveLength(1);
    expect(left.get(key)!.conflicts).toEqual([]);
    expect(left.get(key)!.object.metadata).toMatchObject({ creationTimestamp: '2026-01-01T00:00:05Z', generation: 1 });
  });

  it('choose the binding of the author that saw more members, whoever edited longer', async () => {
    const [left, right] = await pair();
    const key = podKey('p');
    await left.write([{ type: 'create', key, object: pod('p') }]);
    await agree(left, right);
    const bind = async (replica: Replica, node: string, membersSeen: number): Promise<void> => {
      const { uid, object } = replica.get(key)!;
      const binding: Binding = { node, membersSeen, membersKnown: 3, term: 1, by: 'heir', rank: 0, at: NOW };
      await replica.write([{ type: 'update', key, uid, base: object, next: { ...object, kith: { binding } } }]);
    };
    await bind(left, 'minority-first', 1);
    await bind(left, 'minority', 1);
    await bind(right, 'majority', 2);
    await agree(left, right);
    expect(left.get(key)!.object['spec']).toMatchObject({ nodeName: 'majority' });
    expect(left.get(key)!.conflicts).toMatchObject([{ path: '/kith/binding', winner: { node: 'majority' }, losers: [{ node: 'minority' }] }]);
  });

  it('delete for ever: a concurrent edit and a late copy change nothing', async () => {
    const [left, right] = await pair();
    const uid = await createWeb(left);
    await agree(left, right);
    const stale = await right.changesSince([{ key: WEB, life: 0, buried: 0, heads: [] }], 1_000_000);
    await left.write([{ type: 'bury', key: WEB, uid, at: NOW }]);
    await patchSpec(right, { replicas: 8 });
    await agree(left, right);
    expect(right.get(WEB)).toBeUndefined();
    expect(await left.merge(stale)).toMatchObject({ changed: 0, refused: [{ key: WEB, reason: 'buried' }] });
    expect(left.get(WEB)).toBeUndefined();
  });

  it('let a later life bury an earlier one that was edited meanwhile', async () => {
    const [left, right] = await pair();
    const uid = await createWeb(left);
    await agree(left, right);
    await left.write([{ type: 'bury', key: WEB, uid, at: NOW }]);
    await createWeb(left, { replicas: 2 });
    await patchSpec(right, { replicas: 8 });
    await agree(left, right);
    expect(right.get(WEB)).toMatchObject({ life: 2, object: { spec: { replicas: 2 } } });
    expect(right.buriedLife(WEB)).toBe(1);
  });

  it('take the spec of one head when the merge of two valid edits is not valid, and a later edit repairs it', async () => {
    const validate = ({ spec }: StoredObject): string | undefined => {
      const { min, max } = spec as { min: number; max: number };
      return min > max ? 'min: must not be greater than max' : undefined;
    };
    const [left, right] = await pair({ validate });
    await createWeb(left, { min: 1, max: 10 });
    await agree(left, right);
    await patchSpec(left, { max: 3 });
    await patchSpec(right, { min: 7 });
    await agree(left, right);
    const { spec } = left.get(WEB)!.object as StoredObject & { spec: { min: number; max: number } };
    expect([{ min: 1, max: 3 }, { min: 7, max: 10 }]).toContainEqual(spec);
    expect(left.get(WEB)!.conflicts).toMatchObject([{ path: '/spec', winner: spec, losers: [{ min: 7, max: 3 }] }]);
    await patchSpec(left, { note: 'fixed' });
    expect(left.get(WEB)!.conflicts).toEqual([]);
    await agree(left, right);
    expect(right.get(WEB)!.object['spec']).toEqual({ ...spec, note: 'fixed' });
  });

  it('set aside what no peer of ours could have written; a new life takes its place', async () => {
    const lax = await makeReplica();
    const strict = await makeReplica({ validate: ({ spec }) => ((spec as { replicas: unknown }).replicas === 'many' ? 'replicas: must be an integer' : undefined) });
    await createWeb(lax.replica, { replicas: 'many' });
    await exchange(lax.replica, strict.replica);
    expect(strict.replica.digest()).toEqual(lax.replica.digest());
    expect(strict.replica.get(WEB)).toBeUndefined();
    expect([...strict.replica.list('deployments.apps')]).toEqual([]);
    expect(strict.replica.quarantined()).toMatchObject([{ desired: { key: WEB }, reason: 'replicas: must be an integer' }]);
    expect((await restart(strict)).replica.quarantined()).toHaveLength(1);
  });

  it('ask for the rest when a change comes before those it builds on', async () => {
    const [left, right] = await pair();
    await createWeb(left);
    const envelopes: ChangeEnvelope[] = [];
    left.onWritten((envelope) => envelopes.push(envelope));
    await patchSpec(left, { replicas: 2 });
    expect(await right.merge(envelopes[0]!)).toMatchObject({ changed: 0, missing: [WEB] });
    expect(right.get(WEB)).toBeUndefined();
    await agree(left, right);
  });

  it('send a long history in parts of bounded size', async () => {
    const [left, right] = await pair();
    await createWeb(left);
    for (let index = 0; index < 30; index += 1) await patchSpec(left, { note: `${index}`.repeat(2_000) + Math.random() });
    let rounds = 0;
    while (right.digest().join() !== left.digest().join()) {
      const have = right.bucket(indexOfDifference(left, right)).find(({ key }) => key === WEB) ?? { key: WEB, life: 0, buried: 0, heads: [] };
      const envelope = await left.changesSince([have], 600);
      expect(envelope.changes[0]!.changes.length).toBeLessThan(4);
      await right.merge(envelope);
      rounds += 1;
      expect(rounds).toBeLessThan(50);
    }
    expect(rounds).toBeGreaterThan(3);
  });

  it('refuse garbage, foreign and forged changes without harm', async () => {
    const [left, right] = await pair();
    await createWeb(left);
    await agree(left, right);
    const digest = right.digest();
    const foreign = new AutomergeDocuments().edit(
      { clusterId: 'other', key: WEB, life: 1 },
      undefined,
      [{ path: '/kind', value: '"Evil"' }],
      { actor: 'ff'.repeat(16), increment: 0 },
    );
    const tombstone = { key: '../etc', life: 1, at: '' };
    const documents = [
      { key: WEB, life: 1, changes: [Uint8Array.of(1, 2, 3)] },
      { key: WEB, life: 1, changes: [], document: Uint8Array.of(9, 9, 9, 9) },
      { key: WEB, life: 1, changes: [], document: foreign.saved },
      { key: WEB, life: 0, changes: [] },
      { key: 'no key', life: 1, changes: [] },
    ];
    const { changed, refused } = await right.merge({ id: 'x', changes: documents, tombstones: [tombstone] });
    expect(changed).toBe(0);
    expect(refused).toHaveLength(6);
    expect(right.digest()).toEqual(digest);
  });

  it('forget a grave only when all members hold it and time for messages has passed; new lives stay greater', async () => {
    const [left, right] = await pair();
    const uid = await createWeb(left);
    await left.write([{ type: 'bury', key: WEB, uid, at: NOW }]);
    await agree(left, right);
    expect(await left.collectGraves(['right', 'absent'], 0)).toBe(0);
    left.acknowledgeGraves('right', [WEB]);
    await left.collectGraves(['right', 'absent'], 1);
    expect(await left.collectGraves(['right', 'absent'], 10_000_000)).toBe(0);
    expect(left.buriedLife(WEB)).toBe(1);
    await left.collectGraves(['right'], 2);
    expect(await left.collectGraves(['right'], 3)).toBe(0);
    await right.settleGraves([WEB]);
    expect(left.digest()).toEqual(right.digest());
    expect(await left.collectGraves(['right'], 10_000_000)).toBe(1);
    expect(left.buriedLife(WEB)).toBe(0);
    expect(left.digest()).toEqual(right.digest());
    expect(lifeOfUid(await createWeb(left))).toBe(2);
    await agree(left, right);
    expect(right.get(WEB)!.life).toBe(2);
  });
});

function indexOfDifference(left: Replica, right: Replica): number {
  const others = right.digest();
  return left.digest().findIndex((hash, bucket) => hash !== others[bucket]);
}
