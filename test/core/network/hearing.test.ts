import { expect, it } from 'vitest';
import { isStillHearing } from '../../../daemon/core/network/hearing.ts';
import { worldOf } from '../../support/cluster-view.ts';
import { addServingPod } from '../../support/service-world.ts';

it('a peer that has just started has still to hear of members, and of the pods of those that live', () => {
  const world = worldOf(3);
  for (const index of [1, 2, 3]) addServingPod(world, `web-${index}`, { node: `node-${index}`, ip: `10.42.${index}.2` });
  expect(isStillHearing(world.state)).toBe(false);
  world.setMember('node-2', 'suspected');
  expect(isStillHearing(world.state)).toBe(true);
  // It has started anew, and not spoken of its pod yet.
  world.setMember('node-2', 'alive', 2);
  expect(isStillHearing(world.state)).toBe(true);
  world.setMember('node-2', 'dead', 2);
  expect(isStillHearing(world.state)).toBe(false);
  world.state.setComplete(false);
  expect(isStillHearing(world.state)).toBe(true);
});
