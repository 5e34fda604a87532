import type { Decision } from '../../daemon/core/decisions.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { ClusterWorld, replicaSetObject, worldOf } from './cluster-view.ts';

type Written = Extract<Decision, { do: 'write' }>;
export const writes = (decisions: Decision[]): Written[] => decisions.filter((each): each is Written => each.do === 'write');
export const wakes = (decisions: Decision[]): number[] => decisions.flatMap((each) => (each.do === 'wake' ? [each.at] : []));
export const orphansOf = (world: ClusterWorld, node: string): readonly DesiredObject[] => world.state.podsOnNode(node);

/** The same cluster as several of its peers see it. */
export function asSeenBy(world: ClusterWorld, nodes: readonly string[], dead: readonly string[]): ClusterWorld[] {
  return nodes.map((self) => {
    const seen = new ClusterWorld(
      ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'].slice(0, world.state.membersKnown),
      self,
      world.desired.copy(),
    );
    seen.elapsed = world.elapsed;
    seen.setLeader('node-1');
    for (const member of world.state.members()) {
      seen.reportNode(member.spec.nodeName);
      seen.comparedAt.set(member.peer, seen.elapsed);
    }
    seen.learnReports(
      world,
      world.state.members().map(({ spec }) => spec.nodeName),
    );
    for (const node of dead) seen.setMember(node, 'dead');
    return seen;
  });
}

/** A cluster whose pods run. */
export function running(count: number, replicas: number, annotations?: Record<string, string>): ClusterWorld {
  const world = worldOf(count);
  const replicaSet = replicaSetObject('web', replicas);
  world.create({ ...replicaSet, metadata: { ...replicaSet.metadata, annotations } });
  world.converge();
  return world;
}
