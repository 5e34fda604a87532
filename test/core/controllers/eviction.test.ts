import { describe, expect, it } from 'vitest';
import { planEviction } from '../../../daemon/core/controllers/eviction.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { replicaStatus } from '../../../daemon/core/status/replica-status.ts';
import { isDeleting, isReady } from '../../../daemon/core/cluster/pods.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Node, Pod, ReplicaSet } from '../../../protocol/types.ts';
import { type ClusterWorld, container, podKey, podObject, readyStatus, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const RS = 'replicasets.apps/default/web';

function worldWith(change: (set: ReplicaSet) => void = () => undefined): ClusterWorld {
  const world = worldOf(3);
  const set = replicaSetObject('web', 3);
  change(set);
  world.create(set);
  world.converge();
  return world;
}

function cordon(world: ClusterWorld, node: string): DesiredObject {
  world.edit<Node>(`nodes//${node}`, (draft) => (draft.spec = { ...draft.spec, unschedulable: true }));
  return world.state.podsOnNode(node)[0]!;
}

const serving = (world: ClusterWorld): DesiredObject[] => world.pods().filter((pod) => isReady(world.state, pod) && !isDeleting(pod));

const keys = (world: ClusterWorld): string[] => world.pods().map(({ key }) => key);

/** A pod was evicted, and others have just taken the room that its replacement had. */
function crowded(): { world: ClusterWorld; old: DesiredObject } {
  const world = worldWith((set) => (set.spec.template!.spec!.containers = [container({ cpu: '2' })]));
  const old = cordon(world, 'node-2');
  const eviction = planEviction(world.state, old, world.now.wall)!;
  expect(eviction).toHaveLength(2);
  // Two that take what is left of the two other nodes, bound before the eviction came.
  for (const node of ['node-1', 'node-3'])
    world.create(podObject(`big-${node}`, { nodeName: node, containers: [container({ cpu: '2' })] }));
  world.converge();
  world.write(eviction);
  return { world, old };
}

describe('a pod that is evicted', () => {
  it('serves until the one that takes its place on another node is ready, and is stopped then', () => {
    const world = worldWith();
    const old = cordon(world, 'node-2');
    let isSlow = true;
    world.broken = (pod) => isSlow && pod.object.kith?.slot?.generation === 2;
    world.write(planEviction(world.state, old, world.now.wall)!);
    world.converge();
    const [replacement] = world.pods().filter(({ object }) => object.kith?.slot?.generation === 2);
    expect(replacement?.object.kith?.binding?.node).toMatch(/^node-[13]$/);
    expect(serving(world)).toHaveLength(3);
    expect(serving(world).map(({ key }) => key)).toContain(old.key);
    expect(replicaStatus(world.state, world.object(RS), world.now.wall)).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    const shown = renderObject(world.state, old.key, world.now) as Pod;
    expect(shown.status?.conditions?.at(-1)).toMatchObject({
      type: 'DisruptionTarget',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    });
    expect(world.events('Evicted')).toEqual([`${replacement?.object.metadata.name} takes its place: it is stopped once that one is ready`]);
    isSlow = false;
    const seen = new Set<number>();
    world.converge({ each: () => seen.add(serving(world).length) });
    expect(Math.min(...seen)).toBe(3);
    expect(world.pods().map(({ key }) => key)).not.toContain(old.key);
    expect(serving(world)).toHaveLength(3);
  });

  it('goes before its replacement runs where others took the room that there was for that one: both would wait for each other', () => {
    const { world, old } = crowded();
    world.converge();
    expect(keys(world)).not.toContain(old.key);
    const [replacement] = world.pods().filter(({ object }) => object.kith?.slot?.generation === 2);
    expect(replacement?.object.kith?.binding).toBeUndefined();
    world.edit<Node>('nodes//node-2', (draft) => (draft.spec = { ...draft.spec, unschedulable: false }));
    world.converge();
    expect(serving(world).map(({ key }) => key)).toContain(replacement!.key);
  });

  it('does not go before its replacement for want of room where a budget forbids it', () => {
    const { world, old } = crowded();
    world.create({
      apiVersion: 'policy/v1',
      kind: 'poddisruptionbudgets.policy',
      metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 0 },
    });
    world.converge();
    expect(serving(world).map(({ key }) => key)).toContain(old.key);
    world.bury('poddisruptionbudgets.policy/default/web');
    world.converge();
    expect(keys(world)).not.toContain(old.key);
  });

  it.each(['suspected', 'unready', 'dead'] as const)('does not go first while a node is %s that may be back with its room', (state) => {
    const { world, old } = crowded();
    world.addNode('node-4', { spec: { unschedulable: true } });
    if (state === 'unready') world.reportNode('node-4', undefined, 'False');
    else world.setMember('node-4', state, 1, [3, 4]);
    world.converge({ quietMs: 20_000 });
    expect(serving(world).map(({ key }) => key)).toContain(old.key);
    if (state === 'unready') world.reportNode('node-4');
    // Who is dead for a minute is not back in a moment.
    else if (state === 'dead') world.elapsed += 60_000;
    else world.setMember('node-4', 'alive');
    world.converge();
    expect(keys(world)).not.toContain(old.key);
  });

  it('twice is evicted once, and by two sides of a cut by the same pod', () => {
    const world = worldWith();
    const old = cordon(world, 'node-2');
    const first = planEviction(world.state, old, world.now.wall);
    expect(planEviction(world.state, old, world.now.wall + 5_000)?.[0]).toEqual(first?.[0]);
    world.write(first!);
    expect(planEviction(world.state, world.object(old.key), world.now.wall)).toEqual([]);
  });

  it('is deleted where its replacement would wait for it: for a lease, for its data, or for room', () => {
    const evicted = (world: ClusterWorld): unknown => planEviction(world.state, cordon(world, 'node-2'), world.now.wall);
    expect(evicted(worldWith())).toHaveLength(2);
    expect(evicted(worldWith((set) => (set.metadata.annotations = { 'kith.dev/partition': 'majority' })))).toBeUndefined();
    const world = worldWith();
    const old = cordon(world, 'node-2');
    world.edit<Pod>(old.key, (draft) => (draft.spec.volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]));
    expect(planEviction(world.state, world.object(old.key), world.now.wall)).toBeUndefined();
    const most = container({ cpu: '3' });
    expect(evicted(worldWith((set) => (set.spec.template!.spec!.containers = [most])))).toBeUndefined();
  });

  it('is deleted where it serves nobody, is its own only one, or does work that is not to be done twice', () => {
    const world = worldWith();
    const old = cordon(world, 'node-2');
    const status = readyStatus(world.now.wall);
    world.reportPod(old.key, { ...status, conditions: [{ type: 'Ready', status: 'False' }] });
    expect(planEviction(world.state, old, world.now.wall)).toBeUndefined();
    world.create(podObject('bare'));
    world.converge();
    expect(planEviction(world.state, world.object(podKey('bare')), world.now.wall)).toBeUndefined();
  });
});
