import { expect, it } from 'vitest';
import { HostWays } from '../../daemon/peer/network/host-ways.ts';
import type { HostNetwork } from '../../daemon/ports/host-network.ts';
import { podKey, readyStatus, worldOf } from '../support/cluster-view.ts';
import { addServingPod } from '../support/service-world.ts';
import { silentLog } from '../support/silent-log.ts';

it('pods of this host reach themselves by way of Services as soon as they run, after each start', async () => {
  const world = worldOf(2);
  world.edit('nodes//node-1', (draft) => void (draft['spec'] = { podCIDR: '10.42.1.0/24' }));
  const asked: string[] = [];
  const gates: (() => void)[] = [];
  const host = {
    allowHairpin: async (subnet: string) => {
      asked.push(subnet);
      await new Promise<void>((resolve) => gates.push(resolve));
    },
  } as Partial<HostNetwork> as HostNetwork;
  const ways = new HostWays({ view: world.state, host, log: silentLog }, { clusterId: 'c', mode: 'auto' });
  const start = (name: string, containerID: string): void => {
    const status = readyStatus(0);
    world.reportPod(podKey(name), { ...status, containerStatuses: [{ ...status.containerStatuses![0]!, containerID }] });
    ways.touch([podKey(name), 'nodes//node-1']);
  };
  addServingPod(world, 'web', { node: 'node-1', ip: '10.42.1.2' });
  addServingPod(world, 'far', { node: 'node-2', ip: '10.42.2.2' });
  ways.touch([podKey('web'), podKey('far')]);
  expect(asked).toEqual([]);
  start('web', 'docker://1');
  start('web', 'docker://1');
  start('far', 'docker://9');
  expect(asked).toEqual(['10.42.1.0/24']);
  // Another start while links are looked at: once more.
  start('web', 'docker://2');
  gates[0]!();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toHaveLength(2);
  gates[1]!();
  await new Promise((resolve) => setImmediate(resolve));
  world.bury(podKey('web'));
  ways.touch([podKey('web')]);
  expect(asked).toHaveLength(2);
});
