import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import { bucketOf } from '../../../daemon/core/desired/digest.ts';
import type { DocumentReplica } from '../../../daemon/peer/replica/document-replica.ts';
import { HISTORY_LIMITS } from '../../../daemon/peer/replica/histories.ts';
import type { ReplicaVersion } from '../../../protocol/desired.ts';
import { createWeb, deploymentKey, exchange, makeReplica, patchSpec, restart } from '../../support/replica-world.ts';

const KEY = deploymentKey('web');
const SHORT = { ...HISTORY_LIMITS, changes: 3, restMs: 1_000 };

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
    left.replica.reportDocuments('right', [KEY]);
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

  it('is cut to the same bytes whoever does it', () => {
    const documents = new AutomergeDocuments();
    const identity = { clusterId: 'test-cluster', key: KEY, life: 1 };
    const first = documents.edit(identity, undefined, [{ path: '/x', value: '1' }], { actor: 'a'.repeat(32), increment: 1 });
    const second = documents.edit(identity, first.saved, [{ path: '/y', value: '2' }], { actor: 'b'.repeat(32), increment: 0 });
    const other = documents.merge(identity, first.saved, { changes: [second.change!] });
    const [one, two] = [documents.rewrite(identity, second.saved), documents.rewrite(identity, other.saved)];
    expect(one).toEqual(two);
    expect(one?.state).toMatchObject({ counter: 2, changes: 2 });
  });
});
