import { expect, it } from 'vitest';
import { emptyReplicaMemory, planReplicas } from '../../../daemon/core/controllers/replicas.ts';
import { STRANGER_MS } from '../../../daemon/core/controllers/strangers.ts';
import { createSlotPod } from '../../../daemon/core/controllers/slot-pod.ts';
import { compareSlots } from '../../../daemon/core/desired/winners.ts';
import { isDeleting } from '../../../daemon/core/cluster/pods.ts';
import type { SlotState } from '../../../protocol/objects.ts';
import { type ClusterWorld, replicaSetObject, worldOf } from '../../support/cluster-view.ts';

const RS = 'replicasets.apps/default/web';

/** Two pods as asked for, and one of a generation of a slot that its owner does not know. */
function withStranger(slot: number): { world: ClusterWorld; key: string; look: () => void; wakes: number[]; asked: string[] } {
  const world = worldOf(2);
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
