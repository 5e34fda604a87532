import { expect, it } from 'vitest';
import { emptyReplicaMemory, planReplicas } from '../../../daemon/core/controllers/replicas.ts';
import { ASK_NEXT_MS, ASKED_AT_ONCE, STRANGER_MS } from '../../../daemon/core/controllers/strangers.ts';
import { createSlotPod } from '../../../daemon/core/controllers/slot-pod.ts';
import { compareSlots } from '../../../daemon/core/desired/winners.ts';
import { isDeleting } from '../../../daemon/core/cluster/pods.ts';
import type { SlotState } from '../../../protocol/objects.ts';
import { type ClusterWorld, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const RS = 'replicasets.apps/default/web';

/** Two pods as asked for, and one of a generation of a slot that its owner does not know. */
function withStranger(slot: number, nodes = 2): { world: ClusterWorld; key: string; look: () => void; wakes: number[]; asked: string[] } {
  const world = worldOf(nodes);
  world.create(replicaSetObject('web', 2));
  world.converge();
  const creation = createSlotPod(world.object(RS), { slot, state: { epoch: 5, generation: 5 } }, world.now.wall);
  world.write([creation]);
  const memory = emptyReplicaMemory();
  const wakes: number[] = [];
  const asked: string[] = [];
  const look = (): void => {
    for (const decision of planReplicas(world.state, RS, world.now, memory)) {
      if (decision.do === 'write') world.write(decision.mutations);
      if (decision.do === 'wake') wakes.push(decision.at);
      if (decision.do === 'compare') asked.push(decision.peer);
    }
  };
  return { world, key: creation.key, look, wakes, asked };
}

it('a pod whose change of its owner is lost is left alone for a minute, and then gives way to the one that fills its slot', () => {
  const { world, key, look, wakes, asked } = withStranger(0);
  look();
  expect(wakes).toEqual([world.elapsed + STRANGER_MS]);
  world.elapsed += STRANGER_MS - 1;
  look();
  expect(isDeleting(world.object(key))).toBe(false);
  world.elapsed += 1;
  look();
  // Another member may hold it.
  expect(asked).toEqual(['peer-node-2']);
  expect(wakes.at(-1)! - world.elapsed).toBeLessThanOrEqual(ASK_NEXT_MS);
  expect(isDeleting(world.object(key))).toBe(false);
  world.comparedAt.set('peer-node-2', world.elapsed);
  const before = world.object(RS).object.kith?.slots?.['0'];
  look();
  world.converge();
  expect(world.state.get(key)).toBeUndefined();
  const after = world.object(RS).object.kith?.slots?.['0'];
  expect(after).toEqual({ ...before, epoch: 5 });
  expect(world.pods()).toHaveLength(2);
  // The change that made it, if it comes after all.
  const late: SlotState = { epoch: 5, generation: 5 };
  expect(compareSlots(late, after!)).toBeLessThan(0);
});

it('one whose slot its owner never had fills it, and there are as many as are asked for in the end', () => {
  const { world, look } = withStranger(7);
  look();
  world.comparedAt.set('peer-node-2', world.elapsed);
  expect(world.pods()).toHaveLength(3);
  world.elapsed += STRANGER_MS;
  look();
  world.converge();
  expect(world.pods()).toHaveLength(2);
  expect(world.object(RS).object.kith?.slots?.['7']).toMatchObject({ epoch: 5, generation: 5 });
});

it('of many members a few are asked at a time, and those that do not answer not before the others', () => {
  const { world, key, look, wakes, asked } = withStranger(0, 100);
  look();
  world.setMember('node-99', 'dead');
  const others = world.state.members().filter(({ peer, state }) => peer !== world.state.self.peer && state === 'alive');
  // The first ones that would be asked.
  const hanging = new Set(others.slice(0, 20).map(({ peer }) => peer));
  world.elapsed += STRANGER_MS;
  const begunAt = world.elapsed;
  const answered = new Set<string>();
  while (answered.size < others.length - hanging.size && world.elapsed - begunAt < 300_000) {
    asked.length = 0;
    // However often its owner is looked at.
    for (const _ of [1, 2, 3]) look();
    const inThisSecond = new Set(asked);
    expect(inThisSecond.size).toBeLessThanOrEqual(ASKED_AT_ONCE);
    for (const peer of inThisSecond) {
      if (hanging.has(peer)) continue;
      answered.add(peer);
      world.comparedAt.set(peer, world.elapsed);
    }
    look();
    expect(asked.filter((peer) => !inThisSecond.has(peer))).toEqual([]);
    expect(wakes.at(-1)! - world.elapsed).toBeLessThanOrEqual(ASK_NEXT_MS);
    world.elapsed = wakes.at(-1)!;
  }
  // Each once, in turn.
  expect(world.elapsed - begunAt).toBeLessThanOrEqual(Math.ceil(100 / ASKED_AT_ONCE) * ASK_NEXT_MS);
  // Who is away may hold it.
  for (const { peer } of others) world.comparedAt.set(peer, world.elapsed);
  asked.length = 0;
  look();
  expect(asked).toEqual([]);
  expect(wakes.at(-1)! - world.elapsed).toBeGreaterThan(ASK_NEXT_MS);
  expect(isDeleting(world.object(key))).toBe(false);
});
