import { expect, it, vi } from 'vitest';
import { NodeTable } from '../../../daemon/core/scheduler/node-table.ts';
import { planClaims } from '../../../daemon/core/heirs/claims.ts';
import { keyOf, podObject, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';

/** A pod on each node. */
function occupied(nodes: number): ClusterWorld {
  const world = worldOf(nodes);
  for (let node = 1; node <= nodes; node += 1) {
    const pod = podObject(`pod-${node}`);
    world.create(pod);
    world.bind(keyOf(pod), `node-${node}`);
  }
  return world;
}

it('counts what runs on the nodes that it is asked about', () => {
  const world = occupied(20);
  const podsOnNode = vi.spyOn(world.state, 'podsOnNode');
  const table = new NodeTable(world.state);
  const pod = world.object(keyOf(podObject('pod-1')));
  expect(table.fits(pod, 3)).toBe(true);
  expect(table.fits(pod, 3)).toBe(true);
  expect(podsOnNode.mock.calls).toEqual([[table.names[3]]]);
});

it('an heir looks at few nodes for each claim, not at all', () => {
  const world = occupied(40);
  world.setMember('node-2', 'dead');
  const orphans = [...world.state.podsOnNode('node-2')];
  const podsOnNode = vi.spyOn(world.state, 'podsOnNode');
  planClaims(world.state, orphans, world.now);
  expect(orphans).toHaveLength(1);
  const looked = new Set(podsOnNode.mock.calls.map(([node]) => node));
  expect(looked.size).toBeGreaterThan(0);
  // Three heirs of forty: about 3 (1 + ln(40 / 3)) are the best of those before them.
  expect(looked.size).toBeLessThan(25);
});
