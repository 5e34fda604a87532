import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { PodSpec } from '../../../protocol/types.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
});
afterEach(() => world.close());

describe('a container that leaves no last words, and whose log stands in for them', () => {
  const specOf = (image: string, terminationMessagePolicy = 'FallbackToLogsOnError'): Partial<PodSpec> => ({
    restartPolicy: 'Never',
    containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent', terminationMessagePolicy }],
  });
  const spec = specOf('app:1');
  const messageOf = (pod: DesiredObject): unknown => world.status(pod)?.containerStatuses?.[0]?.state?.terminated?.message;

  it('has the end of its log said of it: whole lines, 80 at most', async () => {
    const says = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 3, says });
    world.startAgent();
    const pod = await world.addPod('job', { spec });
    await world.clock.until('the outcome', () => world.phase(pod) === 'Failed');
    const words = says.slice(-80).map((line) => `${line}\n`);
    expect(messageOf(pod)).toBe(words.join(''));
    expect(world.desired.objects.get(pod.key)?.object.kith?.outcome).toMatchObject({ phase: 'Failed' });
    await world.restartAgent();
    await world.clock.advance(20_000);
    expect(messageOf(pod)).toBe(words.join(''));
  });

  it('has at most 2048 bytes said, no half character first', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 3, says: ['ä'.repeat(5_000)] });
    world.startAgent();
    const pod = await world.addPod('job', { spec });
    await world.clock.until('the outcome', () => world.phase(pod) === 'Failed');
    expect(messageOf(pod)).toBe(`${'ä'.repeat(1_023)}\n`);
  });

  it('has nothing said when it ends well, or left words, or asks for them only', async () => {
    const says = ['a line'];
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 0, says });
    world.runtime.behaviours.set('told:1', { exitAfterMs: 500, exitCode: 1, says, terminationMessage: 'last words' });
    world.runtime.behaviours.set('file:1', { exitAfterMs: 500, exitCode: 1, says });
    world.startAgent();
    const well = await world.addPod('well', { spec });
    const told = await world.addPod('told', { spec: specOf('told:1') });
    const asks = await world.addPod('asks', { spec: specOf('file:1', 'File') });
    await world.clock.until('the ends', () => [well, told, asks].every((pod) => /Succeeded|Failed/.test(world.phase(pod) ?? '')));
    expect([well, told, asks].map(messageOf)).toEqual([undefined, 'last words', undefined]);
  });

  it('is not waited for longer than 5 s, and other pods not at all', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 3 });
    world.runtime.hanging.add('logs');
    world.startAgent();
    const pod = await world.addPod('job', { spec });
    await world.clock.advance(3_000);
    const other = await world.addPod('web', { image: 'steady:1' });
    await world.clock.until('the other', () => world.isReady(other), 1_500);
    expect(world.phase(pod)).toBe('Running');
    await world.clock.until('the outcome', () => world.phase(pod) === 'Failed', 6_000);
    expect(messageOf(pod)).toMatch(/^Error on reading termination message from logs: .*5 s/);
  });
});
