import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import { bucketOf } from '../../../daemon/core/desired/digest.ts';
import type { DocumentReplica } from '../../../daemon/peer/replica/document-replica.ts';
import { HISTORY_LIMITS } from '../../../daemon/peer/replica/histories.ts';
import { MAX_PAST_EPOCHS } from '../../../protocol/wire/limits.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { LostEdit, ReplicaVersion } from '../../../protocol/desired.ts';
import { createWeb, deploymentKey, exchange, makeReplica, patchSpec, restart } from '../../support/replica-world.ts';

const KEY = deploymentKey('web');
const SHORT = { ...HISTORY_LIMITS, changes: 3, restMs: 1_000, restlessTimes: Infinity };

const versionOf = (replica: DocumentReplica): ReplicaVersion | undefined => replica.bucket(bucketOf(KEY)).find(({ key }) => key === KEY);

describe('a history', () => {
  it('is cut once it is long, has rested, and all members hold the same; nobody who watches sees it', async () => {
    const [left, right] = [await makeReplica({ histories: SHORT }), await makeReplica({ histories: SHORT })];
    await createWeb(left.replica);
    for (const replicas of [2, 3, 4, 5]) await patchSpec(left.replica, { replicas });
    await exchange(left.replica, right.replica);
    const shown = left.replica.get(KEY)?.object;
    let told = 0;
    left.replica.onChanged(() => (told += 1));
    left.replica.reportVersions('right', [versionOf(right.replica)!]);
    expect(await left.replica.cutHistories(['right', 'away'], 0)).toBe(0);
    expect(await left.replica.cutHistories(['right', 'away'], 5_000)).toBe(0);
    expect(await left.replica.cutHistories(['right'], 5_001)).toBe(1);
    expect(versionOf(left.replica)?.epoch).toMatchObject({ number: 1 });
    expect(left.replica.get(KEY)?.object).toEqual(shown);
    expect(told).toBe(0);
    const started = await restart(left, { histories: SHORT });
    expect(versionOf(started.replica)?.epoch).toMatchObject({ number: 1 });
    await patchSpec(started.replica, { replicas: 6 });
    await patchSpec(right.replica, { template: { image: 'late' } });
    await exchange(started.replica, right.replica);
    await exchange(started.replica, right.replica);
    expect(started.replica.digest()).toEqual(right.replica.digest());
    expect(right.replica.get(KEY)?.object).toMatchObject({ spec: { replicas: 6, template: { image: 'late' } } });
  });

  it('stays while the document has rested for too short a time or changes', async () => {
    const { replica } = await makeReplica({ histories: SHORT });
    await createWeb(replica);
    for (const replicas of [2, 3, 4, 5]) await patchSpec(replica, { replicas });
    expect(await replica.cutHistories([], 0)).toBe(0);
    expect(await replica.cutHistories([], 999)).toBe(0);
    await patchSpec(replica, { replicas: 9 });
    expect(await replica.cutHistories([], 1_001)).toBe(0);
    expect(await replica.cutHistories([], 2_001)).toBe(1);
  });

  /** One side edits and cuts, that many times, while the other one is away and makes an edit of its own; then they meet. */
  async function meetAfter(cuts: number): Promise<{ shown: unknown[]; lost: LostEdit[] }> {
    const [left, right] = [await makeReplica({ histories: SHORT }), await makeReplica({ histories: SHORT })];
    await createWeb(left.replica);
    await exchange(left.replica, right.replica);
    await patchSpec(right.replica, { replicas: 9 });
    for (let cut = 0; cut < cuts; cut += 1) {
      for (const image of ['a', 'b', 'c', 'd']) await patchSpec(left.replica, { template: { image: `${image}-${cut}` } });
      await left.replica.cutHistories([], 10_000 * cut);
      expect(await left.replica.cutHistories([], 10_000 * cut + 5_000)).toBe(1);
    }
    const lost: LostEdit[] = [];
    right.replica.onChanged((changes) => lost.push(...changes.flatMap((change) => change.lost ?? [])));
    for (let round = 0; round < 2; round += 1) await exchange(left.replica, right.replica);
    expect(left.replica.digest()).toEqual(right.replica.digest());
    return { shown: [left, right].map(({ replica }) => replica.get(KEY)?.object['spec']), lost };
  }

  it('that was cut several times meanwhile still takes what somebody who was away had written', async () => {
    const { shown, lost } = await meetAfter(MAX_PAST_EPOCHS + 1);
    const spec = { replicas: 9, template: { image: `d-${MAX_PAST_EPOCHS}` } };
    expect({ shown, lost }).toEqual({ shown: [spec, spec], lost: [] });
  });

  it('that was cut more often than is remembered takes nothing older, and who had it says what it was', async () => {
    const { shown, lost } = await meetAfter(MAX_PAST_EPOCHS + 2);
    const spec = { replicas: 1, template: { image: `d-${MAX_PAST_EPOCHS + 1}` } };
    expect(shown).toEqual([spec, spec]);
    expect(lost).toEqual([
      { path: '/spec/replicas', value: 9 },
      { path: '/spec/template', value: { image: 'a' } },
    ]);
  });

  it('that can not be written is as it was, here and after a start of the daemon, and is cut then', async () => {
    const left = await makeReplica({ histories: SHORT });
    await createWeb(left.replica);
    for (const replicas of [2, 3, 4, 5]) await patchSpec(left.replica, { replicas });
    const before = [versionOf(left.replica), left.replica.get(KEY)];
    await left.replica.cutHistories([], 0);
    left.store.failure = new KithError('StoreFull', 'no space is left');
    await expect(left.replica.cutHistories([], 5_000)).rejects.toMatchObject({ code: 'StoreFull' });
    left.store.failure = undefined;
    expect([versionOf(left.replica), left.replica.get(KEY)]).toEqual(before);
    const { replica } = await restart(left, { histories: SHORT });
    expect([versionOf(replica), replica.get(KEY)]).toEqual(before);
    await replica.cutHistories([], 0);
    expect(await replica.cutHistories([], 5_000)).toBe(1);
    await patchSpec(replica, { replicas: 6 });
    expect(replica.get(KEY)?.object).toMatchObject({ metadata: { generation: 6 }, spec: { replicas: 6 } });
  });

  it('is cut while it changes when it is far too long, as far as all hold it; what came since stays', async () => {
    const restless = { ...SHORT, restMs: Infinity, restlessTimes: 2 };
    const [left, right] = [await makeReplica({ histories: restless }), await makeReplica({ histories: restless })];
    await createWeb(left.replica);
    for (const replicas of [2, 3, 4]) await patchSpec(left.replica, { replicas });
    await exchange(left.replica, right.replica);
    left.replica.reportVersions('right', [versionOf(right.replica)!]);
    expect(await left.replica.cutHistories(['right'], 0)).toBe(0);
    for (const replicas of [5, 6, 7]) await patchSpec(left.replica, { replicas });
    await patchSpec(right.replica, { template: { image: 'late' } });
    expect(await left.replica.cutHistories(['right'], 1)).toBe(1);
    expect(left.replica.get(KEY)?.object).toMatchObject({ spec: { replicas: 7 } });
    for (let round = 0; round < 2; round += 1) await exchange(left.replica, right.replica);
    expect(left.replica.digest()).toEqual(right.replica.digest());
    expect(right.replica.get(KEY)).toMatchObject({ object: { spec: { replicas: 7, template: { image: 'late' } } }, conflicts: [] });
  });

  it('is cut to the same bytes whoever does it', () => {
    const documents = new AutomergeDocuments();
    const identity = { clusterId: 'test-cluster', key: KEY, life: 1 };
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], { actor: 'a'.repeat(32), increment: 1 });
    const second = documents.edit(identity, first.saved, [{ path: '/y', value: '2' }], { actor: 'b'.repeat(32), increment: 0 });
    const other = documents.merge(identity, first.saved, { changes: [second.change!] });
    const [one, two] = [second, other].map(({ saved, state }) => documents.rewrite(identity, saved, state.heads));
    expect(one).toEqual(two);
    expect(one?.state).toMatchObject({ counter: 2, changes: 2 });
  });
});
