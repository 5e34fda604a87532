import { afterEach, expect, it } from 'vitest';
import { AGENT_LIMITS as LIMITS } from '../../../daemon/peer/agent/limits.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
afterEach(() => world.close());

/** A host on which a look at all pods takes so long. */
function slowWorld(lookMs: number): AgentWorld {
  const slow = new AgentWorld();
  let spentMs = 0;
  const monotonic = slow.clock.monotonic.bind(slow.clock);
  slow.clock.monotonic = () => monotonic() + spentMs;
  slow.admit = () => {
    spentMs += lookMs;
    return new Map();
  };
  return slow;
}

it('the steps of a pod follow each other at once, however long a look at all pods takes', async () => {
  world = slowWorld(LIMITS.decideGapMostMs / LIMITS.decideGapPerDecision);
  world.runtime.present.add('app:1');
  world.startAgent();
  await world.addPod('web');
  await world.clock.until('it has a sandbox', () => world.runtime.calls.includes('createSandbox'), 10_000, 1);
  // Less than from one look to the next.
  await world.clock.advance(LIMITS.decideGapMostMs / 2);
  expect(world.runtime.calls).toContain('startContainer');
});

it('a pod that was deleted while its sandbox was made is not started', async () => {
  world = slowWorld(LIMITS.decideGapMostMs / LIMITS.decideGapPerDecision);
  world.runtime.present.add('app:1');
  world.startAgent();
  await world.addPod('web');
  await world.clock.until('a sandbox is being made', () => world.runtime.calls.includes('createSandbox'), 10_000, 1);
  await world.deletePod('web', 0);
  await world.clock.until('it is gone', () => world.desired.objects.size === 0, 10_000);
  expect(world.runtime.calls).not.toContain('startContainer');
});

it("what happens to other hosts' pods only does not make a host look at its own at once", async () => {
  world = new AgentWorld();
  let looks = 0;
  world.admit = () => {
    looks += 1;
    return new Map();
  };
  world.startAgent();
  const own = await world.addPod('web');
  await world.clock.until('ready', () => world.isReady(own));
  await world.clock.advance(LIMITS.relistMs / 2);
  looks = 0;
  await world.addPod('elsewhere', { node: 'node-2' });
  await world.addPod('nowhere', { node: '' });
  await world.clock.advance(LIMITS.foreignNewsMs - 100);
  expect(looks).toBe(0);
  await world.clock.advance(200);
  expect(looks).toBe(1);
  await world.addPod('another');
  await world.clock.advance(100);
  expect(looks).toBeGreaterThan(1);
});
