import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { summarizePod } from '../../../protocol/kinds/pod-columns.ts';
import type { Container } from '../../../protocol/types.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { renderPod } from '../../../daemon/core/status/pod-status.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
  for (const image of ['app:1', 'setup:1', 'side:1']) world.runtime.present.add(image);
  world.runtime.behaviours.set('setup:1', { exitAfterMs: 2_000 });
  world.startAgent();
});
afterEach(() => world.close());

const setup = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'setup:1', ...more });
const sidecar = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'side:1', restartPolicy: 'Always', ...more });
const main = (more: Partial<Container> = {}): Container => ({ name: 'main', image: 'app:1', ...more });
const add = (initContainers: Container[], more: Partial<Container> = {}, policy: 'Always' | 'OnFailure' | 'Never' = 'Always') =>
  world.addPod('web', { restartPolicy: policy, spec: { initContainers, containers: [main(more)] } });
const shown = (pod: DesiredObject) => {
  const desired = world.desired.objects.get(pod.key)!;
  return summarizePod(outcome(pod) === undefined ? { ...desired.object, status: world.status(pod) } : renderPod(world.state, desired));
};
const outcome = (pod: DesiredObject) => world.desired.objects.get(pod.key)?.object.kith?.outcome;
const starts = (): string[] => world.runtime.history.filter(({ what }) => what === 'start').map(({ container }) => container);

describe('init containers', () => {
  it('run one after the other, before the others', async () => {
    const pod = await add([setup('one'), setup('two')]);
    await world.clock.until('the first runs', () => world.runtime.running().length === 1);
    await world.clock.advance(500);
    expect(shown(pod)).toMatchObject({ status: 'Init:0/2', ready: 0, containers: 1 });
    expect(world.status(pod)).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'one' }, { state: { waiting: { reason: 'PodInitializing' } } }],
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
    });
    expect(world.status(pod)?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Initialized',
        status: 'False',
        reason: 'ContainersNotInitialized',
        message: 'containers with incomplete status: [one two]',
      }),
    );
    await world.clock.until('the second runs', () => world.runtime.running()[0] === 'web/two#0');
    await world.clock.until('shown', () => shown(pod).status === 'Init:1/2');
    await world.clock.until('ready', () => world.isReady(pod));
    expect(starts()).toEqual(['one', 'two', 'main']);
    expect(shown(pod)).toMatchObject({ status: 'Running', ready: 1, containers: 1, restarts: 0 });
    world.runtime.crash(pod.uid, 'main');
    await world.clock.until('restarts', () => world.runtime.running()[0] === 'web/main#1');
    expect(starts()).toEqual(['one', 'two', 'main', 'main']);
  });

  it('are tried again until they succeed', async () => {
    world.runtime.behaviours.set('setup:1', { exitAfterMs: 100, exitCode: 3 });
    const pod = await add([setup('one')]);
    await world.clock.until('crashes', () => shown(pod).status === 'Init:CrashLoopBackOff');
    expect(world.phase(pod)).toBe('Pending');
    world.runtime.behaviours.set('setup:1', { exitAfterMs: 100 });
    await world.clock.until('ready', () => world.isReady(pod));
    expect(starts().at(-1)).toBe('main');
  });

  it('fail the pod where nothing is restarted', async () => {
    world.runtime.behaviours.set('setup:1', { exitAfterMs: 100, exitCode: 3 });
    const pod = await add([setup('one'), setup('two')], {}, 'Never');
    await world.clock.until('failed', () => outcome(pod)?.phase === 'Failed');
    await world.clock.advance(20_000);
    expect(starts()).toEqual(['one']);
    expect(shown(pod).status).toBe('Init:Error');
  });

  it('run again after a reboot of the host, and not after a restart of the daemon', async () => {
    const pod = await add([setup('one')]);
    await world.clock.until('ready', () => world.isReady(pod));
    await world.restartAgent();
    await world.clock.advance(20_000);
    expect(starts()).toEqual(['one', 'main']);
    world.runtime.reboot();
    await world.clock.until('ready again', () => world.runtime.running()[0] === 'web/main#1', 60_000);
    expect(starts()).toEqual(['one', 'main', 'one', 'main']);
  });
});

describe('sidecars', () => {
  it('start before the others, which wait until they are started, and count for readiness', async () => {
    world.health.answer = () => ({ result: 'failure', output: '' });
    const pod = await add([
      sidecar('proxy', { startupProbe: { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 99 } }),
      setup('one'),
    ]);
    await world.clock.until('runs', () => world.runtime.running().length === 1);
    await world.clock.advance(10_000);
    expect(starts()).toEqual(['proxy']);
    expect(shown(pod)).toMatchObject({ status: 'Init:0/2', containers: 2, ready: 0 });
    world.health.answer = () => ({ result: 'success', output: '' });
    await world.clock.until('ready', () => world.isReady(pod));
    expect(starts()).toEqual(['proxy', 'one', 'main']);
    expect(shown(pod)).toMatchObject({ status: 'Running', containers: 2, ready: 2 });
    world.runtime.crash(pod.uid, 'proxy', 0);
    await world.clock.until('restarts', () => world.runtime.running().includes('web/proxy#1'));
    expect(starts().filter((name) => name !== 'proxy')).toEqual(['one', 'main']);
  });

  it('end after the others, the last first; they do not keep a pod from being done', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 3_000 });
    const pod = await add([sidecar('first'), sidecar('second')], {}, 'Never');
    await world.clock.until('done', () => outcome(pod)?.phase === 'Succeeded');
    await world.clock.until('all ended', () => world.runtime.running().length === 0);
    const ends = world.runtime.history.filter(({ what }) => what === 'exit').map(({ container }) => container);
    expect(ends).toEqual(['main', 'second', 'first']);
    expect(shown(pod).status).toBe('Completed');
  });
});

describe('hooks', () => {
  const get = (path: string) => ({ httpGet: { port: 80, path } });
  const asked = (): string[] => world.health.asked.map((request) => (request.do === 'httpGet' ? request.path : ''));

  it('postStart runs once an attempt, and the container counts as being created until it is over', async () => {
    let seen: string | undefined = 'none';
    const pod = await add([], { lifecycle: { postStart: get('/begin') } });
    world.health.answer = () => {
      seen = world.waitingReason(pod);
      return { result: 'success', output: '' };
    };
    await world.clock.until('ready', () => world.isReady(pod));
    expect(seen).not.toBe('none');
    await world.restartAgent();
    await world.clock.advance(20_000);
    expect(asked()).toEqual(['/begin']);
    world.runtime.crash(pod.uid, 'main');
    await world.clock.until('restarts', () => world.runtime.running()[0] === 'web/main#1');
    await world.clock.advance(1_000);
    expect(asked()).toEqual(['/begin', '/begin']);
  });

  it('postStart that fails ends its container', async () => {
    world.health.answer = () => ({ result: 'failure', output: 'HTTP probe failed with statuscode: 500' });
    const pod = await add([], { lifecycle: { postStart: get('/begin') } });
    await world.clock.until('waits', () => world.waitingReason(pod) === 'CrashLoopBackOff');
    expect(world.told()).toContain('FailedPostStartHook: PostStartHook failed');
  });

  it('preStop runs before the end, within the grace period', async () => {
    const pod = await add([], { lifecycle: { preStop: get('/end') } });
    await world.clock.until('ready', () => world.isReady(pod));
    world.health.answer = () => ({ result: 'failure', output: 'no' });
    await world.deletePod('web');
    await world.clock.until('gone', () => !world.desired.objects.has(pod.key));
    expect(asked()).toEqual(['/end']);
    expect(world.told()).toContain('FailedPreStopHook: PreStopHook failed');
  });

  it('preStop that takes longer leaves two seconds', async () => {
    world.runtime.behaviours.set('app:1', { ignoresStop: true });
    const pod = await add([], { lifecycle: { preStop: { sleep: { seconds: 60 } } } });
    await world.clock.until('ready', () => world.isReady(pod));
    const begun = world.clock.monotonic();
    await world.deletePod('web', 10);
    await world.clock.until('gone', () => !world.desired.objects.has(pod.key));
    expect(world.clock.monotonic() - begun).toBeGreaterThan(11_900);
    expect(world.clock.monotonic() - begun).toBeLessThan(13_000);
  });
});

it('a pod whose activeDeadlineSeconds are over is ended and told of', async () => {
  const pod = await world.addPod('web', { spec: { activeDeadlineSeconds: 30, containers: [main()] } });
  await world.clock.until('ready', () => world.isReady(pod));
  await world.clock.until('over', () => outcome(pod) !== undefined, 40_000);
  await world.clock.until('ended', () => world.runtime.running().length === 0);
  expect(world.status(pod)).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  expect(world.told()).toContain('DeadlineExceeded: Pod was active on the node longer than the specified deadline');
});
