import { expect, it } from 'vitest';
import { counters, pod } from '../../support/workloads.ts';
import { story } from '../in-lab.ts';
import { logEngines } from '../engine-log.ts';
import { watchFor } from '../watching.ts';

/** With its start it answers after about 3 s; after 5 s it is given up. */
const SHORT_ABSENCE_MS = 1_500;
const LONG_ABSENCE_MS = 20_000;
const QUIET_MS = 5_000;

export const daemonKilledStory = story('a daemon that is killed', (cluster) => {
  it('and is back after 3 s finds its containers as they were: not one restarts, no pod moves', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    await cluster.apply(one, counters('counter', 6));
    await cluster.apply(two, pod('alone', { cpu: '10m' }, { app: 'alone' }));
    await cluster.waitReady(one, undefined, 7);
    await cluster.waitNothingTwice(one);
    const [before, bound, told] = [await cluster.running(), await bindings(), cluster.deathsTold()];
    await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      () => false,
      async () => {
        await two.killDaemon();
        await watchFor(SHORT_ABSENCE_MS, () => expect(two.daemonRuns).toBe(false));
        await two.startDaemon();
        await cluster.lab.waitAllAlive();
        await cluster.waitReady(two, undefined, 7);
      },
    );
    expect(await cluster.running()).toEqual(before);
    expect(await bindings()).toEqual(bound);
    expect(cluster.deathsTold()).toBe(told);
  });

  it('and is back after 20 s stops its own copies, whose replacements run elsewhere', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const [left, others] = [await cluster.running([two]), await cluster.running([one, cluster.host(3)])];
    expect(left.size).toBeGreaterThan(0);
    await two.killDaemon();
    const killedAt = performance.now();
    await cluster.waitServing(one, undefined, 7, [one, cluster.host(3)]);
    expect(await cluster.nodeWord(one, 'host-2')).toBe('NotReady');
    await watchFor(LONG_ABSENCE_MS - (performance.now() - killedAt), async () => expect(await cluster.running([two])).toEqual(left));
    const stale = new Set([...left.values()].map(({ uid }) => uid));
    const events = await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      ({ node, action, uid }) => node === 'host-2' && action === 'die' && stale.has(uid),
      async () => {
        await two.startDaemon();
        await cluster.lab.waitAllAlive();
        await cluster.waitReady(two, undefined, 7);
        await cluster.waitNothingTwice(two);
      },
    );
    expect(events.map(({ uid }) => uid).sort()).toEqual([...stale].sort());
    const now = await cluster.running();
    for (const [id, container] of others) expect(now.get(id)).toEqual(container);
    for (const id of left.keys()) expect(now.has(id)).toBe(false);
    await cluster.waitSameState();
  });

  async function bindings(): Promise<string[]> {
    return (await cluster.pods(cluster.host(1))).map(({ metadata, spec }) => `${metadata.name} ${metadata.uid} ${spec.nodeName}`).sort();
  }
});
