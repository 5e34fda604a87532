import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import { AgentWorld } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
});
afterEach(() => world.close());

describe('a pod that is bound to the node', () => {
  it('is pulled, started and reported as kubelet does it', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    expect(world.runtime.running()).toEqual(['web/main#0']);
    expect(world.status(pod)).toMatchObject({
      phase: 'Running',
      podIP: '10.42.0.2',
      hostIP: '192.0.2.1',
      qosClass: 'BestEffort',
      containerStatuses: [
        {
          name: 'main',
          ready: true,
          started: true,
          restartCount: 0,
          image: 'app:1',
          containerID: expect.stringMatching(/^simulated:/) as string,
        },
      ],
    });
    expect(world.status(pod)?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
      'PodScheduled=True',
    ]);
    expect(world.told()).toEqual([
      'Pulling: Pulling image "app:1"',
      expect.stringMatching(
        /^Pulled: Successfully pulled image "app:1" in 30\dms \(30\dms including waiting\)\. Image size: 1000 bytes\.$/,
      ),
      'Created: Created container: main',
      'Started: Started container main',
    ]);
  });

  it('is ready within a second and without a pull when its image is there', async () => {
    world.runtime.present.add('app:1');
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod), 1_000, 10);
    expect(world.told()).toContain('Pulled: Container image "app:1" already present on machine and can be accessed by the pod');
    expect(world.runtime.calls).not.toContain('pullImage');
  });

  it('says nothing more while nothing changes', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    const records = world.observed.published.get(`pod/${pod.uid}`);
    const nodeRecords = world.observed.published.get('node');
    await world.clock.advance(120_000);
    expect(world.observed.published.get(`pod/${pod.uid}`)).toBe(records);
    expect(world.observed.published.get('node')).toBe(nodeRecords);
  });

  it('gets its environment, with fields of the pod and of the node', async () => {
    world.startAgent();
    const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });
    const pod = await world.addPod('web', {
      spec: {
        containers: [
          {
            name: 'main',
            image: 'app:1',
            args: ['--at=$(ADDRESS)', '$$(ADDRESS)', '$(NOBODY)'],
            resources: { limits: { memory: '64Mi' } },
            env: [
              { name: 'ADDRESS', valueFrom: field('status.podIP') },
              { name: 'ON', valueFrom: field('spec.nodeName') },
              { name: 'URL', value: 'http://$(ADDRESS):8080' },
              { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
              { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
            ],
          },
        ],
      },
    });
    await world.clock.until('ready', () => world.isReady(pod));
    const [start] = world.runtime.started;
    expect(start!.env).toEqual({ ADDRESS: '10.42.0.2', ON: 'node-1', URL: 'http://10.42.0.2:8080', MEMORY: '64', CPU: '4' });
    expect(start!.args).toEqual(['--at=10.42.0.2', '$(ADDRESS)', '$(NOBODY)']);
    expect(start!.memoryLimitBytes).toBe(64 * 1024 * 1024);
  });
});

describe('images', () => {
  it('that can not be pulled are tried again with growing pauses', async () => {
    world.runtime.registry = new Set();
    world.startAgent();
    const pod = await world.addPod('web');
    expect(world.status(pod)?.conditions).toBeUndefined();
    await world.clock.until('the error', () => world.waitingReason(pod) === 'ErrImagePull', 5_000);
    expect(world.status(pod)?.conditions?.[0]).toMatchObject({ type: 'PodReadyToStartContainers', status: 'True' });
    expect(world.told()).toContain('Failed: Error: ErrImagePull');
    await world.clock.until('the back-off', () => world.waitingReason(pod) === 'ImagePullBackOff', 5_000);
    const why = world.status(pod)?.containerStatuses?.[0]?.state?.waiting?.message;
    expect(why).toMatch(/^Back-off pulling image "app:1": ErrImagePull: .*app:1/);
    expect(world.told()).toContain('BackOff: Back-off pulling image "app:1"');
    expect(world.phase(pod)).toBe('Pending');
    await world.clock.advance(65_000);
    // At 0, 10, 30 and 70 s.
    expect(world.runtime.calls.filter((call) => call === 'pullImage')).toHaveLength(3);
    world.runtime.registry.add('app:1');
    await world.clock.until('ready', () => world.isReady(pod), 60_000);
  });

  it('are never pulled when the policy says so', async () => {
    world.startAgent();
    const pod = await world.addPod('web', { spec: { containers: [{ name: 'main', image: 'app:1', imagePullPolicy: 'Never' }] } });
    await world.clock.until('the error', () => world.waitingReason(pod) === 'ErrImageNeverPull');
    await world.clock.advance(100_000);
    expect(world.runtime.calls).not.toContain('pullImage');
    world.runtime.present.add('app:1');
    await world.clock.until('ready', () => world.isReady(pod), 400_000);
  });

  it('with an impossible name are refused by name', async () => {
    world.startAgent();
    const pod = await world.addPod('web', { image: 'Not An Image' });
    await world.clock.until('the error', () => world.waitingReason(pod) === 'InvalidImageName');
    expect(world.runtime.calls).not.toContain('pullImage');
  });

  it('are pulled four at a time, and a slow pull keeps no other pod back', async () => {
    world.runtime.present.add('here:1');
    world.runtime.hanging.add('pullImage');
    world.startAgent();
    for (let index = 0; index < 30; index += 1) await world.addPod(`slow-${index}`, { image: `slow:${index}` });
    const quick = await world.addPod('quick', { image: 'here:1' });
    await world.clock.until('ready', () => world.isReady(quick), 5_000);
    expect(world.runtime.mostPulling).toBe(4);
  });
});

describe('a container that ends', () => {
  it('is started again at once, then after 10, 20, 40 s, and is called a crash loop meanwhile', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 1_000, exitCode: 3, terminationMessage: 'last words' });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('the loop', () => world.waitingReason(pod) === 'CrashLoopBackOff', 20_000);
    expect(world.status(pod)?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { waiting: { message: `back-off 10s restarting failed container=main pod=web_default(${pod.uid})` } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'last words' } },
    });
    expect(world.phase(pod)).toBe('Running');
    expect(world.told()).toContain(`BackOff: Back-off restarting failed container main in pod web_default(${pod.uid})`);
    await world.clock.advance(120_000);
    const starts = world.runtime.history.filter((event) => event.what === 'start').map((event) => event.at);
    const pauses = starts.slice(1).map((at, index) => Math.round((at - starts[index]!) / 1000));
    expect(pauses.slice(0, 4)).toEqual([1, 11, 21, 41]);
  });

  it('keeps two attempts, the newest with its log', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 1_000 });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.advance(100_000);
    const [listed] = await listNow();
    expect(listed!.containers).toHaveLength(2);
    expect(world.status(pod)?.containerStatuses?.[0]?.restartCount).toBeGreaterThan(2);
  });

  it('after ten minutes is no longer crashing', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 1_000 });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.advance(40_000);
    world.runtime.behaviours.set('app:1', { exitAfterMs: 700_000 });
    await world.clock.until('a long run', () => world.isReady(pod), 100_000);
    const before = world.runtime.history.filter((event) => event.what === 'exit').length;
    await world.clock.until('its end', () => world.runtime.history.filter((event) => event.what === 'exit').length > before, 800_000);
    await world.clock.until('running at once', () => world.isReady(pod), 2_000);
  });

  it('with restartPolicy Never gives the pod its outcome, and never runs again', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 0 });
    world.startAgent();
    const pod = await world.addPod('job', { restartPolicy: 'Never' });
    await world.clock.until('the outcome', () => world.phase(pod) === 'Succeeded');
    expect(world.desired.objects.get(pod.key)?.object.kith?.outcome).toMatchObject({ phase: 'Succeeded', node: 'node-1' });
    expect(world.status(pod)?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'PodCompleted' }),
    );
    world.runtime.wipe();
    await world.restartAgent();
    await world.clock.advance(60_000);
    expect(world.runtime.history.filter((event) => event.what === 'start')).toHaveLength(1);
    expect(world.phase(pod)).toBe('Succeeded');
  });

  it('with restartPolicy OnFailure runs until it succeeds', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 1 });
    world.startAgent();
    const pod = await world.addPod('job', { restartPolicy: 'OnFailure' });
    await world.clock.until('a crash', () => world.waitingReason(pod) === 'CrashLoopBackOff', 20_000);
    world.runtime.behaviours.set('app:1', { exitAfterMs: 500, exitCode: 0 });
    await world.clock.until('the outcome', () => world.phase(pod) === 'Succeeded', 60_000);
  });

  it('that can not be started counts as an attempt', async () => {
    world.runtime.behaviours.set('app:1', { startError: 'exec: "nonsense": executable file not found in $PATH' });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('the error', () => world.waitingReason(pod) === 'RunContainerError', 5_000);
    await world.clock.until('the loop', () => world.waitingReason(pod) === 'CrashLoopBackOff', 5_000);
    expect(world.status(pod)?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { waiting: { message: `back-off 10s restarting failed container=main pod=web_default(${pod.uid})` } },
      lastState: { terminated: { reason: 'StartError', exitCode: 128 } },
    });
    world.runtime.behaviours.delete('app:1');
    await world.clock.until('ready', () => world.isReady(pod), 30_000);
    expect(world.runtime.running()).toEqual(['web/main#2']);
  });

  it('beyond its activeDeadlineSeconds is stopped, and the pod has failed', async () => {
    world.startAgent();
    const pod = await world.addPod('job', { restartPolicy: 'Never', spec: { activeDeadlineSeconds: 60 } });
    await world.clock.advance(59_000);
    expect(world.runtime.running()).toEqual(['job/main#0']);
    await world.clock.until('the end', () => world.runtime.running().length === 0, 5_000);
    expect(world.status(pod)).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });
});

describe('deletion', () => {
  it('stops with the grace period, removes, and buries', async () => {
    world.runtime.behaviours.set('app:1', { ignoresStop: true });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.deletePod('web', 20);
    await world.clock.advance(15_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
    expect(world.told()).toContain('Killing: Stopping container main');
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key), 10_000);
    expect(world.runtime.podUids()).toEqual([]);
    expect(world.status(pod)).toBeUndefined();
  });

  it('of a pod that is being pulled gives the pull up', async () => {
    world.runtime.hanging.add('pullImage');
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.advance(5_000);
    await world.deletePod('web');
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key), 5_000);
  });

  it('with a shorter grace period overtakes a longer one', async () => {
    world.runtime.behaviours.set('app:1', { ignoresStop: true });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.deletePod('web', 300);
    await world.clock.advance(5_000);
    await world.deletePod('web', 1);
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key), 10_000);
  });

  it('waits for finalizers once all is stopped', async () => {
    world.startAgent();
    const pod = await world.addPod('web', { metadata: { finalizers: ['example.com/hold'] } });
    await world.clock.until('ready', () => world.isReady(pod));
    await world.deletePod('web');
    await world.clock.advance(60_000);
    expect(world.runtime.podUids()).toEqual([]);
    expect(world.desired.objects.has(pod.key)).toBe(true);
    await world.update(pod.key, (object) => ({ ...object, metadata: { ...object.metadata, finalizers: [] } }));
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key));
  });

  it('by a grave stops what still runs, and a pod of the same name is another pod', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.bury(pod.key);
    const again = await world.addPod('web');
    await world.clock.until('the new one', () => world.isReady(again));
    await world.clock.until('the old one gone', () => world.runtime.podUids().length === 1);
    expect(world.runtime.podUids()).toEqual([again.uid]);
  });

  it('is tried again when the write fails', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.deletePod('web');
    world.writeFailures.push(new KithError('StoreFull', 'the disk is full'), new KithError('StoreFull', 'the disk is full'));
    await world.clock.until('buried', () => !world.desired.objects.has(pod.key), 60_000);
  });
});

describe('admission', () => {
  it('turns away what does not fit, with the reason as its outcome, and keeps what runs', async () => {
    world.startAgent();
    const kept = await world.addPod('kept');
    await world.clock.until('ready', () => world.isReady(kept));
    world.admit = (_view, pods) => new Map(pods.map((pod) => [pod.uid, { reason: 'OutOfcpu', message: 'Pod was rejected: too much' }]));
    const refused = await world.addPod('refused');
    await world.clock.until('refused', () => world.phase(refused) === 'Failed');
    expect(world.status(refused)).toMatchObject({ reason: 'OutOfcpu', message: 'Pod was rejected: too much' });
    await world.clock.advance(30_000);
    expect(world.runtime.running()).toEqual(['kept/main#0']);
  });
});

async function listNow() {
  const list = world.runtime.list();
  await world.clock.advance(10);
  return list;
}
