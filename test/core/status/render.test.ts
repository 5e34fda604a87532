import { describe, expect, it } from 'vitest';
import { nextChangeAt } from '../../../daemon/core/status/next-change.ts';
import { renderObject } from '../../../daemon/core/status/render.ts';
import { shownPodSpec, withoutShownDefaults } from '../../../daemon/core/status/shown-pod.ts';
import type { Deployment, Namespace, Node, Pod, ReplicaSet } from '../../../protocol/types.ts';
import type { ClusterWorld } from '../../support/cluster-view.ts';
import { container, deploymentObject, podKey, podObject, readyStatus, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const show = <T>(world: ClusterWorld, key: string): T => renderObject(world.state, key, world.now) as T;

describe('a pod as the API shows it', () => {
  it('has the node of its binding and the status that this node reports, and nothing of ours', () => {
    const world = worldOf(2);
    world.create(podObject('web'));
    world.bind(podKey('web'), 'node-2');
    world.reportPod(podKey('web'), readyStatus(world.now.wall));
    const pod = show<Pod>(world, podKey('web'));
    expect(pod.spec.nodeName).toBe('node-2');
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.conditions).toContainEqual({ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' });
    expect(pod.kith).toBeUndefined();
    expect(pod.metadata).toMatchObject({ uid: world.object(podKey('web')).uid, generation: 1 });
  });

  it('shows what upstream writes into pods that it admits, and who writes that back has changed nothing', () => {
    const world = worldOf(1);
    world.create(podObject('web'));
    const stored = (world.object(podKey('web')).object as Pod).spec;
    const { spec } = show<Pod>(world, podKey('web'));
    const shown = { priority: 0, preemptionPolicy: 'PreemptLowerPriority', serviceAccountName: 'default', serviceAccount: 'default' };
    expect(spec).toMatchObject(shown);
    expect(withoutShownDefaults(spec, stored)).toEqual(stored);
    const own = { ...stored, serviceAccountName: 'robot', serviceAccount: 'robot' };
    expect(shownPodSpec(own)).toMatchObject({ serviceAccountName: 'robot', serviceAccount: 'robot' });
    expect(withoutShownDefaults({ ...spec, ...own }, stored)).toEqual(own);
    expect(withoutShownDefaults(shownPodSpec(own), own)).toEqual(own);
  });

  it('is Pending without a report; and unschedulable with the reason while no node takes it', () => {
    const world = worldOf(1);
    world.create(podObject('web'), podObject('big', { containers: [container({ cpu: '64' })] }));
    expect(show<Pod>(world, podKey('web')).status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(show<Pod>(world, podKey('big')).status).toEqual({
      phase: 'Pending',
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message:
            '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
      qosClass: 'Burstable',
    });
    world.bind(podKey('web'), 'node-1');
    expect(show<Pod>(world, podKey('web')).status).toEqual({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      qosClass: 'BestEffort',
    });
  });

  it('is gated, and nothing else, while somebody holds it back', () => {
    const world = worldOf(1);
    world.create(podObject('held', { schedulingGates: [{ name: 'example.com/quota' }], containers: [container({ cpu: '64' })] }));
    const why = { reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' };
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    expect(show<Pod>(world, podKey('held')).status).toMatchObject({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', ...why, lastTransitionTime }],
    });
  });

  it('is Unknown and not ready on a dead node, since its death', () => {
    const world = worldOf(2);
    world.create(podObject('web'));
    world.bind(podKey('web'), 'node-2');
    world.reportPod(podKey('web'), readyStatus(world.now.wall));
    world.elapsed = 5_000;
    world.setMember('node-2', 'dead');
    const { status, metadata } = show<Pod>(world, podKey('web'));
    expect(status?.phase).toBe('Unknown');
    expect(status?.reason).toBeUndefined();
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toEqual({
      type: 'Ready',
      status: 'False',
      reason: 'NodeLost',
      message: 'Node node-2 which was running pod web is unresponsive',
      lastTransitionTime: '2026-01-01T00:00:05Z',
    });
    expect(metadata.deletionTimestamp).toBeUndefined();
  });

  it('is on its way out on a dead node once another fills its slot', () => {
    const world = worldOf(2);
    world.create(replicaSetObject('web', 2));
    world.converge();
    const [old] = world.state.podsOnNode('node-2');
    world.setMember('node-2', 'dead');
    world.edit('replicasets.apps/default/web', (draft) => {
      draft.kith!.slots![String(old!.object.kith!.slot!.slot)] = {
        epoch: 2,
        generation: 2,
        claim: { from: 1, node: 'node-1', membersSeen: 1, membersKnown: 2 },
      };
    });
    const { status, metadata } = show<Pod>(world, old!.key);
    expect(status?.reason).toBe('NodeLost');
    expect(metadata.deletionTimestamp).toBeDefined();
    expect(world.object(old!.key).object.metadata.deletionTimestamp).toBeUndefined();
  });

  it('shows what it came to before what its node last said', () => {
    const world = worldOf(1);
    world.create(podObject('job'));
    world.bind(podKey('job'), 'node-1');
    world.reportPod(podKey('job'), readyStatus(world.now.wall));
    world.edit(podKey('job'), (draft) => {
      draft.kith = {
        ...draft.kith,
        outcome: { phase: 'Failed', reason: 'OutOfcpu', message: 'no room', node: 'node-1', finishedAt: '2026-01-01T00:01:00Z' },
      };
    });
    const { status } = show<Pod>(world, podKey('job'));
    expect(status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu', message: 'no room' });
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' });
  });
});

describe('a node as the API shows it', () => {
  it('says of itself what it reports', () => {
    const world = worldOf(1);
    const node = show<Node>(world, 'nodes//node-1');
    expect(node.status?.allocatable).toEqual({ cpu: '4', memory: '8Gi', pods: '110' });
    expect(node.spec.taints).toBeUndefined();
  });

  it('is Unknown because of its death record, with its time, and tainted', () => {
    const world = worldOf(2);
    world.elapsed = 7_000;
    world.setMember('node-2', 'dead');
    const node = show<Node>(world, 'nodes//node-2');
    expect(node.status?.conditions?.find(({ type }) => type === 'Ready')).toEqual({
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: '2026-01-01T00:00:07Z',
      lastHeartbeatTime: '2026-01-01T00:00:07Z',
    });
    expect(node.status?.allocatable).toBeDefined();
    expect(node.spec.taints?.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    world.setMember('node-2', 'alive');
    expect(show<Node>(world, 'nodes//node-2').spec.taints).toBeUndefined();
  });

  it('shows its cordon as a taint', () => {
    const world = worldOf(1, 'node-1', { spec: { unschedulable: true } });
    expect(show<Node>(world, 'nodes//node-1').spec.taints).toEqual([{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }]);
  });
});

describe('workloads as the API shows them', () => {
  it('count their pods', () => {
    const world = worldOf(3);
    world.create(replicaSetObject('web', 3));
    world.converge();
    const [pod] = world.pods();
    world.reportPod(pod!.key, { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] });
    expect(show<ReplicaSet>(world, 'replicasets.apps/default/web').status).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
      observedGeneration: 1,
    });
  });

  it('count a ready pod as available only after minReadySeconds, and tell when that will be', () => {
    const world = worldOf(1);
    world.create(replicaSetObject('web', 1, { minReadySeconds: 10 }));
    world.decide();
    world.decide();
    world.runNodes();
    const key = 'replicasets.apps/default/web';
    expect(show<ReplicaSet>(world, key).status).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    expect(nextChangeAt(world.state, key, world.now)).toBe(world.elapsed + 10_000);
    world.elapsed += 10_000;
    expect(show<ReplicaSet>(world, key).status).toMatchObject({ availableReplicas: 1 });
    expect(nextChangeAt(world.state, key, world.now)).toBeUndefined();
  });

  it('have conditions whose times do not move while nothing happens', () => {
    const world = worldOf(2);
    world.create(deploymentObject('web', 2));
    world.converge();
    const key = 'deployments.apps/default/web';
    const first = show<Deployment>(world, key).status;
    expect(first).toMatchObject({
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      unavailableReplicas: 0,
      observedGeneration: 1,
    });
    expect(first?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
    world.elapsed += 3_600_000;
    expect(show<Deployment>(world, key).status).toEqual(first);
  });

  it('say that the minimum is not available', () => {
    const world = worldOf(2);
    world.broken = () => true;
    world.create(deploymentObject('web', 2));
    world.converge();
    const { status } = show<Deployment>(world, 'deployments.apps/default/web');
    expect(status?.unavailableReplicas).toBe(2);
    expect(status?.conditions?.map(({ type, status: value, reason }) => [type, value, reason])).toEqual([
      ['Available', 'False', 'MinimumReplicasUnavailable'],
      ['Progressing', 'True', 'ReplicaSetUpdated'],
    ]);
  });

  it('show a namespace that is being deleted as Terminating', () => {
    const world = worldOf(1);
    world.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'team', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {},
    });
    expect(show<Required<Namespace>>(world, 'namespaces//team').status).toEqual({ phase: 'Active' });
    world.edit('namespaces//team', (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'));
    const [gone, free] = ['All content successfully removed', 'All content-preserving finalizers finished'];
    expect(show<Required<Namespace>>(world, 'namespaces//team').status).toMatchObject({
      phase: 'Terminating',
      conditions: [{}, {}, {}, { status: 'False', message: gone }, { status: 'False', message: free }],
    });
  });

  it('tell what the deletion of a namespace waits for', () => {
    const world = worldOf(1);
    const metadata = { uid: '', creationTimestamp: '2026-01-01T00:00:00Z' };
    world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { ...metadata, name: 'team' }, spec: {} });
    for (const name of ['a', 'b'])
      world.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { ...metadata, name, namespace: 'team', finalizers: ['example.com/hold'] },
      });
    world.create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { ...metadata, name: 'c', namespace: 'team' }, spec: {} });
    world.edit('namespaces//team', (draft) => void (draft.metadata.deletionTimestamp = '2026-01-02T00:00:00Z'));
    expect(show<Required<Namespace>>(world, 'namespaces//team').status.conditions?.slice(3)).toEqual([
      {
        type: 'NamespaceContentRemaining',
        status: 'True',
        reason: 'SomeResourcesRemain',
        lastTransitionTime: '2026-01-02T00:00:00Z',
        message: 'Some resources are remaining: configmaps. has 2 resource instances, jobs.batch has 1 resource instances',
      },
      {
        type: 'NamespaceFinalizersRemaining',
        status: 'True',
        reason: 'SomeFinalizersRemain',
        lastTransitionTime: '2026-01-02T00:00:00Z',
        message: 'Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances',
      },
    ]);
  });
});
