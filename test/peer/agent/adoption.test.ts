import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import { AgentWorld, NODE, PEER } from '../../support/agent-world.ts';

let world: AgentWorld;
beforeEach(() => {
  world = new AgentWorld();
});
afterEach(() => world.close());

describe('the daemon', () => {
  it('restarted, adopts what runs: nothing is stopped or started', async () => {
    world.startAgent();
    const pods = [await world.addPod('a'), await world.addPod('b')];
    await world.clock.until('ready', () => pods.every((pod) => world.isReady(pod)));
    world.runtime.crash(pods[0]!.uid, 'main');
    await world.clock.until('restarted', () => world.runtime.running().includes('a/main#1'));
    await world.clock.advance(2_000);
    const before = { history: world.runtime.history.length, status: world.status(pods[0]!) };
    await world.restartAgent();
    await world.clock.advance(60_000);
    expect(world.runtime.history).toHaveLength(before.history);
    expect(world.status(pods[0]!)).toEqual(before.status);
  });

  it('restarted, says once more what still holds: what it does not say again is withdrawn', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.clock.advance(2_000);
    const publish = vi.spyOn(world.observed, 'publish');
    await world.restartAgent();
    await world.clock.advance(60_000);
    expect(publish.mock.calls.filter(([key]) => key === `pod/${pod.uid}`)).toHaveLength(1);
    expect(publish.mock.calls.filter(([key]) => key === 'node')).toHaveLength(1);
  });

  it('restarted where nobody kept its reports, as after all hosts were off, tells of pods that ran since when they did', async () => {
    world.startAgent();
    const pod = await world.addPod('old');
    await world.clock.until('ready', () => world.isReady(pod));
    const { startTime } = world.status(pod)!;
    await world.clock.advance(60_000);
    await world.agent!.stop();
    world.observed.records.clear();
    const bound = {
      kith: { binding: { node: NODE, membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at: '2020-01-01T00:00:00Z' } },
    } as const;
    const late = await world.addPod('late', bound);
    world.startAgent();
    await world.clock.until('reports', () => world.isReady(pod) && world.isReady(late));
    expect(world.status(pod)!.startTime).toBe(startTime);
    // It was bound while the host was off: nothing of it ran.
    expect(world.status(late)!.startTime! > startTime!).toBe(true);
  });

  it('stopped, leaves what runs running', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.agent!.stop();
    await world.clock.advance(60_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
  });

  it('restarted while a container crashes keeps its count and its back-off', async () => {
    world.runtime.behaviours.set('app:1', { exitAfterMs: 1_000, exitCode: 1 });
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.advance(40_000);
    const count = world.status(pod)!.containerStatuses![0]!.restartCount;
    expect(count).toBeGreaterThanOrEqual(3);
    await world.restartAgent();
    await world.clock.advance(5_000);
    expect(world.waitingReason(pod)).toBe('CrashLoopBackOff');
    expect(world.status(pod)!.containerStatuses![0]!.restartCount).toBe(count);
  });

  it('does not mind a wall clock that jumps an hour, either way', async () => {
    world.startAgent();
    world.runtime.present.add('app:1');
    const pod = await world.addPod('web', { spec: { activeDeadlineSeconds: 600 } });
    world.runtime.registry = new Set();
    const waiting = await world.addPod('other', { image: 'other:1' });
    await world.clock.until('ready', () => world.isReady(pod));
    for (const jump of [3_600_000, -7_200_000]) {
      world.clock.jumpWall(jump);
      await world.clock.advance(60_000);
      expect(world.runtime.running()).toEqual(['web/main#0']);
    }
    world.runtime.registry.add('other:1');
    await world.clock.until('pulled', () => world.isReady(waiting), 100_000);
  });

  it('withdraws its old reports of pods that are gone', async () => {
    world.observed.put(PEER, 'node-1', 'pod/gone', {
      kind: 'pod',
      uid: 'gone',
      namespace: 'default',
      name: 'x',
      status: { phase: 'Running' },
    });
    world.startAgent();
    await world.clock.until('withdrawn', () => world.observed.get(PEER, 'pod/gone')?.value === null);
  });
});

describe('the engine', () => {
  it('going away stops nothing, is told, and what runs is adopted when it is back', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    world.runtime.away = 'connect ENOENT /var/run/docker.sock';
    await world.clock.until('told', () => ready()?.status === 'False', 20_000);
    expect(ready()).toMatchObject({ reason: 'KubeletNotReady', message: 'container runtime is down: connect ENOENT /var/run/docker.sock' });
    expect(world.told()).toContain('NodeNotReady: Node node-1 status is now: NodeNotReady');
    const waiting = await world.addPod('later');
    await world.clock.advance(120_000);
    expect(world.isReady(pod)).toBe(true);
    world.runtime.away = undefined;
    await world.clock.until('the later pod', () => world.isReady(waiting), 10_000);
    expect(ready()?.status).toBe('True');
    expect(world.runtime.running()).toEqual(['later/main#0', 'web/main#0']);
  });

  it('that hangs is given up on, and the container is not started twice', async () => {
    world.startAgent();
    world.runtime.hanging.add('startContainer');
    const pod = await world.addPod('web');
    await world.clock.advance(130_000);
    world.runtime.hanging.delete('startContainer');
    // The second call hangs for its whole time, too.
    await world.clock.until('ready', () => world.isReady(pod), 200_000);
    expect(world.runtime.running()).toEqual(['web/main#0']);
  });

  it('that is wiped gets everything anew, with the next attempt', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    world.runtime.wipe();
    await world.clock.until('running again', () => world.runtime.running().length === 1, 30_000);
    expect(world.runtime.running()).toEqual(['web/main#1']);
  });

  it('whose host was rebooted gets a sandbox and the next attempts', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    await world.agent!.stop();
    world.runtime.reboot();
    world.startAgent();
    await world.clock.until('running again', () => world.runtime.running().includes('web/main#1'), 30_000);
    expect(world.runtime.calls.filter((call) => call === 'createSandbox')).toHaveLength(2);
  });

  it('that breaks off at one thing, and answers questions, is not away: the node stays ready, and the thing is not asked for without a pause', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod));
    world.runtime.failures.set(
      'createSandbox',
      Array.from({ length: 1_000 }, () => new KithError('RuntimeUnavailable', 'socket hang up')),
    );
    await world.addPod('bad');
    const before = world.runtime.calls.length;
    await world.clock.advance(60_000);
    expect(world.told().filter((text) => text.startsWith('NodeNotReady'))).toEqual([]);
    expect(world.runtime.calls.slice(before).filter((call) => call === 'createSandbox').length).toBeLessThan(10);
  });

  it('whose sandbox of a pod ends makes it anew, and restarts what ran in it: it would have no network for ever', async () => {
    world.startAgent();
    const pod = await world.addPod('web');
    const other = await world.addPod('other');
    await world.clock.until('ready', () => world.isReady(pod) && world.isReady(other));
    world.runtime.endSandbox(pod.uid);
    await world.clock.until('running again', () => world.runtime.running().includes('web/main#1'), 60_000);
    expect(world.runtime.inspect(pod.uid)?.sandbox.running).toBe(true);
    expect(world.runtime.running()).toEqual(['other/main#0', 'web/main#1']);
  });

  it('that can not make a sandbox is asked again, and the reason is told', async () => {
    world.runtime.failures.set('createSandbox', [new KithError('InvalidContainer', 'no address is free')]);
    world.startAgent();
    const pod = await world.addPod('web');
    await world.clock.until('ready', () => world.isReady(pod), 30_000);
    expect(world.told()).toContain('FailedCreatePodSandBox: Failed to create pod sandbox: no address is free');
  });

  function ready() {
    const value = world.observed.get(PEER, 'node')?.value;
    return value?.kind === 'node' ? value.status.conditions?.find((condition) => condition.type === 'Ready') : undefined;
  }
});
