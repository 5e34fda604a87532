import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isActive, isReady } from '../../../daemon/core/cluster/pods.ts';
import { slotStanding } from '../../../daemon/core/controllers/slots.ts';
import type { Deployment, ReplicaSet } from '../../../protocol/types.ts';
import { ClusterWorld, deploymentObject, replicaSetObject, templateOf, worldOf } from '../../support/cluster-view.ts';
import { MemoryDesired } from '../../support/memory-desired.ts';

const RS = 'replicasets.apps/default/web';
const NODES = ['node-1', 'node-2', 'node-3', 'node-4'];

type Trouble =
  | { do: 'scale'; replicas: number }
  | { do: 'bury' | 'delete' | 'fail'; pod: number }
  | { do: 'rounds'; count: number }
  | { do: 'kill'; node: number };

const trouble = fc.oneof(
  fc.record({ do: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ do: fc.constantFrom('bury' as const, 'delete' as const, 'fail' as const), pod: fc.nat(20) }),
  fc.record({ do: fc.constant('rounds' as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ do: fc.constant('kill' as const), node: fc.integer({ min: 1, max: 3 }) }),
);

function cause(world: ClusterWorld, each: Trouble, nodes: readonly string[], mayKill: boolean): void {
  if (each.do === 'scale') {
    world.edit<ReplicaSet>(RS, (draft) => {
      draft.spec.replicas = each.replicas;
    });
  } else if (each.do === 'rounds') {
    for (let round = 0; round < each.count; round += 1) {
      world.decide();
      world.runNodes(nodes);
      world.elapsed += 500;
    }
  } else if (each.do === 'kill') {
    if (mayKill) world.setMember(NODES[each.node]!, 'dead');
  } else {
    const pods = world.pods().sort((left, right) => (left.key < right.key ? -1 : 1));
    const pod = pods[each.pod % Math.max(1, pods.length)];
    if (pod === undefined) return;
    if (each.do === 'bury') world.bury(pod.key);
    else if (each.do === 'delete') world.edit(pod.key, (draft) => void (draft.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'));
    else {
      world.edit(pod.key, (draft) => {
        draft.kith = { ...draft.kith, outcome: { phase: 'Failed', node: 'x', finishedAt: '2026-01-01T00:00:00Z' } };
      });
    }
  }
}

function expectExactly(world: ClusterWorld, replicas: number): void {
  const serving = world.pods().filter((pod) => isActive(world.state, pod) && isReady(world.state, pod));
  expect(serving).toHaveLength(replicas);
  for (const pod of serving) expect(slotStanding(world.state, pod)).toBe('kept');
}

describe('from whatever state', () => {
  it('the controllers come to rest with exactly the pods asked for, on living nodes', () => {
    fc.assert(
      fc.property(fc.array(trouble, { maxLength: 12 }), fc.integer({ min: 0, max: 6 }), (troubles, replicas) => {
        const world = worldOf(4);
        world.create(replicaSetObject('web', 3));
        for (const each of troubles) cause(world, each, NODES, true);
        cause(world, { do: 'scale', replicas }, NODES, false);
        world.converge();
        expectExactly(world, replicas);
        const others = world.pods().filter((pod) => slotStanding(world.state, pod) !== 'kept');
        // Only what a minority took over from a dead node may be left, until that node returns.
        for (const pod of others) expect(world.state.memberOfNode(pod.object.kith?.binding?.node ?? '')?.state).toBe('dead');
      }),
      { numRuns: 60 },
    );
  });

  it('two leaders on the two sides of a cut end, once it heals, with exactly the pods asked for', () => {
    const sides = fc.constantFrom(
      { leftNodes: ['node-1'], rightNodes: ['node-2', 'node-3', 'node-4'] },
      { leftNodes: ['node-1', 'node-2'], rightNodes: ['node-3', 'node-4'] },
    );
    const script = fc.array(trouble, { maxLength: 8 });
    fc.assert(
      fc.property(script, script, sides, fc.integer({ min: 0, max: 0xffff }), (left, right, { leftNodes, rightNodes }, seed) => {
        const start = worldOf(4);
        start.create(replicaSetObject('web', 4));
        start.converge();
        const base = start.desired.copy();
        const acting = [leftNodes, rightNodes].map((own: readonly string[], index) => {
          const side = new ClusterWorld(NODES, own[0], base.copy());
          side.elapsed = start.elapsed;
          for (const node of NODES) side.reportNode(node);
          side.learnReports(start, NODES);
          for (const node of NODES) if (!own.includes(node)) side.setMember(node, 'dead');
          for (const each of index === 0 ? left : right) cause(side, each, own, false);
          cause(side, { do: 'rounds', count: 40 }, own, false);
          return { side, own };
        });
        const [one, other] = acting;
        let random = seed;
        const merged = MemoryDesired.merge(
          base,
          one!.side.desired,
          other!.side.desired,
          () => (random = (random * 75 + 74) % 65537) / 65537,
        );
        const healed = new ClusterWorld(NODES, 'node-1', merged);
        healed.elapsed = Math.max(one!.side.elapsed, other!.side.elapsed);
        for (const node of NODES) healed.reportNode(node);
        for (const { side, own } of acting) healed.learnReports(side, own);
        healed.converge();
        const { replicas } = healed.object(RS).object.spec as ReplicaSet['spec'];
        expectExactly(healed, replicas ?? -1);
        expect(healed.pods()).toHaveLength(replicas ?? -1);
      }),
      { numRuns: 60 },
    );
  });

  it('a rollout on one side and a scaling on the other both survive', () => {
    const start = worldOf(4);
    start.create(deploymentObject('web', 3));
    start.converge();
    const base = start.desired.copy();
    const side = (own: string[]): ClusterWorld => {
      const world = new ClusterWorld(NODES, own[0], base.copy());
      world.elapsed = start.elapsed;
      for (const node of NODES) world.reportNode(node);
      world.learnReports(start, NODES);
      for (const node of NODES) if (!own.includes(node)) world.setMember(node, 'dead');
      return world;
    };
    const [one, other] = [side(['node-1', 'node-2']), side(['node-3', 'node-4'])];
    one.edit<Deployment>('deployments.apps/default/web', (draft) => {
      draft.spec.template = templateOf('web', 'kith.dev/hello:2');
    });
    one.converge({ nodes: ['node-1', 'node-2'] });
    other.edit<Deployment>('deployments.apps/default/web', (draft) => {
      draft.spec.replicas = 5;
    });
    other.converge({ nodes: ['node-3', 'node-4'] });
    const healed = new ClusterWorld(
      NODES,
      'node-1',
      MemoryDesired.merge(base, one.desired, other.desired, () => 0),
    );
    healed.elapsed = one.elapsed + other.elapsed;
    for (const node of NODES) healed.reportNode(node);
    healed.learnReports(one, ['node-1', 'node-2']);
    healed.learnReports(other, ['node-3', 'node-4']);
    healed.converge();
    expect(healed.pods()).toHaveLength(5);
    for (const { object } of healed.pods())
      expect((object.spec as { containers: { image: string }[] }).containers[0]!.image).toBe('kith.dev/hello:2');
  });
});
