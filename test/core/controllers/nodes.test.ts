import { expect, it } from 'vitest';
import { LONG_ABSENCE_MS, planLongAbsence } from '../../../daemon/core/controllers/nodes.ts';
import { worldOf } from '../../support/cluster-view.ts';

it('a member that is dead for three days is told of, with what its absence costs and what to do; not before, nor when it lives', () => {
  const world = worldOf(3);
  const plan = (): ReturnType<typeof planLongAbsence> => planLongAbsence(world.state, world.object('nodes//node-2'), world.now);
  expect(plan()).toEqual([]);
  world.setMember('node-2', 'dead');
  const diedAt = world.now.monotonic;
  expect(plan()).toEqual([{ do: 'wake', key: 'nodes//node-2', at: diedAt + LONG_ABSENCE_MS }]);
  world.elapsed += LONG_ABSENCE_MS;
  const [told] = plan();
  expect(told).toMatchObject({ do: 'event', event: { type: 'Warning', reason: 'MemberAbsent', about: { metadata: { name: 'node-2' } } } });
  expect(JSON.stringify(told)).toContain('kith delete node node-2');
});
