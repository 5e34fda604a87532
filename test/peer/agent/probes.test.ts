import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Container } from '../../../protocol/types.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { AgentWorld } from '../../support/agent-world.ts';
import type { HealthRequest } from '../../../daemon/ports/health.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  world.runtime.present.add('app:1');
  world.startAgent();
});
afterEach(() => world.close());

const http = (port: number | string = 8080) => ({ httpGet: { port, path: '/healthz' } });
const add = (container: Partial<Container>, restartPolicy: 'Always' | 'OnFailure' | 'Never' = 'Always'): Promise<DesiredObject> =>
  world.addPod('web', { restartPolicy, spec: { containers: [{ name: 'main', image: 'app:1', ...container }] } });
const answer = (result: 'success' | 'failure', output = ''): void => {
  world.health.answer = () => ({ result, output });
};
const status = (pod: DesiredObject) => world.status(pod)?.containerStatuses?.[0];
const path = (request: HealthRequest): string => (request.do === 'httpGet' ? request.path : request.do);

describe('readiness', () => {
  it('follows the probe by its thresholds, and is told', async () => {
    answer('failure', 'HTTP probe failed with statuscode: 500');
    const pod = await add({
      readinessProbe: { ...http('web'), periodSeconds: 5, successThreshold: 2 },
      ports: [{ name: 'web', containerPort: 80 }],
    });
    await world.clock.until('runs', () => world.phase(pod) === 'Running');
    await world.clock.advance(20_000);
    expect(world.isReady(pod)).toBe(false);
    expect(status(pod)).toMatchObject({ ready: false, started: true, restartCount: 0 });
    expect(world.told()).toContain('Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500');
    expect(world.health.asked[0]).toMatchObject({
      host: world.status(pod)?.podIP,
      port: 80,
      path: '/healthz',
      scheme: 'HTTP',
      timeoutMs: 1000,
    });
    answer('success');
    await world.clock.advance(5_000);
    expect(world.isReady(pod)).toBe(false);
    await world.clock.advance(5_000);
    expect(world.isReady(pod)).toBe(true);
    answer('failure');
    await world.clock.advance(10_000);
    expect(world.isReady(pod)).toBe(true);
    await world.clock.advance(5_000);
    expect(world.isReady(pod)).toBe(false);
    expect(world.runtime.running()).toEqual(['web/main#0']);
  });

  it('is asked once a period, after the initial delay', async () => {
    const pod = await add({ readinessProbe: { ...http(), initialDelaySeconds: 20, periodSeconds: 7 } });
    await world.clock.until('runs', () => world.phase(pod) === 'Running', 5_000, 10);
    await world.clock.advance(19_500);
    expect(world.health.asked).toHaveLength(0);
    await world.clock.advance(1_000);
    expect(world.health.asked).toHaveLength(1);
    expect(world.isReady(pod)).toBe(true);
    await world.clock.advance(70_000);
    expect(world.health.asked).toHaveLength(11);
  });

  it('outlives a restart of the daemon, and is asked again within a period', async () => {
    const pod = await add({ readinessProbe: http(), startupProbe: http() });
    await world.clock.until('ready', () => world.isReady(pod));
    answer('failure');
    const said = world.observed.published.get(`pod/${pod.uid}`);
    await world.agent?.stop();
    const asked = world.health.asked.length;
    world.startAgent();
    await world.clock.advance(2_000);
    expect(world.isReady(pod)).toBe(true);
    expect(world.observed.published.get(`pod/${pod.uid}`)).toBe(said);
    await world.clock.advance(10_000);
    expect(world.health.asked.length).toBeGreaterThan(asked);
    await world.clock.until('unready', () => !world.isReady(pod), 40_000);
  });
});

describe('liveness', () => {
  it('ends what fails, with its own grace period, and starts it again', async () => {
    answer('failure', 'no');
    const pod = await add({ livenessProbe: { ...http(), periodSeconds: 2, failureThreshold: 2, terminationGracePeriodSeconds: 3 } });
    await world.clock.until('restarts', () => status(pod)?.restartCount === 1);
    const told = world.told();
    const killing = told.indexOf('Killing: Container main failed liveness probe, will be restarted');
    expect(told.slice(0, killing).filter((text) => text === 'Unhealthy: Liveness probe failed: no')).toHaveLength(2);
    answer('success');
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web/main#1']);
    answer('failure');
    await world.clock.until('waits', () => world.waitingReason(pod) === 'CrashLoopBackOff', 60_000);
  });

  it.each([
    ['OnFailure', ['web/main#1']],
    ['Never', []],
  ] as const)('of a pod with restartPolicy %s', async (policy, running) => {
    answer('failure');
    world.runtime.behaviours.set('app:1', {});
    const pod = await add({ livenessProbe: { ...http(), failureThreshold: 1 } }, policy);
    await world.clock.until('is ended', () =>
      world.told().some((text) => text.startsWith('Killing: Container main failed liveness probe')),
    );
    answer('success');
    await world.clock.advance(15_000);
    expect(world.runtime.running()).toEqual(running);
    if (policy === 'Never')
      await world.clock.until('failed', () => pod && world.desired.objects.get(pod.key)?.object.kith?.outcome !== undefined);
  });
});

describe('startup', () => {
  it('holds the other probes back, and then they come at once', async () => {
    world.health.answer = (request) => ({ result: path(request) === '/start' ? 'failure' : 'success', output: '' });
    const startupProbe = { httpGet: { port: 1, path: '/start' }, failureThreshold: 30 };
    const pod = await add({ startupProbe, readinessProbe: http(), livenessProbe: http() });
    await world.clock.until('runs', () => world.phase(pod) === 'Running');
    await world.clock.advance(50_000);
    expect(new Set(world.health.asked.map(path))).toEqual(new Set(['/start']));
    expect(status(pod)).toMatchObject({ started: false, ready: false });
    answer('success');
    await world.clock.until('ready', () => world.isReady(pod), 11_000);
    const starts = world.health.asked.filter((request) => path(request) === '/start').length;
    await world.clock.advance(60_000);
    expect(world.health.asked.filter((request) => path(request) === '/start')).toHaveLength(starts);
  });

  it('ends what does not start in time', async () => {
    answer('failure');
    const pod = await add({ startupProbe: { ...http(), periodSeconds: 1, failureThreshold: 3 } });
    await world.clock.until('restarts', () => status(pod)?.restartCount === 1);
    expect(world.told()).toContain('Killing: Container main failed startup probe, will be restarted');
  });
});

describe('a probe that can not be made', () => {
  it('counts neither way, and is told', async () => {
    const pod = await add({ livenessProbe: http('nobody'), readinessProbe: http() });
    await world.clock.until('ready', () => world.isReady(pod));
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    expect(world.told()).toContain("Unhealthy: Liveness probe errored and resulted in unknown state: couldn't find port: nobody");
  });
});
