import { describe, expect, it } from 'vitest';
import { daemonSetStatus } from '../../../../daemon/core/status/daemon-set-status.ts';
import { boundNode, isActive } from '../../../../daemon/core/cluster/pods.ts';
import type { StoredObject } from '../../../../protocol/objects.ts';
import type { Node, Pod } from '../../../../protocol/types.ts';
import { formatTime } from '../../../../protocol/values/time.ts';
import { MemoryDesired } from '../../../support/memory-desired.ts';
import { ClusterWorld, EPOCH_MS, templateOf, worldOf } from '../../../support/cluster-view.ts';

const SET = 'daemonsets.apps/default/agent';

function daemonSet(spec: Record<string, unknown> = {}): StoredObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: templateOf('agent'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
  };
}

function worldWith(nodes = 3, spec: Record<string, unknown> = {}): ClusterWorld {
  const world = worldOf(nodes);
  world.create(daemonSet(spec));
  world.converge();
  return world;
}

const nodesOf = (world: ClusterWorld): (string | undefined)[] =>
  world
    .pods()
    .filter((pod) => isActive(world.state, pod))
    .map(boundNode)
    .sort();
const statusOf = (world: ClusterWorld): ReturnType<typeof daemonSetStatus> =>
  daemonSetStatus(world.state, world.object(SET), world.now.wall);
const setImage = (world: ClusterWorld, image: string): void =>
  world.edit(SET, (draft) => (draft.spec = { ...(draft.spec as object), template: templateOf('agent', image) }));
const images = (world: ClusterWorld): (string | undefined)[] => world.pods().map(({ object }) => (object as Pod).spec.containers[0]?.image);

describe('the controller of DaemonSets', () => {
  it('runs one pod on each node', () => {
    const world = worldWith();
    expect(nodesOf(world)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(statusOf(world)).toEqual({
      currentNumberScheduled: 3,
      numberMisscheduled: 0,
      desiredNumberScheduled: 3,
      numberReady: 3,
      observedGeneration: 1,
      updatedNumberScheduled: 3,
      numberAvailable: 3,
    });
    const [pod] = world.pods();
    expect((pod?.object as Pod).spec.tolerations?.map(({ key }) => key)).toContain('node.kubernetes.io/unschedulable');
    expect(pod?.object.metadata).toMatchObject({ generateName: 'agent-', ownerReferences: [{ kind: 'DaemonSet', controller: true }] });
  });

  it('gives a new node its pod at once, a cordoned one too', () => {
    const world = worldWith();
    world.addNode('node-4', { spec: { unschedulable: true } });
    world.converge();
    expect(nodesOf(world)).toHaveLength(4);
  });

  it('keeps to the nodes that its selector names, and follows their labels', () => {
    const template = templateOf('agent');
    const world = worldWith(2, { template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } } });
    expect(nodesOf(world)).toEqual([]);
    const label = (disk: string): void =>
      world.edit('nodes//node-2', (draft) => (draft.metadata.labels = { ...draft.metadata.labels, disk }));
    label('ssd');
    world.converge();
    expect(nodesOf(world)).toEqual(['node-2']);
    label('hdd');
    world.converge();
    expect(nodesOf(world)).toEqual([]);
  });

  it('leaves out nodes whose taints it does not put up with, and goes from one that may execute it no more', () => {
    const world = worldWith(2);
    const taint = (effect: string): void =>
      world.edit<Node>('nodes//node-2', (draft) => (draft.spec = { taints: [{ key: 'k', value: 'v', effect }] }));
    taint('NoSchedule');
    world.converge();
    expect(nodesOf(world)).toEqual(['node-1', 'node-2']);
    expect(statusOf(world)).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 });
    taint('NoExecute');
    world.converge();
    expect(nodesOf(world)).toEqual(['node-1']);
  });

  it('makes a deleted pod again, and one that has ended after a while', () => {
    const world = worldWith(2);
    const [first, second] = world.pods();
    world.bury(first!.key);
    world.converge();
    expect(nodesOf(world)).toEqual(['node-1', 'node-2']);
    world.edit(second!.key, (draft) => {
      draft.kith = { ...draft.kith, outcome: { phase: 'Failed', node: 'node-2', finishedAt: formatTime(world.now.wall) } };
    });
    world.decide();
    expect(nodesOf(world)).toHaveLength(1);
    world.elapsed += 10_000;
    world.converge();
    expect(nodesOf(world)).toEqual(['node-1', 'node-2']);
    expect(world.events('FailedDaemonPod')[0]).toMatch(/^Found failed daemon pod default\/agent-\w+ on node \S+, will try to kill it$/);
  });

  it('updates node after node', () => {
    const world = worldWith(4);
    setImage(world, 'kith.dev/hello:2');
    let least = 4;
    world.converge({ each: () => (least = Math.min(least, statusOf(world).numberAvailable ?? 0)) });
    expect(least).toBe(3);
    expect(images(world)).toEqual(Array(4).fill('kith.dev/hello:2'));
    expect(statusOf(world)).toMatchObject({ updatedNumberScheduled: 4, numberAvailable: 4 });
  });

  it('stops an update that does not become ready', () => {
    const world = worldWith(4);
    world.broken = (pod) => (pod.object as Pod).spec.containers[0]?.image === 'bad';
    setImage(world, 'bad');
    world.converge();
    expect(images(world).filter((image) => image === 'bad')).toHaveLength(1);
    setImage(world, 'kith.dev/hello:1');
    world.converge();
    expect(statusOf(world)).toMatchObject({ updatedNumberScheduled: 4, numberAvailable: 4 });
  });

  it('starts the new pod first where it may surge', () => {
    const world = worldWith(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } });
    setImage(world, 'kith.dev/hello:2');
    let [least, most] = [3, 0];
    world.converge({
      each: () => {
        least = Math.min(least, statusOf(world).numberAvailable ?? 0);
        most = Math.max(most, nodesOf(world).length);
      },
    });
    expect([least, most]).toEqual([3, 4]);
    expect(images(world)).toEqual(Array(3).fill('kith.dev/hello:2'));
  });

  it('replaces what is deleted only, with OnDelete', () => {
    const world = worldWith(2, { updateStrategy: { type: 'OnDelete' } });
    setImage(world, 'kith.dev/hello:2');
    world.converge();
    expect(images(world)).toEqual(Array(2).fill('kith.dev/hello:1'));
    world.bury(world.pods()[0]!.key);
    world.converge();
    expect(images(world).sort()).toEqual(['kith.dev/hello:1', 'kith.dev/hello:2']);
  });

  it('writes its templates down, numbered, and forgets the oldest', () => {
    const world = worldWith(1, { revisionHistoryLimit: 1 });
    for (const version of [2, 3, 1]) {
      setImage(world, `kith.dev/hello:${version}`);
      world.converge();
    }
    const revisions = world.state.list('controllerrevisions.apps').map(({ object }) => object);
    expect(revisions.map(({ revision }) => revision).sort()).toEqual([3, 4]);
    expect(revisions[0]?.metadata.labels).toMatchObject({ app: 'agent' });
    expect(revisions.find(({ revision }) => revision === 4)).toMatchObject({
      data: { spec: { template: { $patch: 'replace', spec: { containers: [{ image: 'kith.dev/hello:1' }] } } } },
    });
  });

  it('leaves the pod of a dead node to it', () => {
    const world = worldWith();
    world.setMember('node-3', 'dead', 1, [2, 3]);
    world.converge();
    expect(nodesOf(world)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(statusOf(world)).toMatchObject({ desiredNumberScheduled: 3, numberReady: 2, numberUnavailable: 1 });
  });

  it('makes the same pods on both sides of a cut', () => {
    const nodes = ['node-1', 'node-2'];
    const base = worldOf(2);
    const sides = nodes.map((self) => {
      const side = new ClusterWorld(nodes, self, base.desired.copy());
      for (const node of nodes) side.reportNode(node);
      side.create(daemonSet());
      side.converge();
      return side;
    });
    const [left, right] = sides as [ClusterWorld, ClusterWorld];
    expect(left.pods().map(({ key, uid }) => [key, uid])).toEqual(right.pods().map(({ key, uid }) => [key, uid]));
    const merged = new ClusterWorld(
      nodes,
      'node-1',
      MemoryDesired.merge(base.desired, left.desired, right.desired, () => 0),
    );
    for (const node of nodes) merged.reportNode(node);
    merged.converge();
    expect(nodesOf(merged)).toEqual(nodes);
  });
});
