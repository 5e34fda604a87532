import { expect, it } from 'vitest';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import { bucketOf } from '../../daemon/core/desired/digest.ts';
import type { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import { type LinkTransport, PeerLink } from '../../daemon/peer/replica/peer-link.ts';
import { answerSync, versionsOfKeys } from '../../daemon/peer/replica/sync-server.ts';
import { SyncSession } from '../../daemon/peer/replica/sync-session.ts';
import type { ReplicaVersion } from '../../protocol/desired.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import { MAX_ENVELOPE_DOCUMENTS, MAX_HEADS, MAX_VERSIONS } from '../../protocol/wire/limits.ts';
import { createWeb, deploymentKey, makeReplica, pod, podKey, TEST_CLUSTER } from '../support/replica-world.ts';
import { SyncWorld } from '../support/sync-world.ts';

const MINUTE = 60_000;

/** Different keys of one bucket, ascending. */
function keysOfOneBucket(count: number, suffix: string): ObjectKey[] {
  const keys: ObjectKey[] = [];
  for (let index = 1_000_000; keys.length < count; index += 1) {
    const key = podKey(`${index}${suffix}`);
    if (bucketOf(key) === 7) keys.push(key);
  }
  return keys;
}

/** Graves are the cheapest of all that is compared. */
async function bury(replica: DocumentReplica, keys: readonly ObjectKey[]): Promise<void> {
  const tombstones = keys.map((key) => ({ key, life: 1, at: '' }));
  for (let start = 0; start < tombstones.length; start += MAX_ENVELOPE_DOCUMENTS)
    await replica.merge({ id: 'e', changes: [], tombstones: tombstones.slice(start, start + MAX_ENVELOPE_DOCUMENTS) });
}

/** Questions of `self` to the other are answered by that one's replica at once. */
function sessionWith(other: DocumentReplica, replica: DocumentReplica): SyncSession {
  const linkOf = (self: string, request: LinkTransport['request']): PeerLink =>
    new PeerLink({ transport: { self, request } }, { clusterId: TEST_CLUSTER });
  const answering = linkOf('other', async () => new Uint8Array());
  const link = linkOf('self', async (_peer, _protocol, payload) =>
    answerSync({ replica: other, link: answering, complete: true }, 'self', payload),
  );
  return new SyncSession({ replica, link }, { peer: 'other', begunAt: 0 });
}

it.each([
  { what: 'keys than a list may have', keys: keysOfOneBucket(2 * MAX_VERSIONS + 1_000, '') },
  { what: 'bytes of keys than a message may', keys: keysOfOneBucket(2_500, '日'.repeat(580)) },
])('a bucket of more $what is whole when all of it is here, and not before', async ({ keys }) => {
  const [{ replica: full }, { replica: joiner }] = [await makeReplica(), await makeReplica()];
  await bury(full, keys.slice(0, -10));
  await bury(joiner, [...keys.slice(-10), ...keys.slice(0, 10)]);
  const session = sessionWith(full, joiner);
  const { signal } = new AbortController();
  let pass = await session.pass(signal);
  for (let passes = 1; !pass.complete && passes < 10; passes += 1) pass = await session.pass(signal);
  expect(pass.complete).toBe(true);
  for (const replica of [joiner, full]) expect(keys.filter((key) => replica.buriedLife(key) === 0)).toEqual([]);
  expect(joiner.digest()).toEqual(full.digest());
});

it('what is held of many keys is looked up in each bucket once', async () => {
  const { replica } = await makeReplica();
  const keys = Array.from({ length: 2_000 }, (_, index) => podKey(`p${index}`));
  await bury(replica, keys.slice(0, 1_000));
  const asked: number[] = [];
  const bucket = (index: number): readonly ReplicaVersion[] => {
    asked.push(index);
    return replica.bucket(index);
  };
  const versions = versionsOfKeys({ bucket }, keys);
  expect(versions.map(({ key }) => key)).toEqual(keys);
  expect(versions.map(({ buried }) => buried)).toEqual(keys.map((_, index) => (index < 1_000 ? 1 : 0)));
  expect(new Set(asked).size).toBe(asked.length);
});

it('one document with more heads than a message takes keeps nobody from comparing, and goes the way of all', async () => {
  const world = new SyncWorld();
  const [one, other] = [await world.add('one'), await world.add('other')];
  const key = deploymentKey('web');
  await createWeb(one.replica);
  expect(await world.clock.pass(MINUTE, () => world.equal())).toBe(true);
  // What nobody of ours makes: each change has seen none of the others.
  const documents = new AutomergeDocuments();
  const identity = { clusterId: TEST_CLUSTER, key, life: 1 };
  const changes = Array.from({ length: MAX_HEADS + 10 }, (_, index) => {
    const actor = index.toString(16).padStart(32, '0');
    return documents.edit(identity, undefined, [{ path: '/spec/replicas', value: `${index}` }], { actor, increment: 0 }).change!;
  });
  await one.replica.merge({ id: 'e', changes: [{ key, life: 1, changes }], tombstones: [] });
  expect(one.replica.get(key)!.heads.length).toBeGreaterThan(MAX_HEADS);
  await one.replica.write([{ type: 'create', key: podKey('p'), object: pod('p') }]);
  expect(await world.clock.pass(MINUTE, () => world.equal())).toBe(true);
  expect(other.replica.get(key)).toEqual(one.replica.get(key));
  const { uid } = one.replica.get(key)!;
  await one.replica.write([{ type: 'bury', key, uid, at: '2026-01-01T00:00:00Z' }]);
  expect(await world.clock.pass(MINUTE, () => other.replica.buriedLife(key) === 1 && world.equal())).toBe(true);
  await world.stop();
});
