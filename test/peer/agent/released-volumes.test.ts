import { expect, it } from 'vitest';
import { ReleasedVolumes } from '../../../daemon/peer/agent/released-volumes.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import { ClusterWorld, EPOCH_MS, podObject } from '../../support/cluster-view.ts';
import { MemoryVolumes } from '../../support/memory-volumes.ts';
import { silentLog } from '../../support/silent-log.ts';

function worldWithClaim(): ClusterWorld {
  const world = new ClusterWorld(['node-1']);
  world.addNode('node-1');
  const metadata = { name: 'data', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) };
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const using = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] };
  world.decide();
  world.create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec }, podObject('web', using));
  world.converge();
  return world;
}

it('removes the folder of a volume whose claim is gone, once no pod here uses it, and lets the volume go', async () => {
  const world = worldWithClaim();
  const pod = world.pods()[0]!.object;
  const [volume] = world.state.list('persistentvolumes');
  const volumes = new MemoryVolumes();
  const write = async (mutations: readonly Mutation[]): Promise<void> => world.write(mutations);
  const released = new ReleasedVolumes({ volumes, write, events: { record: () => undefined }, clock: systemClock, log: silentLog });
  await released.remove(world.state, []);
  world.bury('pods/default/web');
  world.bury('persistentvolumeclaims/default/data');
  await released.remove(world.state, []);
  expect(volumes.removedLocal).toEqual([]);
  world.converge();
  await released.remove(world.state, [pod]);
  expect(volumes.removedLocal).toEqual([]);
  await released.remove(world.state, []);
  expect(volumes.removedLocal).toEqual([volume!.object.metadata.name]);
  expect(world.state.get(volume!.key)).toBeUndefined();
});

it('does not begin the removal of a folder anew while the one before hangs: each takes a thread of the daemon', async () => {
  const world = worldWithClaim();
  let calls = 0;
  const volumes = new MemoryVolumes();
  volumes.removeLocal = () => ((calls += 1), new Promise(() => undefined));
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const write = async (mutations: readonly Mutation[]): Promise<void> => world.write(mutations);
  const released = new ReleasedVolumes({ volumes, write, events: { record: () => undefined }, clock, log: silentLog });
  world.bury('pods/default/web');
  world.bury('persistentvolumeclaims/default/data');
  world.converge();
  for (; now < 3_600_000; now += 10_000) {
    void released.remove(world.state, []);
    await new Promise(setImmediate);
  }
  expect(calls).toBe(1);
});
