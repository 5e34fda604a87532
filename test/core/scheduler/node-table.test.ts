import { expect, it, vi } from 'vitest';
import { NodeTable } from '../../../daemon/core/scheduler/node-table.ts';
import { pairWeight, textHash } from '../../../daemon/core/scheduler/weights.ts';
import { planClaims } from '../../../daemon/core/heirs/claims.ts';
import { rankHeirs } from '../../../daemon/core/heirs/ranking.ts';
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

it('counts what has ended on a node for nothing, by its outcome or by what any node reports', () => {
  const world = worldOf(1, 'node-1', { allocatable: { cpu: '1', memory: '8Gi', pods: '110' } });
  const names = ['first', 'second'];
  const asking = [{ name: 'main', image: 'app:1', resources: { requests: { cpu: '500m' } } }];
  const pods = names.map((name) => podObject(name, { containers: asking }));
  for (const pod of pods) {
    world.create(pod);
    world.bind(keyOf(pod), 'node-1');
  }
  const next = world.object(keyOf(pods[0]!));
  const fits = (): boolean => new NodeTable(world.state).fits(next, 0);
  expect(fits()).toBe(false);
  const running = { phase: 'Running' };
  world.reportPod(keyOf(pods[1]!), running);
  expect(fits()).toBe(false);
  world.reportPod(keyOf(pods[1]!), { phase: 'Succeeded' });
  expect(world.state.isReportedEnded(world.object(keyOf(pods[1]!)).uid)).toBe(true);
  expect(fits()).toBe(true);
  world.reportPod(keyOf(pods[1]!), running);
  expect(fits()).toBe(false);
});

it('an heir looks at few nodes for each claim, not at all', () => {
  const world = occupied(40);
  world.setMember('node-2', 'dead');
  const orphans = [...world.state.podsOnNode('node-2')];
  const podsOnNode = vi.spyOn(world.state, 'podsOnNode');
  planClaims(world.state, orphans, world.now);
  expect(orphans).toHaveLength(1);
  const looked = new Set(podsOnNode.mock.calls.map(([node]) => node));
  // Its own node, this one, and those of the first three heirs.
  expect(looked.size).toBeLessThanOrEqual(5);
});

it('heirs are the nodes of the greatest weights that fit, the same as ever', () => {
  const world = occupied(60);
  for (const node of ['node-3', 'node-17', 'node-44']) world.setMember(node, 'dead');
  const table = new NodeTable(world.state);
  for (const pod of world.pods()) {
    const weight = (node: string): number => pairWeight(textHash(pod.uid), textHash(node));
    const fitting = table.names.filter((_, index) => table.fits(pod, index));
    expect(rankHeirs(table, pod, 3)).toEqual(fitting.sort((left, right) => weight(right) - weight(left)).slice(0, 3));
    expect(rankHeirs(table, pod, 100)).toHaveLength(57);
  }
});
