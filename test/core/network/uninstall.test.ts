import { expect, it } from 'vitest';
import { planWays, tunnelDevice } from '../../../daemon/core/network/host-routes.ts';
import { policyTable, serviceTable, strangeTables } from '../../../daemon/core/network/tables.ts';
import { planUninstall } from '../../../daemon/core/network/uninstall.ts';
import { worldOf } from '../../support/cluster-view.ts';

it('names what the daemons of this cluster made on this host, and nothing of others', () => {
  const ours = serviceTable('cluster', 'node-1');
  const earlier = serviceTable('cluster', 'old-name');
  const found = ['nat', 'filter', ours, policyTable(ours), earlier, serviceTable('other', 'node-1'), 'kith_0123456789'];
  const plan = planUninstall('cluster', ['node-1', 'old-name', 'node-3'], [], found);
  expect(plan.tables).toEqual([ours, policyTable(ours), earlier]);
  expect(strangeTables(found, [ours, earlier])).toEqual([serviceTable('other', 'node-1'), 'kith_0123456789']);
  expect(strangeTables(['kith_mine', 'nat', policyTable(ours)], [])).toEqual([policyTable(ours)]);
  // As they were made.
  const made = planWays(worldOf(1).state, 'cluster', [], 'auto');
  expect(plan.marks).toEqual({ protocol: made.protocol, tunnel: tunnelDevice('cluster'), owner: 'cluster' });
});

it('names nothing that another daemon of the cluster needs, which runs on this host', () => {
  const [ours, theirs] = ['node-1', 'node-2'].map((node) => serviceTable('cluster', node));
  const found = [ours!, policyTable(ours!), theirs!, policyTable(theirs!)];
  expect(planUninstall('cluster', ['node-1', 'node-2'], ['node-2'], found)).toEqual({
    tables: [ours, policyTable(ours!)],
    marks: undefined,
  });
});
