import { expect, it } from 'vitest';
import type { Entry } from '../../../daemon/peer/replica/object-index.ts';
import { RecentDocuments } from '../../../daemon/peer/replica/recent-documents.ts';
import { createWeb, deploymentKey, makeReplica, patchSpec } from '../../support/replica-world.ts';

const entryOf = (key: string): Entry => ({ key, life: 1, buried: 0, heads: ['a'] });

it('gives the document of the very version that is held, and of no other', () => {
  const recent = new RecentDocuments();
  const entry = entryOf('pods/default/web');
  recent.put(entry, Uint8Array.of(1));
  expect(recent.get(entry)).toEqual(Uint8Array.of(1));
  expect(recent.get({ ...entry })).toBeUndefined();
  recent.forget(entry.key);
  expect(recent.get(entry)).toBeUndefined();
});

it('keeps few, the newest, and none that is large', () => {
  const recent = new RecentDocuments();
  const entries = Array.from({ length: 40 }, (_, index) => entryOf(`pods/default/web-${index}`));
  for (const entry of entries) recent.put(entry, Uint8Array.of(1));
  expect(entries.filter((entry) => recent.get(entry) !== undefined)).toEqual(entries.slice(-32));
  const large = entries.at(-1)!;
  recent.put(large, new Uint8Array(65 * 1_024));
  expect(recent.get(large)).toBeUndefined();
});

it('spares a replica reading back what it wrote last', async () => {
  const { replica, store } = await makeReplica();
  await createWeb(replica);
  let reads = 0;
  const get = store.get.bind(store);
  store.get = async (key) => {
    reads += 1;
    return get(key);
  };
  await patchSpec(replica, { replicas: 2 });
  await patchSpec(replica, { replicas: 3 });
  expect(reads).toBe(0);
  expect(replica.get(deploymentKey('web'))!.object['spec']).toMatchObject({ replicas: 3 });
});
