import { describe, expect, it } from 'vitest';
import { disruptionOf } from '../../../daemon/core/disruption.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import type { Pod } from '../../../protocol/types.ts';
import { budgetObject, priorityClassObject } from '../../support/bounds.ts';
import { type ClusterWorld, container, deploymentObject, podKey, podObject, worldOf } from '../../support/cluster-view.ts';

const NODE = { allocatable: { cpu: '2', memory: '8Gi', pods: '110' } };

/** Nodes of two cores, each with pods of one core. */
function full(nodes: number, classes: Record<string, number> = { low: 1, high: 1000 }): ClusterWorld {
  const world = worldOf(nodes, 'node-1', NODE);
  for (const [name, value] of Object.entries(classes)) world.create(priorityClassObject(name, value));
  return world;
}

function runs(world: ClusterWorld, name: string, node: string, priority: number, cpu = '1', app = name): void {
  world.create(
    podObject(
      name,
      { containers: [container({ cpu })], priority },
      { metadata: { name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app } } },
    ),
  );
  world.bind(podKey(name), node);
}

const wanted = (cpu: string, more: Partial<Pod['spec']> = {}): Pod =>
  podObject('vip', { containers: [container({ cpu })], priority: 1000, priorityClassName: 'high', ...more });
const names = (world: ClusterWorld): string[] =>
  world
    .pods()
    .map(({ object }) => object.metadata.name)
    .sort();
const nodeOf = (world: ClusterWorld, name: string): string | undefined => world.object(podKey(name)).object.kith?.binding?.node;

const messageOf = (world: ClusterWorld, name: string): string | undefined =>
  (renderObject(world.state, podKey(name), world.now) as Pod).status?.conditions?.[0]?.message;

describe('a pod that fits nowhere', () => {
  it('has less important ones evicted, as few as needed, and takes their place', () => {
    const world = full(2);
    for (const [name, node, priority] of [
      ['a', 'node-1', 500],
      ['b', 'node-1', 1],
      ['c', 'node-2', 500],
      ['d', 'node-2', 400],
    ] as const)
      runs(world, name, node, priority);
    world.converge();
    world.create(wanted('1'));
    world.converge();
    expect(names(world)).toEqual(['a', 'c', 'd', 'vip']);
    expect(nodeOf(world, 'vip')).toBe('node-1');
    expect(world.events('Preempted')).toEqual([expect.stringMatching(/^Preempted by pod \S+ on node node-1$/)]);
  });

  it('names the node where room is being made, until it is there', () => {
    const world = full(2);
    for (const [name, node] of [
      ['a', 'node-1'],
      ['b', 'node-1'],
      ['c', 'node-2'],
    ] as const)
      runs(world, name, node, 1);
    runs(world, 'd', 'node-2', 1000);
    world.runNodes();
    world.create(wanted('2'));
    const nominated = (): string | undefined => (renderObject(world.state, podKey('vip'), world.now) as Pod).status?.nominatedNodeName;
    expect(nominated()).toBeUndefined();
    expect(messageOf(world, 'vip')).toBe('0/2 nodes are available: 2 Insufficient cpu.');
    world.decide();
    expect(nominated()).toBe('node-1');
    expect(disruptionOf(world.object(podKey('a')).object)?.reason).toBe('PreemptionByScheduler');
    world.converge();
    expect([nodeOf(world, 'vip'), nominated()]).toEqual(['node-1', undefined]);
  });

  it('evicts nobody who is as important, and nobody at all when its class says never or it would not help', () => {
    const world = full(1);
    runs(world, 'a', 'node-1', 1000);
    runs(world, 'b', 'node-1', 1);
    world.converge();
    world.create(wanted('2'));
    world.create({ ...wanted('1', { preemptionPolicy: 'Never' }), metadata: { ...wanted('1').metadata, name: 'patient' } });
    world.converge();
    expect(names(world)).toEqual(['a', 'b', 'patient', 'vip']);
    expect(world.events('Preempted')).toEqual([]);
    const short = '0/1 nodes are available: 1 Insufficient cpu. preemption: ';
    expect(messageOf(world, 'vip')).toBe(`${short}0/1 nodes are available: 1 Insufficient cpu.`);
    expect(messageOf(world, 'patient')).toBe(`${short}not eligible due to preemptionPolicy=Never.`);
  });

  it('breaks no disruption budget while there is another way', () => {
    const world = full(2);
    runs(world, 'a', 'node-1', 1, '2', 'kept');
    runs(world, 'b', 'node-2', 500, '2');
    world.create(budgetObject('kept', { selector: { matchLabels: { app: 'kept' } }, minAvailable: 1 }));
    world.converge();
    world.create(wanted('2'));
    world.converge();
    expect(names(world)).toEqual(['a', 'vip']);
    expect(nodeOf(world, 'vip')).toBe('node-2');
  });

  it('is placed before those that its victims are replaced by, which wait', () => {
    const world = full(1);
    const web = deploymentObject('web', 2);
    const template = { ...web.spec.template, spec: { containers: [container({ cpu: '1' })], priorityClassName: 'low' } };
    world.create({ ...web, spec: { ...web.spec, template } });
    world.converge();
    expect(world.pods()).toHaveLength(2);
    world.create(wanted('2'));
    world.converge();
    expect(nodeOf(world, 'vip')).toBe('node-1');
    const others = world.pods().filter(({ object }) => object.metadata.name !== 'vip');
    expect(others).toHaveLength(2);
    expect(others.filter(({ object }) => object.kith?.binding !== undefined)).toEqual([]);
  });
});
