import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadCluster } from '../../daemon/adapters/identity/cluster.ts';
import { systemClock } from '../../daemon/adapters/system/clock.ts';
import { enterCluster } from '../../daemon/app/cluster.ts';
import type { EnterOptions } from '../../daemon/app/cluster.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import { silentLog } from '../support/silent-log.ts';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'kith-enter-'));
});
afterEach(async () => rm(dataDir, { recursive: true }));

const enter = async (remember: EnterOptions['remember']): ReturnType<typeof enterCluster> => {
  const member = { peerId: 'a', nodeName: 'a', peerAddresses: [], beatAddresses: [], apiAddresses: [], beatKey: '', admittedBy: '' };
  const options = { dataDir, token: undefined, member, signal: new AbortController().signal, remember };
  return enterCluster({ identity: fakeIdentity('a'), clock: systemClock, log: silentLog }, options);
};

it('remembers that it founds a cluster before the folder belongs to it', async () => {
  await expect(enter(async () => Promise.reject(new Error('killed')))).rejects.toThrow('killed');
  expect(await loadCluster(dataDir)).toBeUndefined();
  const remembered: unknown[] = [];
  const { keys, how } = await enter(async (entered) => void remembered.push(entered));
  expect([how, remembered]).toEqual(['founded', [{ founding: keys.clusterId }]]);
});

it('goes on with the cluster of the folder, and has nothing to remember then', async () => {
  const { keys } = await enter(async () => undefined);
  expect(await enter(async () => Promise.reject(new Error('nothing new')))).toMatchObject({ how: 'resumed', keys });
});
