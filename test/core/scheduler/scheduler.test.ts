import { describe, expect, it } from 'vitest';
import { admitPods } from '../../../daemon/core/scheduler/admit.ts';
import { planBindings } from '../../../daemon/core/scheduler/bindings.ts';
import { placePods, whyUnschedulable } from '../../../daemon/core/scheduler/place.ts';
import type { Decision } from '../../../daemon/core/decisions.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { ClusterWorld, container, podKey, podObject, readyStatus, worldOf } from '../../support/cluster-view.ts';

function pod(world: ClusterWorld, name: string, spec: Partial<PodSpec> = {}): DesiredObject {
  return world.create(podObject(name, spec))[0]!;
}

const asking = (requests: Record<string, string>): Partial<PodSpec> => ({ containers: [container(requests)] });
const withPort = (hostPort: number, hostIP?: string): Partial<PodSpec> => ({
  containers: [container(undefined, { ports: [{ containerPort: 80, hostPort, hostIP }] })],
});
const nodesOf = (world: ClusterWorld, pods: DesiredObject[]): string[] => placePods(world.state, pods).placed.map(({ node }) => node);
const eventsOf = (decisions: Decision[]): string[] =>
  decisions.flatMap((each) => (each.do === 'event' ? [`${each.event.reason}: ${each.event.message}`] : []));

describe('the scheduler', () => {
  it('binds a pod and says so as Kubernetes does', () => {
    const world = worldOf(1);
    const decisions = planBindings(world.state, [pod(world, 'web')], world.now);
    expect(eventsOf(decisions)).toEqual(['Scheduled: Successfully assigned default/web to node-1']);
    for (const each of decisions) if (each.do === 'write') world.write(each.mutations);
    expect(world.object(podKey('web')).object.kith?.binding).toEqual({
      node: 'node-1',
      membersSeen: 1,
      membersKnown: 1,
      term: 1,
      by: 'leader',
      rank: 0,
      at: '2026-01-01T00:00:00Z',
    });
  });

  it('explains for each reason how many nodes said no', () => {
    const world = new ClusterWorld(['a', 'b', 'c', 'd', 'e', 'f']);
    world.addNode('a', { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } });
    world.addNode('b', { spec: { unschedulable: true } });
    world.addNode('c', { labels: { disk: 'hdd' } });
    world.addNode('d', { labels: { disk: 'ssd' }, spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } });
    world.addNode('e', { labels: { disk: 'ssd' }, allocatable: { cpu: '1', memory: '1Gi', pods: '10' } });
    world.addNode('f');
    world.setMember('f', 'dead');
    const web = pod(world, 'web', { ...asking({ cpu: '2', memory: '2Gi' }), nodeSelector: { disk: 'ssd' } });
    expect(eventsOf(planBindings(world.state, [web], world.now))).toEqual([
      "FailedScheduling: 0/6 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were not ready, 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/6 nodes are available: 1 No preemption victims found for incoming pod, 5 Preemption is not helpful for scheduling.",
    ]);
  });

  it('says so when there are no nodes at all', () => {
    const world = new ClusterWorld([]);
    expect(whyUnschedulable(world.state, pod(world, 'web'))).toBe('no nodes available to schedule pods');
  });

  it('counts what is bound, but not what has ended', () => {
    const world = worldOf(1, 'node-1', { allocatable: { cpu: '2', memory: '8Gi', pods: '110' } });
    const first = pod(world, 'first', asking({ cpu: '1500m' }));
    world.bind(first.key, 'node-1');
    const second = pod(world, 'second', asking({ cpu: '1' }));
    expect(whyUnschedulable(world.state, second)).toBe(
      '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
    world.edit(first.key, (draft) => {
      draft.kith = { ...draft.kith, outcome: { phase: 'Succeeded', node: 'node-1', finishedAt: '2026-01-01T00:00:00Z' } };
    });
    expect(whyUnschedulable(world.state, second)).toBeUndefined();
  });

  it('keeps running totals within a batch', () => {
    const world = worldOf(2, 'node-1', { allocatable: { cpu: '1', memory: '8Gi', pods: '110' } });
    const pods = ['a', 'b', 'c', 'd', 'e'].map((name) => pod(world, name, asking({ cpu: '500m' })));
    const { placed, unplaced } = placePods(world.state, pods);
    expect(placed.filter(({ node }) => node === 'node-1')).toHaveLength(2);
    expect(placed.filter(({ node }) => node === 'node-2')).toHaveLength(2);
    expect(unplaced.map(({ message }) => message)).toEqual([
      '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
    ]);
  });

  it('bounds the number of pods of a node', () => {
    const world = worldOf(1, 'node-1', { allocatable: { cpu: '4', memory: '8Gi', pods: '1' } });
    expect(placePods(world.state, [pod(world, 'a'), pod(world, 'b')]).unplaced.map(({ message }) => message)).toEqual([
      '0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    ]);
  });

  it.each([
    { title: 'the same port', first: withPort(8080), second: withPort(8080), fits: false },
    { title: 'another port', first: withPort(8080), second: withPort(8081), fits: true },
    { title: 'the same port on another address', first: withPort(8080, '10.0.0.1'), second: withPort(8080, '10.0.0.2'), fits: true },
    { title: 'the same port on every address', first: withPort(8080, '10.0.0.1'), second: withPort(8080, '0.0.0.0'), fits: false },
  ])('lets two pods have host ports on one node: $title: $fits', ({ first, second, fits }) => {
    const world = worldOf(1);
    const { unplaced } = placePods(world.state, [pod(world, 'a', first), pod(world, 'b', second)]);
    expect(unplaced.map(({ message }) => message)).toEqual(
      fits
        ? []
        : [
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
          ],
    );
  });

  it.each<{ title: string; spec: Partial<PodSpec>; fits: boolean }>([
    { title: 'without a toleration', spec: {}, fits: false },
    {
      title: 'with an equal one',
      spec: { tolerations: [{ key: 'gpu', operator: 'Equal', value: 'yes', effect: 'NoSchedule' }] },
      fits: true,
    },
    { title: 'with another value', spec: { tolerations: [{ key: 'gpu', value: 'no' }] }, fits: false },
    { title: 'with one for the key', spec: { tolerations: [{ key: 'gpu', operator: 'Exists' }] }, fits: true },
    { title: 'with one for everything', spec: { tolerations: [{ operator: 'Exists' }] }, fits: true },
  ])('takes taints as they are meant: $title: $fits', ({ spec, fits }) => {
    const world = worldOf(1, 'node-1', { spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } });
    expect(whyUnschedulable(world.state, pod(world, 'web', spec)) === undefined).toBe(fits);
  });

  it('honours required node affinity', () => {
    const world = new ClusterWorld(['a', 'b']);
    world.addNode('a', { labels: { zone: 'north' } });
    world.addNode('b', { labels: { zone: 'south' } });
    const term = (operator: string, values?: string[]): Partial<PodSpec> => ({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, values }] }],
          },
        },
      },
    });
    expect(nodesOf(world, [pod(world, 'x', term('In', ['south'])), pod(world, 'y', term('NotIn', ['south']))])).toEqual(['b', 'a']);
    expect(whyUnschedulable(world.state, pod(world, 'z', term('DoesNotExist')))).toContain(
      "2 node(s) didn't match Pod's node affinity/selector",
    );
  });

  it('spreads by owner before it looks at the load', () => {
    const world = worldOf(2);
    const owned = (name: string): DesiredObject =>
      world.create(
        podObject(
          name,
          {},
          {
            metadata: {
              name,
              namespace: 'default',
              uid: '',
              creationTimestamp: '2026-01-01T00:00:00Z',
              ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'owner', controller: true }],
            },
          },
        ),
      )[0]!;
    world.bind(owned('web-1').key, 'node-1');
    for (const name of ['x', 'y', 'z']) world.bind(pod(world, name, asking({ cpu: '1' })).key, 'node-2');
    expect(nodesOf(world, [owned('web-2')])).toEqual(['node-2']);
    expect(nodesOf(world, [pod(world, 'free')])).toEqual(['node-1']);
  });

  it('gives the same answer for the same view, and prefers no node over all equal pods', () => {
    const [one, other] = [worldOf(4), worldOf(4)];
    const place = (world: ClusterWorld): string[] =>
      Array.from({ length: 40 }, (_, index) => nodesOf(world, [pod(world, `p-${index}`)])[0]!);
    const first = place(one);
    expect(place(other)).toEqual(first);
    expect(new Set(first).size).toBe(4);
  });

  it('leaves to others what names another scheduler or is gated', () => {
    const world = worldOf(1);
    expect(
      planBindings(
        world.state,
        [pod(world, 'a', { schedulerName: 'mine' }), pod(world, 'b', { schedulingGates: [{ name: 'later' }] })],
        world.now,
      ),
    ).toEqual([]);
  });
});

describe('admission at a node', () => {
  const small = { allocatable: { cpu: '1', memory: '1Gi', pods: '2' } };

  it('takes pods in binding order and turns away what does not fit, in kubelet words', () => {
    const world = worldOf(1, 'node-1', small);
    for (const [name, at] of [
      ['late', '2026-01-01T00:00:02Z'],
      ['early', '2026-01-01T00:00:01Z'],
    ] as const) {
      world.bind(pod(world, name, asking({ cpu: '700m' })).key, 'node-1', at);
    }
    const rejected = admitPods(world.state, 'node-1');
    expect([...rejected.keys()]).toEqual([world.object(podKey('late')).uid]);
    expect([...rejected.values()]).toEqual([
      { reason: 'OutOfcpu', message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 700, used: 700, capacity: 1000" },
    ]);
  });

  it('keeps what runs, whoever was bound first', () => {
    const world = worldOf(1, 'node-1', small);
    world.bind(pod(world, 'early', asking({ memory: '1Gi' })).key, 'node-1', '2026-01-01T00:00:01Z');
    world.bind(pod(world, 'late', asking({ memory: '1Gi' })).key, 'node-1', '2026-01-01T00:00:02Z');
    world.reportPod(podKey('late'), readyStatus(world.now.wall));
    expect([...admitPods(world.state, 'node-1').entries()].map(([uid, { reason }]) => [uid, reason])).toEqual([
      [world.object(podKey('early')).uid, 'OutOfmemory'],
    ]);
  });

  it('counts pods, and takes all while it does not know what it has', () => {
    const world = worldOf(1, 'node-1', small);
    for (const name of ['a', 'b', 'c']) world.bind(pod(world, name).key, 'node-1');
    expect([...admitPods(world.state, 'node-1').values()].map(({ reason }) => reason)).toEqual(['OutOfpods']);
    expect(admitPods(world.state, 'node-9', world.pods()).size).toBe(0);
  });
});
