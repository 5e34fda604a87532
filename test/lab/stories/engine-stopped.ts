import { expect, it } from 'vitest';
import { counters } from '../../support/workloads.ts';
import { waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';
import { logEngines } from '../engine-log.ts';
import type { LabHost } from '../types.ts';

const QUIET_MS = 5_000;
const NOT_READY_MS = 5_000;

export const engineStoppedStory = story('a host whose container engine is stopped', (cluster) => {
  it('is NotReady though it lives, and its pods run elsewhere soon', async () => {
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    await cluster.apply(one, counters('counter', 6));
    await cluster.waitReady(one, 'app=counter', 6);
    await cluster.waitNothingTwice(one);
    const others = await cluster.running([one, three]);
    await two.stopEngine();
    await cluster.waitNodeWord(one, 'host-2', /^NotReady$/, NOT_READY_MS);
    await cluster.waitServing(one, 'app=counter', 6, [one, three]);
    expect((await cluster.states(one))['host-2']).toBe('alive');
    expect(await cluster.nodeWord(two, 'host-2')).toBe('NotReady');
    const message = (await cluster.node(one, 'host-2'))?.status?.conditions?.find(({ type }) => type === 'Ready')?.message;
    expect(message).toMatch(/^container runtime is down: /);
    const now = await cluster.running([one, three]);
    for (const [id, container] of others) expect(now.get(id)).toEqual(container);
    expect(now.size).toBe(6);
  });

  it('serves when the engine is back: nothing of before is started again there, new pods are', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const before = await cluster.running([one, cluster.host(3)]);
    await two.startEngine();
    await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      () => false,
      async () => {
        await cluster.waitNodeWord(one, 'host-2', /^Ready$/);
        await cluster.waitReady(two, 'app=counter', 6);
        await cluster.waitNothingTwice(two);
      },
    );
    expect(await cluster.running()).toEqual(before);
    await cluster.kith(two, ['scale', 'rc', 'counter', '--replicas=9']);
    const pods = await cluster.waitReady(one, 'app=counter', 9);
    expect(pods.filter(({ spec }) => spec.nodeName === 'host-2').length).toBeGreaterThan(0);
    await cluster.waitNothingTwice(one);
    await cluster.waitSameState();
  });

  it('keeps its pods when the engine is only restarted, and starts them again itself', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const [bound, before] = [await bindings(), await cluster.running()];
    await nobodyElseTakesPods(two, async () => {
      await two.stopEngine();
      await cluster.waitNodeWord(one, 'host-2', /^NotReady$/, NOT_READY_MS);
      await two.startEngine();
      await cluster.waitReady(one, 'app=counter', 9);
      await cluster.waitNothingTwice(one);
    });
    expect(await bindings()).toEqual(bound);
    const now = await cluster.running();
    const ended = [...before.values()].filter(({ node }) => node === 'host-2');
    const again = [...now.values()].filter(({ node }) => node === 'host-2');
    expect(ended.length).toBeGreaterThan(0);
    expect(again.map(({ uid }) => uid).sort()).toEqual(ended.map(({ uid }) => uid).sort());
    expect(again.every(({ attempt }) => attempt > 0)).toBe(true);
    for (const [id, container] of before) if (container.node !== 'host-2') expect(now.get(id)).toEqual(container);
  });

  it('goes on with its containers when the engine was killed and is back soon', async () => {
    const [one, three] = [cluster.host(1), cluster.host(3)];
    const [bound, before] = [await bindings(), await cluster.running()];
    await nobodyElseTakesPods(three, async () => {
      await three.stopEngine('SIGKILL');
      await cluster.waitNodeWord(one, 'host-3', /^NotReady$/, NOT_READY_MS);
      await three.startEngine();
      await cluster.waitNodeWord(one, 'host-3', /^Ready$/);
      await cluster.waitReady(one, 'app=counter', 9);
      await waitFor('the engine lists its containers again', async () => (await cluster.running()).size === before.size);
      await cluster.waitNothingTwice(one);
    });
    expect(await bindings()).toEqual(bound);
  });

  /** An engine that needs longer to start than its pods are left to it, as on a busy machine, has them all the same. */
  async function nobodyElseTakesPods(host: LabHost, act: () => Promise<void>): Promise<void> {
    const others = cluster.lab.hosts.filter((other) => other !== host).map(({ node }) => node);
    await cluster.kith(host, ['cordon', ...others]);
    try {
      await act();
    } finally {
      await cluster.kith(host, ['uncordon', ...others]);
    }
  }

  async function bindings(): Promise<string[]> {
    return (await cluster.pods(cluster.host(1))).map(({ metadata, spec }) => `${metadata.uid} ${spec.nodeName}`).sort();
  }
});
