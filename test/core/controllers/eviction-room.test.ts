import { describe, expect, it } from 'vitest';
import { isDeleting, isReady } from '../../../daemon/core/cluster/pods.ts';
import { planEviction } from '../../../daemon/core/controllers/eviction.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Node, ReplicaSet } from '../../../protocol/types.ts';
import { type ClusterWorld, container, podObject, readyStatus, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const BUDGET = 'poddisruptionbudgets.policy/default/web';

/** One replica fills half of a node. */
function halves(name: string, replicas: number, labels: Record<string, string> = {}): ReplicaSet {
  const set = replicaSetObject(name, replicas);
  set.spec.template!.spec!.containers = [container({ cpu: '2' })];
  set.spec.template!.metadata!.labels = { ...set.spec.template!.metadata!.labels, ...labels };
  return set;
}

function setCordoned(world: ClusterWorld, node: string, unschedulable: boolean): void {
  world.edit<Node>(`nodes//${node}`, (draft) => (draft.spec = { ...draft.spec, unschedulable }));
}

function createBudget(world: ClusterWorld, spec: Record<string, unknown>): void {
  world.create({
    apiVersion: 'policy/v1',
    kind: 'poddisruptionbudgets.policy',
    metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: spec,
  });
}

/** Others that fill the nodes. */
function fill(world: ClusterWorld, nodes: readonly string[], pods = 1): void {
  for (const node of nodes)
    for (let index = 0; index < pods; index += 1)
      world.create(podObject(`big-${node}-${index}`, { nodeName: node, containers: [container({ cpu: '2' })] }));
  world.converge();
}

/** A pod was evicted, and others have just taken the room that its replacement had. */
function crowded(): { world: ClusterWorld; old: DesiredObject } {
  const world = worldOf(3);
  world.create(halves('web', 3));
  world.converge();
  setCordoned(world, 'node-2', true);
  const old = world.state.podsOnNode('node-2')[0]!;
  const eviction = planEviction(world.state, old, world.now.wall)!;
  expect(eviction).toHaveLength(2);
  fill(world, ['node-1', 'node-3']);
  world.write(eviction);
  return { world, old };
}

/** Pods on two nodes that are being emptied, all evicted, and others have taken all other room. */
function evictedTogether(...sets: readonly ReplicaSet[]): { world: ClusterWorld; old: readonly DesiredObject[] } {
  const world = worldOf(4);
  for (const node of ['node-3', 'node-4']) setCordoned(world, node, true);
  world.create(...sets);
  world.converge();
  for (const node of ['node-1', 'node-2']) setCordoned(world, node, true);
  for (const node of ['node-3', 'node-4']) setCordoned(world, node, false);
  const old = world.pods();
  for (const pod of old) world.write(planEviction(world.state, world.object(pod.key), world.now.wall)!);
  for (const node of ['node-3', 'node-4'])
    world.create(podObject(`first-${node}`, { nodeName: node, containers: [container({ cpu: '4' })] }));
  return { world, old };
}

const keys = (world: ClusterWorld): string[] => world.pods().map(({ key }) => key);
const serving = (world: ClusterWorld): string[] =>
  world
    .pods()
    .filter((pod) => isReady(world.state, pod) && !isDeleting(pod))
    .map(({ key }) => key);

describe('where others take the room that the replacement of an evicted pod had', () => {
  it('that pod goes before its replacement runs: both would wait for each other', () => {
    const { world, old } = crowded();
    world.converge();
    expect(keys(world)).not.toContain(old.key);
    const [replacement] = world.pods().filter(({ object }) => object.kith?.slot?.generation === 2);
    expect(replacement?.object.kith?.binding).toBeUndefined();
    setCordoned(world, 'node-2', false);
    world.converge();
    expect(serving(world)).toContain(replacement!.key);
  });

  it('it does not where a budget forbids it', () => {
    const { world, old } = crowded();
    createBudget(world, { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 0 });
    world.converge();
    expect(serving(world)).toContain(old.key);
    world.bury(BUDGET);
    world.converge();
    expect(keys(world)).not.toContain(old.key);
  });

  it('it does where it serves nobody itself, and what is wanted is there', () => {
    const { world, old } = crowded();
    createBudget(world, { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 1 });
    world.reportPod(old.key, { ...readyStatus(world.now.wall), conditions: [{ type: 'Ready', status: 'False' }] });
    world.broken = (pod) => pod.key === old.key;
    world.converge();
    expect(keys(world)).not.toContain(old.key);
  });

  it.each(['suspected', 'unready', 'dead'] as const)('it does not while a node is %s that may be back with its room', (state) => {
    const { world, old } = crowded();
    world.addNode('node-4', { spec: { unschedulable: true } });
    if (state === 'unready') world.reportNode('node-4', undefined, 'False');
    else world.setMember('node-4', state, 1, [3, 4]);
    world.converge({ quietMs: 20_000 });
    expect(serving(world)).toContain(old.key);
    // Who is away for a minute is not back in a moment.
    if (state === 'suspected') world.setMember('node-4', 'alive');
    else world.elapsed += 60_000;
    world.converge();
    expect(keys(world)).not.toContain(old.key);
  });

  it('it does not where no more room would help: the other nodes are kept free by a person', () => {
    const { world, old } = crowded();
    for (const node of ['node-1', 'node-3']) setCordoned(world, node, true);
    world.converge();
    expect(serving(world)).toContain(old.key);
  });

  it('it does not while something ends whose room it would have', () => {
    const { world, old } = crowded();
    const big = world.object('pods/default/big-node-1-0');
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    world.write([
      {
        type: 'update',
        key: big.key,
        uid: big.uid,
        base: big.object,
        next: { ...big.object, metadata: { ...big.object.metadata, deletionTimestamp } },
      },
    ]);
    world.converge({ nodes: ['node-2', 'node-3'] });
    expect(serving(world)).toContain(old.key);
    world.converge();
    expect(keys(world)).not.toContain(old.key);
    expect(serving(world)).toHaveLength(4);
  });

  it('of several that were evicted one ends at a time, and the next one when it has ended', () => {
    const { world, old } = evictedTogether(halves('web', 4));
    // Those that end take as long as they may: their nodes do nothing yet.
    world.converge({ nodes: ['node-3', 'node-4'] });
    expect(old.filter(({ key }) => isDeleting(world.object(key)))).toHaveLength(1);
    world.converge();
    expect(old.filter(({ key }) => keys(world).includes(key))).toEqual([]);
  });

  it('of two owners under one budget no more end than it allows', () => {
    const { world, old } = evictedTogether(halves('one', 2, { tier: 'front' }), halves('two', 2, { tier: 'front' }));
    createBudget(world, { selector: { matchLabels: { tier: 'front' } }, minAvailable: 3 });
    world.converge();
    expect(old.filter(({ key }) => serving(world).includes(key))).toHaveLength(3);
  });

  it('of two members the one that lives does not wait for the dead one for ever', () => {
    const world = worldOf(2);
    world.create(halves('web', 2));
    world.converge();
    const [old] = world.state.podsOnNode('node-1');
    const eviction = planEviction(world.state, old!, world.now.wall)!;
    expect(eviction).toHaveLength(2);
    fill(world, ['node-1', 'node-2']);
    world.setMember('node-2', 'dead', 1, [1, 2]);
    world.write(eviction);
    world.elapsed += 60_000;
    world.converge();
    expect(keys(world)).not.toContain(old!.key);
  });
});
