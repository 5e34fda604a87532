import { expect, it } from 'vitest';
import type { EventDraft } from '../../daemon/core/decisions.ts';
import type { Kernel } from '../../daemon/peer/network/kernel.ts';
import { POD_NETWORK_LIMITS, PodNetwork } from '../../daemon/peer/network/pod-network.ts';
import type { HostNetwork } from '../../daemon/ports/host-network.ts';
import { worldOf } from '../support/cluster-view.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

it('an Event of the node says what NetworkPolicies can not hold back there, once until it is over', async () => {
  const world = worldOf(2);
  world.edit('nodes//node-1', (draft) => void (draft['spec'] = { podCIDR: '10.42.1.0/24' }));
  const clock = new VirtualClock();
  const events: EventDraft[] = [];
  const state = { selected: 1, trouble: '', gap: 'what passes between two pods is not held back' };
  const kernel = {
    ways: { setRight: async () => undefined, touch: () => undefined },
    services: { use: async () => undefined, check: async () => undefined },
    policies: { state, check: async () => undefined, touch: () => undefined, stop: async () => undefined },
    table: 't',
    reservedPorts: [],
  } as object as Kernel;
  const network = new PodNetwork(
    {
      view: world.state,
      write: async () => undefined,
      record: (event) => events.push(event),
      runtime: { usePodNetwork: () => undefined },
      host: { addresses: () => [], bridgeFilters: () => false } as Partial<HostNetwork> as HostNetwork,
      kernel,
      clock,
      log: silentLog,
    },
    { clusterId: 'c' },
  );
  network.start();
  await clock.pass(3 * POD_NETWORK_LIMITS.checkMs);
  expect(events.map(({ about, reason, message }) => `${about.metadata.name} ${reason} ${message}`)).toEqual([
    'node-1 PoliciesNotEnforced NetworkPolicies: what passes between two pods is not held back',
  ]);
  const { gap } = state;
  state.gap = '';
  await clock.pass(2 * POD_NETWORK_LIMITS.checkMs);
  state.gap = gap;
  await clock.pass(2 * POD_NETWORK_LIMITS.checkMs);
  expect(events).toHaveLength(2);
  await network.stop();
});
