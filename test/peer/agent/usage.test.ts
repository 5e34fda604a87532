import { afterEach, beforeEach, expect, it } from 'vitest';
import { AGENT_LIMITS } from '../../../daemon/peer/agent/limits.ts';
import { MAX_RECORD_BYTES, MAX_USAGE_PODS } from '../../../protocol/wire-observed.ts';
import { AgentWorld, NODE, PEER } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
});
afterEach(() => world.close());

const said = () => world.observed.published.get('usage') ?? 0;

it('tells what pods use: seldom, but in step with autoscalers; what can not be found out is withdrawn', async () => {
  let asked = 0;
  world.runtime.usage = async () => {
    asked += 1;
    return { host: { cpuNanos: asked * 30e9, memoryBytes: 1 }, pods: [] };
  };
  world.startAgent();
  await world.clock.until('the first report', () => said() === 1);
  expect(world.observed.get(PEER, 'usage')?.value).toMatchObject({ kind: 'usage', node: { cpuMillis: 2_000 } });
  await world.clock.advance(AGENT_LIMITS.usageEveryMs * 8);
  expect(said()).toBe(3);
  const metadata = { name: 'web', namespace: 'default', uid: '', creationTimestamp: '' };
  const object = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' } },
  };
  await world.desired.write([{ type: 'create', key: 'horizontalpodautoscalers.autoscaling/default/web', object }]);
  await world.clock.advance(AGENT_LIMITS.usageEveryMs * 4);
  expect(said()).toBe(7);
  expect(world.state.usageReport(NODE)?.node.memoryBytes).toBe(1);
  world.runtime.usage = async () => Promise.reject(new Error('away'));
  await world.clock.advance(AGENT_LIMITS.usageEveryMs);
  expect(world.state.usageReport(NODE)).toBeUndefined();
});

it('has reports that fit into a record', () => {
  const { usageContainers, usageTimeoutMs, usageEveryMs } = AGENT_LIMITS;
  expect(usageContainers).toBeLessThanOrEqual(MAX_USAGE_PODS);
  // A pod's uid, a name of a container and two numbers, with their own names.
  expect(usageContainers * (36 + 63 + 75)).toBeLessThan(MAX_RECORD_BYTES);
  expect(usageTimeoutMs).toBeLessThan(usageEveryMs);
});
