import { describe, expect, it } from 'vitest';
import type { ReplicaSet } from '../../../protocol/types.ts';
import { activeSlots } from '../../../daemon/core/controllers/slots.ts';
import { isReady } from '../../../daemon/core/cluster/pods.ts';
import type { ClusterWorld } from '../../support/cluster-view.ts';
import { keyOf, podObject, readyStatus, replicaSetObject, replicationControllerObject, worldOf } from '../../support/cluster-view.ts';

const RS = 'replicasets.apps/default/web';

function worldWith(replicas: number): ClusterWorld {
  const world = worldOf(3);
  world.create(replicaSetObject('web', replicas));
  world.converge();
  return world;
}

describe('the controller of ReplicaSets and ReplicationControllers', () => {
  it('makes as many pods as asked for, spread over the nodes', () => {
    const world = worldWith(6);
    expect(world.pods()).toHaveLength(6);
    for (const node of ['node-1', 'node-2', 'node-3']) expect(world.state.podsOnNode(node)).toHaveLength(2);
    expect(world.events('SuccessfulCreate')).toHaveLength(6);
    expect(world.events('SuccessfulCreate')[0]).toMatch(/^Created pod: web-[a-z0-9]{5}$/);
  });

  it('gives pods the labels of the template, their owner and the slot they fill', () => {
    const world = worldWith(1);
    const [pod] = world.pods();
    const owner = world.object(RS);
    expect(pod?.object.metadata).toMatchObject({
      labels: { app: 'web' },
      generateName: 'web-',
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: owner.uid, controller: true, blockOwnerDeletion: true },
      ],
    });
    expect(pod?.object.kith?.slot).toEqual({ owner: owner.uid, slot: 0, generation: 1 });
  });

  it('serves a ReplicationController in the same way', () => {
    const world = worldOf(2);
    world.create(replicationControllerObject('kubia', 3));
    world.converge();
    expect(world.pods()).toHaveLength(3);
    expect(world.units.flatMap(({ events }) => events).find(({ reason }) => reason === 'SuccessfulCreate')?.component).toBe(
      'replication-controller',
    );
  });

  it('replaces a deleted pod by one with another name', () => {
    const world = worldWith(3);
    const [victim] = world.pods();
    world.bury(victim!.key);
    world.converge();
    expect(world.pods()).toHaveLength(3);
    expect(world.state.get(victim!.key)).toBeUndefined();
  });

  it('replaces a pod that has ended, and clears it away', () => {
    const world = worldWith(2);
    const [victim] = world.pods();
    world.edit(victim!.key, (draft) => {
      draft.kith = { ...draft.kith, outcome: { phase: 'Failed', reason: 'OutOfcpu', node: 'node-1', finishedAt: '2026-01-01T00:00:00Z' } };
    });
    world.converge();
    expect(world.pods()).toHaveLength(2);
    expect(world.state.get(victim!.key)).toBeUndefined();
  });

  it('lets go of a pod whose labels were changed, and makes another', () => {
    const world = worldWith(2);
    const [stray] = world.pods();
    world.edit(stray!.key, (draft) => {
      draft.metadata.labels = { app: 'debug' };
    });
    world.converge();
    expect(world.pods()).toHaveLength(3);
    expect(world.object(stray!.key).object.metadata.ownerReferences).toEqual([]);
    expect(world.state.ownedBy(world.object(RS).uid)).toHaveLength(2);
  });

  it('takes away what is not ready first, then the youngest', () => {
    const world = worldWith(2);
    const old = world.pods().map(({ key }) => key);
    world.elapsed += 60_000;
    world.edit<ReplicaSet>(RS, (draft) => {
      draft.spec.replicas = 4;
    });
    world.converge();
    const young = world
      .pods()
      .map(({ key }) => key)
      .filter((key) => !old.includes(key));
    world.reportPod(old[0]!, { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] });
    world.edit<ReplicaSet>(RS, (draft) => {
      draft.spec.replicas = 3;
    });
    world.converge();
    expect(world.state.get(old[0]!)).toBeUndefined();
    world.edit<ReplicaSet>(RS, (draft) => {
      draft.spec.replicas = 1;
    });
    world.converge();
    expect(world.pods().map(({ key }) => key)).toEqual([old[1]]);
    for (const key of young) expect(world.state.get(key)).toBeUndefined();
    expect(world.events('SuccessfulDelete')).toHaveLength(3);
  });

  it('opens retired slots again, under a new generation', () => {
    const world = worldWith(2);
    for (const replicas of [0, 2]) {
      world.edit<ReplicaSet>(RS, (draft) => {
        draft.spec.replicas = replicas;
      });
      world.converge();
    }
    expect(activeSlots(world.object(RS).object)).toEqual([
      { slot: 0, state: { epoch: 2, generation: 2 } },
      { slot: 1, state: { epoch: 2, generation: 2 } },
    ]);
    expect(world.pods()).toHaveLength(2);
  });

  it('leaves a pod alone that a change of its owner made which has not come here yet', () => {
    const world = worldWith(1);
    const [pod] = world.pods();
    const ahead = structuredClone(pod!.object);
    world.create({ ...ahead, metadata: { ...ahead.metadata, name: 'web-ahead' }, kith: { slot: { ...ahead.kith!.slot!, generation: 7 } } });
    world.converge();
    expect(world.state.get('pods/default/web-ahead')).toBeDefined();
  });

  it('takes another name when a stranger has the one it wants', () => {
    const world = worldOf(1);
    const [owner] = world.create(replicaSetObject('web', 0));
    world.edit<ReplicaSet>(RS, (draft) => {
      draft.kith = { slots: { '0': { epoch: 1, generation: 1 } }, retired: [] };
      draft.spec.replicas = 1;
    });
    world.decide();
    const [first] = world.pods();
    const { name } = first!.object.metadata;
    world.bury(first!.key);
    world.create(podObject(name));
    world.converge();
    expect(world.state.ownedBy(owner!.uid)).toHaveLength(1);
    expect(world.state.get(keyOf(podObject(name)))?.object.metadata.ownerReferences).toBeUndefined();
  });

  it('does nothing for an owner that is being deleted', () => {
    const world = worldOf(1);
    const replicaSet = replicaSetObject('web', 2);
    world.create({
      ...replicaSet,
      metadata: { ...replicaSet.metadata, finalizers: ['example.com/hold'], deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    world.converge();
    expect(world.pods()).toHaveLength(0);
  });

  it('keeps a superseded pod until the one that fills its slot is ready', () => {
    const world = worldWith(1);
    const [old] = world.pods();
    world.broken = (pod) => pod.key !== old!.key;
    world.edit(RS, (draft) => {
      draft.kith = { ...draft.kith, slots: { '0': { epoch: 2, generation: 2 } } };
    });
    world.converge();
    expect(world.pods()).toHaveLength(2);
    expect(isReady(world.state, world.object(old!.key))).toBe(true);
    const [next] = world.pods().filter(({ key }) => key !== old!.key);
    world.reportPod(next!.key, readyStatus(world.now.wall));
    world.converge();
    expect(world.pods().map(({ key }) => key)).toEqual([next!.key]);
  });
});
