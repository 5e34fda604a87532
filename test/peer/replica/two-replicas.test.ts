import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../daemon/core/desired/digest.ts';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import type { ChangeEnvelope } from '../../../protocol/desired.ts';
import type { Json } from '../../../protocol/json.ts';
import { lifeOfUid } from '../../../protocol/identity.ts';
import type { Binding, StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import {
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

type Replica = Awaited<ReturnType<typeof makeReplica>>['replica'];

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
    expect(left.get(key)!.conflicts).toMatchObject([
      { path: '/kith/binding', winner: { node: 'majority' }, losers: [{ node: 'minority' }] },
    ]);
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
    expect([
      { min: 1, max: 3 },
      { min: 7, max: 10 },
    ]).toContainEqual(spec);
    expect(left.get(WEB)!.conflicts).toMatchObject([{ path: '/spec', winner: spec, losers: [{ min: 7, max: 3 }] }]);
    await patchSpec(left, { note: 'fixed' });
    expect(left.get(WEB)!.conflicts).toEqual([]);
    await agree(left, right);
    expect(right.get(WEB)!.object['spec']).toEqual({ ...spec, note: 'fixed' });
  });

  it('set aside what no peer of ours could have written; a new life takes its place', async () => {
    const lax = await makeReplica();
    const strict = await makeReplica({
      validate: ({ spec }) => ((spec as { replicas: unknown }).replicas === 'many' ? 'replicas: must be an integer' : undefined),
    });
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

  it('replace everything of a large object with something else, or say that it is too much at once', async () => {
    const [left, right] = await pair();
    const key = objectKey('configmaps', 'default', 'large');
    const named = (first: string, count: number): StoredObject => ({
      ...deployment('large'),
      data: Object.fromEntries(Array.from({ length: count }, (_, index) => [`${first}${index}`.padEnd(240, '-'), ''])),
    });
    const replace = async (next: StoredObject): Promise<unknown> => {
      const { uid, object } = left.get(key)!;
      return left.write([{ type: 'update', key, uid, base: object, next: { ...object, data: next['data'] } }]);
    };
    await left.write([{ type: 'create', key, object: named('a', 4_400) }]);
    await exchange(left, right);
    await replace(named('b', 4_400));
    await exchange(left, right);
    expect(right.digest()).toEqual(left.digest());
    await replace(named('a', 6_330));
    await expect(replace(named('b', 6_330))).rejects.toMatchObject({ code: 'Invalid' });
  });

  it('send a long history in parts of bounded size', async () => {
    const [left, right] = await pair();
    await createWeb(left);
    for (let index = 0; index < 30; index += 1) await patchSpec(left, { note: `${index}`.repeat(2_000) + Math.random() });
    let rounds = 0;
    while (right.digest().join() !== left.digest().join()) {
      const have = right.bucket(indexOfDifference(left, right)).find(({ key }) => key === WEB) ?? {
        key: WEB,
        life: 0,
        buried: 0,
        heads: [],
      };
      const envelope = await left.changesSince([have], 600);
      expect(envelope.changes[0]!.changes.length).toBeLessThan(4);
      await right.merge(envelope);
      rounds += 1;
      expect(rounds).toBeLessThan(50);
    }
    expect(rounds).toBeGreaterThan(3);
  });

  it('take nothing that is nested so deep that nobody could keep it, and it harms nothing beside it', async () => {
    const [left, right] = await pair();
    const uid = await createWeb(left);
    await agree(left, right);
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const { object } = left.get(WEB)!;
    const next = { ...object, spec: { deep: JSON.parse(`${'['.repeat(600)}${']'.repeat(600)}`) as Json } };
    await expect(left.write([{ type: 'update', key: WEB, uid, base: object, next }])).rejects.toMatchObject({ code: 'Invalid' });
    // What nobody of ours writes.
    const edits = [
      { path: '/spec/deep', value: nested },
      { path: '/spec'.repeat(20_000), value: '1' },
      { path: '/spec/good', value: '7' },
    ];
    const { changes } = await left.changesSince([{ key: WEB, life: 0, buried: 0, heads: [] }], 1_000_000);
    const identity = { clusterId: TEST_CLUSTER, key: WEB, life: 1 };
    const { change } = new AutomergeDocuments().edit(identity, changes[0]!.document, edits, { actor: 'c'.repeat(32), increment: 0 });
    const [merged] = await Promise.all([
      right.merge({ id: 'e', changes: [{ key: WEB, life: 1, changes: [change!] }], tombstones: [] }),
      right.write([{ type: 'create', key: podKey('beside'), object: pod('beside') }]),
    ]);
    expect(merged).toMatchObject({ changed: 1, refused: [] });
    expect(right.get(WEB)!.object['spec']).toEqual({ replicas: 1, template: { image: 'a' }, good: 7 });
    await agree(left, right);
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
    left.acknowledgeGraves('right', left.openGraves(bucketOf(WEB)));
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
