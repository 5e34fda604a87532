import { expect, it } from 'vitest';
import { counters, namesOf, pod } from '../support/workloads.ts';
import { waitFor } from '../support/wait.ts';
import { pinnedTo } from './cluster.ts';
import { describeInLab, labCluster } from './in-lab.ts';
import { logEngines } from './engine-log.ts';

/** Longer than a peer waits before it dials again, and than the longest doubt of one that is alone. */
const TRIES_MS = 15_000;

describeInLab('a host that was removed while it was off', () => {
  const cluster = labCluster(3);

  it('is refused when it comes back, and nothing of it returns', async () => {
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

    await logEngines(
      [one, two],
      TRIES_MS,
      () => false,
      async () => {
        await three.start();
        // What it would bring back, if it were let in.
        await three.client.call({ method: 'POST', path: '/api/v1/namespaces/default/configmaps', body: smuggled }).catch(() => undefined);
      },
    );
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

const smuggled = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'smuggled', namespace: 'default' } };
