import { beforeEach, expect, it } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import { PullRecords } from '../../../daemon/peer/agent/pull-records.ts';
import type { RegistryCredential } from '../../../daemon/ports/runtime.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { silentLog } from '../../support/silent-log.ts';

const IMAGE = 'registry.example/app:1';
const own: RegistryCredential = {
  server: 'registry.example',
  username: 'user',
  password: 'right',
  source: { uid: 'u', namespace: 'default', name: 'pull' },
};
const renewed = { ...own, password: 'another' };
const others = { ...renewed, source: { uid: 'v', namespace: 'other', name: 'pull' } };

let store: MemoryStore;
let here: Set<string>;
/** As a daemon that has just started. */
const open = (): PullRecords => new PullRecords({ store, isHere: async (image) => here.has(image), log: silentLog });

beforeEach(async () => {
  [store, here] = [new MemoryStore(), new Set()];
  await store.open();
});

it('are there after a restart, and hold no password', async () => {
  const records = open();
  await records.begun(IMAGE);
  await records.succeeded('sha256:1', IMAGE, own);
  expect([...store.records.keys()]).toEqual(['image/pulled/sha256:1']);
  expect(Buffer.from([...store.records.values()][0]!).toString()).not.toContain('right');
  const again = open();
  expect(await again.mayUse('sha256:1', IMAGE, [own])).toBe(true);
  expect(await again.mayUse('sha256:1', IMAGE, [])).toBe(false);
  expect(await again.mayUse('sha256:2', IMAGE, [])).toBe(true);
});

it('remember what they learn without a pull', async () => {
  const records = open();
  await records.succeeded('sha256:1', IMAGE, own);
  expect(await records.mayUse('sha256:1', IMAGE, [others])).toBe(false);
  expect(await records.mayUse('sha256:1', IMAGE, [renewed])).toBe(true);
  expect(await open().mayUse('sha256:1', IMAGE, [others])).toBe(true);
});

it('let nobody have an image whose pull was under way when the daemon ended, until it is pulled again', async () => {
  await open().begun(IMAGE);
  const records = open();
  expect(await records.mayUse('sha256:1', IMAGE, [own])).toBe(false);
  await records.succeeded('sha256:1', IMAGE, undefined);
  expect(await open().mayUse('sha256:1', IMAGE, [])).toBe(true);
});

it('know of a pull that was refused that nothing of it came, and of one that was given up that something may', async () => {
  const records = open();
  await records.begun(IMAGE);
  await records.begun(IMAGE);
  await records.failed(IMAGE, true);
  expect(await records.mayUse('sha256:1', IMAGE, [])).toBe(false);
  await records.failed(IMAGE, true);
  expect(await records.mayUse('sha256:1', IMAGE, [])).toBe(true);
  await records.begun(IMAGE);
  await records.failed(IMAGE, false);
  expect(await open().mayUse('sha256:1', IMAGE, [])).toBe(false);
});

it('refuse a pull that can not be written down, and ask again for an image whose record can not', async () => {
  const records = open();
  store.failure = new KithError('StoreFull', 'the disk is full');
  const refused = {
    code: 'ImagePullFailed',
    message: `Failed to record image pull intent for container image "${IMAGE}": the disk is full`,
  };
  await expect(records.begun(IMAGE)).rejects.toMatchObject(refused);
  store.failure = undefined;
  await records.begun(IMAGE);
  store.failure = new KithError('StoreFull', 'the disk is full');
  await records.succeeded('sha256:1', IMAGE, own);
  expect(await records.mayUse('sha256:1', IMAGE, [own])).toBe(false);
});

it('are forgotten of images that are gone, once there are many', async () => {
  const records = open();
  for (let index = 0; index < 1_001; index += 1) {
    if (index % 2 === 0) here.add(`sha256:${index}`);
    await records.succeeded(`sha256:${index}`, `registry.example/app-${index}`, own);
  }
  expect(store.records.size).toBe(501);
  expect(await open().mayUse('sha256:1000', 'registry.example/app-1000', [])).toBe(false);
});
