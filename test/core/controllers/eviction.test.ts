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
