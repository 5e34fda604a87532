import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../../daemon/core/cluster/state.ts';
import { deploymentObject, podKey, podObject, readyStatus, worldOf } from '../../support/cluster-view.ts';

const WEB = 'deployments.apps/default/web';

describe('the view of a peer', () => {
  it('tells a pod, its owner and its owner’s owner of a report', () => {
    const world = worldOf(2);
    world.create(deploymentObject('web', 1));
    world.converge();
    const [pod] = world.pods();
    const node = pod!.object.kith!.binding!.node;
    const affected = world.state.applyObserved(
      [
        {
          owner: `peer-${node}`,
          node,
          incarnation: 1,
          sequence: 9,
          key: `pod/${pod!.uid}`,
          value: { kind: 'pod', uid: pod!.uid, namespace: 'default', name: pod!.object.metadata.name, status: { phase: 'Failed' } },
          signature: '',
        },
      ],
      0,
    );
    const [replicaSet] = world.state.list('replicasets.apps');
    expect([...affected].sort()).toEqual([WEB, pod!.key, replicaSet!.key].sort());
    expect(world.state.podReport(pod!.uid, node)?.status.phase).toBe('Failed');
  });

  it('tells all pods of a node, their owners and what waits for a node of its death', () => {
    const world = worldOf(2);
    world.create(deploymentObject('web', 2));
    world.converge();
    world.create(podObject('waiting', { schedulerName: 'mine' }));
    const [replicaSet] = world.state.list('replicasets.apps');
    const lost = world.state.podsOnNode('node-2').map(({ key }) => key);
    const members = world.state
      .members()
      .map((member) => (member.peer === 'peer-node-2' ? { ...member, state: 'dead' as const, since: 77 } : member));
    const affected = world.state.applyLiveness(members, world.state.leader, 77);
    // What is told of its use goes with it.
    const usage = [
      'nodes.metrics.k8s.io//node-2',
      'leases.coordination.k8s.io/kube-node-lease/node-2',
      ...lost.map((key) => key.replace('pods/', 'pods.metrics.k8s.io/')),
    ];
    expect([...affected].sort()).toEqual(
      [WEB, replicaSet!.key, ...lost, ...usage, 'nodes//node-2', 'members.kith.dev//peer-node-2', podKey('waiting')].sort(),
    );
    expect(world.state.membersSeen).toBe(1);
    expect(world.state.membersKnown).toBe(2);
    expect(world.state.nodeLostSince('node-2')).toBe(77);
    expect(world.state.nodeLostSince('node-1')).toBeUndefined();
  });

  it('counts suspected members as seen, and itself as alive whatever liveness says', () => {
    const world = worldOf(3);
    world.setMember('node-1', 'dead');
    world.setMember('node-2', 'suspected');
    world.setMember('node-3', 'dead');
    expect(world.state.membersSeen).toBe(2);
    expect(world.state.memberOfNode('node-1')?.state).toBe('alive');
  });

  it('knows since when a member is back: from when it was first heard, or first after its death', () => {
    const world = worldOf(2);
    const back: number[] = [];
    for (const state of ['suspected', 'alive', 'dead', 'suspected', 'alive', 'suspected', 'alive', 'dead', 'alive'] as const) {
      world.elapsed += 1;
      world.setMember('node-2', state);
      back.push(world.state.memberOfNode('node-2')!.backSince);
    }
    expect(back).toEqual([0, 0, Infinity, Infinity, 5, 5, 5, Infinity, 9]);
    // One that was never heard is not back either: what is known of it may be of long ago.
    world.forgetMember('node-2');
    expect(world.state.memberOfNode('node-2')!.backSince).toBe(Infinity);
  });

  it('finds objects by owner, node and namespace, and forgets them with their object', () => {
    const world = worldOf(1);
    world.create(podObject('web'));
    expect(world.state.unboundPods()).toHaveLength(1);
    world.bind(podKey('web'), 'node-1');
    world.reportPod(podKey('web'), readyStatus(0));
    expect(world.state.unboundPods()).toEqual([]);
    expect(world.state.podsOnNode('node-1').map(({ key }) => key)).toEqual([podKey('web')]);
    expect(world.state.inNamespace('default')).toHaveLength(1);
    world.bury(podKey('web'));
    expect(world.state.podsOnNode('node-1')).toEqual([]);
    expect(world.state.inNamespace('default')).toEqual([]);
    expect(world.state.buriedLife(podKey('web'))).toBe(1);
  });

  it('notes since when pods are bound to a node that is no member', () => {
    const world = worldOf(1);
    world.create(podObject('web'));
    world.elapsed = 1_000;
    world.bind(podKey('web'), 'ghost');
    world.elapsed = 2_000;
    world.edit(podKey('web'), (draft) => void (draft.metadata.labels = { a: 'b' }));
    expect(world.state.nodeLostSince('ghost')).toBe(1_000);
    world.addNode('ghost');
    expect(world.state.nodeLostSince('ghost')).toBeUndefined();
  });

  it('tells everything once it is complete', () => {
    const world = worldOf(1);
    const state = new ClusterState({ buriedLife: () => 0 }, { self: { peer: 'peer-node-1', node: 'node-1' } });
    const keys = [...world.state.keys()];
    state.applyDesired(
      keys.map((key) => ({ key, before: undefined, after: world.state.get(key) })),
      0,
    );
    expect(state.complete).toBe(false);
    expect([...state.setComplete(true)].sort()).toEqual(keys.sort());
    expect(state.setComplete(true).size).toBe(0);
  });
});
