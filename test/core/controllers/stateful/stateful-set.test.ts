import { describe, expect, it } from 'vitest';
import { statefulSetStatus } from '../../../../daemon/core/status/stateful-set-status.ts';
import { isReady } from '../../../../daemon/core/cluster/pods.ts';
import type { StoredObject } from '../../../../protocol/objects.ts';
import type { Pod } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { type ClusterWorld, EPOCH_MS, templateOf, worldOf } from '../../../support/cluster-view.ts';

const SET = 'statefulsets.apps/default/db';

function statefulSet(replicas: number, spec: Record<string, unknown> = {}, annotations: Record<string, string> = {}): StoredObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS), annotations },
    spec: {
      replicas,
      serviceName: 'dbs',
      selector: { matchLabels: { app: 'db' } },
      template: templateOf('db'),
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  };
}

function worldWith(replicas: number, spec: Record<string, unknown> = {}): ClusterWorld {
  const world = worldOf(3);
  world.create(statefulSet(replicas, spec));
  world.converge();
  return world;
}

const names = (world: ClusterWorld): string[] =>
  world
    .pods()
    .map(({ object }) => object.metadata.name)
    .sort();
const statusOf = (world: ClusterWorld): ReturnType<typeof statefulSetStatus> =>
  statefulSetStatus(world.state, world.object(SET), world.now.wall);
const change = (world: ClusterWorld, spec: Record<string, unknown>): void =>
  world.edit(SET, (draft) => (draft.spec = { ...(draft.spec as object), ...spec }));
const imageOf = (world: ClusterWorld, name: string): string | undefined =>
  (world.object(`pods/default/${name}`).object as Pod).spec.containers[0]?.image;
const claims = (world: ClusterWorld): string[] => world.state.list('persistentvolumeclaims').map(({ object }) => object.metadata.name);

const storage = {
  volumeClaimTemplates: [
    { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  ],
};

describe('the controller of StatefulSets', () => {
  it('makes numbered pods, each once the one before it is ready', () => {
    const world = worldOf(3);
    world.create(statefulSet(3));
    let ordered = true;
    world.converge({
      each: () => {
        const pods = world.pods();
        const unready = pods.filter((pod) => !isReady(world.state, pod)).length;
        ordered &&= unready <= 1;
      },
    });
    expect(ordered).toBe(true);
    expect(names(world)).toEqual(['db-0', 'db-1', 'db-2']);
    expect(world.object('pods/default/db-1').object).toMatchObject({
      metadata: { labels: { app: 'db', 'statefulset.kubernetes.io/pod-name': 'db-1', 'apps.kubernetes.io/pod-index': '1' } },
      spec: { hostname: 'db-1', subdomain: 'dbs' },
    });
    expect(statusOf(world)).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3, updatedReplicas: 3 });
    expect(world.events('SuccessfulCreate')).toContain('create Pod db-0 in StatefulSet db successful');
  });

  it('waits for a number that does not become ready, unless it works in parallel', () => {
    for (const [podManagementPolicy, expected] of [
      ['OrderedReady', ['db-0']],
      ['Parallel', ['db-0', 'db-1', 'db-2']],
    ] as const) {
      const world = worldOf(3);
      world.broken = ({ object }) => object.metadata.name === 'db-0';
      world.create(statefulSet(3, { podManagementPolicy }));
      world.converge();
      expect(names(world)).toEqual(expected);
    }
  });

  it('shrinks from the highest number on', () => {
    const world = worldWith(3);
    change(world, { replicas: 1 });
    const seen: string[] = [];
    world.converge({ each: () => seen.push(names(world).join()) });
    expect([...new Set(seen)]).toEqual(['db-0,db-1,db-2', 'db-0,db-1', 'db-0']);
  });

  it('begins with the number that it is told', () => {
    expect(names(worldWith(2, { ordinals: { start: 5 } }))).toEqual(['db-5', 'db-6']);
  });

  it('makes a pod that is gone again under its name, as its next life', () => {
    const world = worldWith(2);
    const before = world.object('pods/default/db-0');
    world.bury(before.key);
    world.converge();
    const after = world.object('pods/default/db-0');
    expect([after.life, after.uid === before.uid]).toEqual([2, false]);
  });

  it('updates from the highest number on, one after the other, down to the partition', () => {
    const world = worldWith(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } });
    change(world, { template: templateOf('db', 'kith.dev/hello:2') });
    let least = 3;
    world.converge({ each: () => (least = Math.min(least, statusOf(world).readyReplicas ?? 0)) });
    expect(least).toBe(2);
    expect(['db-0', 'db-1', 'db-2'].map((name) => imageOf(world, name))).toEqual([
      'kith.dev/hello:1',
      'kith.dev/hello:2',
      'kith.dev/hello:2',
    ]);
    expect(statusOf(world)).toMatchObject({ currentReplicas: 1, updatedReplicas: 2 });
    // Below the partition the old template holds, also for a pod that is made again.
    world.bury('pods/default/db-0');
    world.converge();
    expect(imageOf(world, 'db-0')).toBe('kith.dev/hello:1');
    change(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
    world.converge();
    expect(imageOf(world, 'db-0')).toBe('kith.dev/hello:2');
    const { currentRevision, updateRevision } = statusOf(world);
    expect(currentRevision).toBe(updateRevision);
  });

  it('gives each number its storage, which stays when the pod goes', () => {
    const world = worldWith(2, storage);
    expect(claims(world)).toEqual(['data-db-0', 'data-db-1']);
    expect((world.object('pods/default/db-1').object as Pod).spec.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
    ]);
    change(world, { replicas: 1 });
    world.converge();
    expect(claims(world)).toEqual(['data-db-0', 'data-db-1']);
  });

  it('takes storage away where it is told to', () => {
    const world = worldWith(2, { ...storage, persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' } });
    change(world, { replicas: 1 });
    world.converge();
    expect(claims(world)).toEqual(['data-db-0']);
    world.bury(SET);
    world.converge();
    expect(claims(world)).toEqual([]);
  });

  const loseNodeOf = (world: ClusterWorld, pod: string): string => {
    const node = world.object(pod).object.kith?.binding?.node ?? '';
    if (node === 'node-1') world.setLeader('node-2');
    world.setMember(node, 'dead', 1, [2, 3]);
    return node;
  };

  it('leaves a pod whose data is on a dead node where it is, even for an update', () => {
    const world = worldWith(3, storage);
    const { uid } = world.object('pods/default/db-2');
    loseNodeOf(world, 'pods/default/db-2');
    change(world, { template: templateOf('db', 'kith.dev/hello:2') });
    world.converge();
    expect(world.object('pods/default/db-2').uid).toBe(uid);
  });

  it('has a pod that stores nothing moved off a dead node by an heir, under its own name', () => {
    const world = worldWith(3);
    const lost = loseNodeOf(world, 'pods/default/db-2');
    world.converge();
    expect(names(world)).toEqual(['db-0', 'db-1', 'db-2']);
    for (const pod of world.pods()) expect(pod.object.kith?.binding?.node).not.toBe(lost);
    expect(world.events('TakenOver')).toContainEqual(expect.stringContaining('db-2 replaces default/db-2'));
  });

  it('starts nothing where half of the members are out of sight, unless it may run on every side', () => {
    for (const [annotations, expected] of [
      [{}, []],
      [{ 'kith.dev/partition': 'any' }, ['db-0']],
    ] as const) {
      const world = worldOf(4);
      for (const node of ['node-3', 'node-4']) world.setMember(node, 'dead', 1, [2, 4]);
      world.create(statefulSet(1, {}, annotations));
      world.converge();
      expect(names(world)).toEqual(expected);
      if (expected.length === 0) expect(world.events('WaitingForMajority')[0]).toContain('db-0 is not started: 2 of 4 members are seen');
    }
  });
});
