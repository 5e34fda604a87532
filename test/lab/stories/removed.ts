import { expect, it } from 'vitest';
import { counters, namesOf, pod } from '../../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { pinnedTo } from '../cluster.ts';
import { story } from '../in-lab.ts';
import { logEngines } from '../engine-log.ts';
import { watchFor } from '../watching.ts';

/** After it has heard. */
const QUIET_MS = 5_000;

export const removedStory = story('a host that was removed while it was off', (cluster) => {
  it('is refused when it comes back, hears why, stops its pods, and nothing of it returns', async () => {
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    await cluster.apply(one, counters('counter', 6));
    await cluster.apply(one, pinnedTo('pinned', three));
    await cluster.apply(one, pod('doomed', { cpu: '10m' }, { app: 'doomed' }));
    await cluster.waitReady(three, undefined, 8);
    await three.kill();
    await cluster.waitServing(one, 'app=counter', 6, [one, two]);
    expect(await cluster.kith(two, ['delete', 'node', 'host-3'])).toContain('node "host-3" deleted');
    await cluster.kith(two, ['delete', 'pod', 'doomed']);
    await cluster.kith(two, ['delete', 'pod', 'pinned']);
    await waitFor('two members', async () => Object.keys(await cluster.states(one)).length === 2);
    const { digest } = await cluster.waitSameState([one, two]);

    // It comes back where it reaches nobody: it knows of nothing, runs what it has, and takes orders.
    await cluster.lab.network.unplug(three);
    await three.start();
    await waitFor('it runs its pods', async () => (await cluster.running([three])).size > 0, { timeoutMs: PATIENCE_MS });
    await cluster.apply(three, counters('smuggled', 1));
    await cluster.kith(three, ['scale', 'rc', 'counter', '--replicas=1']);

    await logEngines(
      [one, two],
      QUIET_MS,
      () => false,
      async () => {
        await cluster.lab.network.plug(three);
        await waitFor('it has heard', async () => (await three.peers()).removed, { timeoutMs: PATIENCE_MS });
        await waitFor('it has stopped its pods', async () => (await cluster.running([three])).size === 0, { timeoutMs: PATIENCE_MS });
        await expect(cluster.kith(three, ['delete', 'rc', 'counter'])).rejects.toThrow(/removed from the cluster/);
      },
    );
    expect(await cluster.running([three])).toEqual(new Map());
    // Nor after a restart, when it tells itself.
    await three.killDaemon();
    await three.startDaemon();
    expect((await three.peers()).removed).toBe(true);
    await watchFor(QUIET_MS, async () => expect(await cluster.running([three])).toEqual(new Map()));
    for (const host of [one, two]) {
      expect(Object.keys(await cluster.states(host)).sort()).toEqual(['host-1', 'host-2']);
      expect(await cluster.kith(host, ['get', 'nodes', '-o', 'name'])).toBe('node/host-1\nnode/host-2\n');
      expect(namesOf(await cluster.pods(host)).filter((name) => !name.startsWith('counter-'))).toEqual([]);
      expect((await host.peers()).peers.map(({ connected }) => connected)).toEqual([true, true]);
    }
    expect((await cluster.waitSameState([one, two])).digest).toBe(digest);
    await cluster.waitNothingTwice(one, [one, two]);
  });
});
