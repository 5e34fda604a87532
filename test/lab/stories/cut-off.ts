import { expect, it } from 'vitest';
import { counters } from '../../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { pinnedTo } from '../cluster.ts';
import { story } from '../in-lab.ts';
import { logEngines } from '../engine-log.ts';

/** From the cut to every pod ready elsewhere. What is promised is less; this is a busy machine. */
const TAKEN_OVER_MS = 15_000;
/** After the heal: longer than what heirs and the heal wait for news. */
const QUIET_MS = 5_000;

export const cutOffStory = story('a host that is cut off without a word', (cluster) => {
  it('is NotReady, its pods are Unknown until others run in their place, and it goes on with its own', async () => {
    const [one, three] = [cluster.host(1), cluster.host(3)];
    await cluster.apply(one, counters('counter', 6));
    await cluster.apply(one, pinnedTo('pinned', three));
    await cluster.waitReady(one, 'app=counter', 6);
    await cluster.waitReady(one, 'app=pinned', 1);
    const lost = (await cluster.pods(one, 'app=counter'))
      .filter(({ spec }) => spec.nodeName === 'host-3')
      .map(({ metadata }) => metadata.name);
    expect(lost).toHaveLength(2);
    const before = await cluster.running();

    const seen = new Map<string, Set<string>>(lost.map((name) => [name, new Set<string>()]));
    await cluster.lab.network.unplug(three);
    const cutAt = performance.now();
    const pods = await waitFor(
      'six pods are ready on the two that are left, and no others are shown',
      async () => {
        const rows = (await cluster.kith(one, ['get', 'pods', '-l', 'app=counter', '-o', 'wide', '--no-headers']))
          .trim()
          .split('\n')
          .map((line) => line.split(/\s+/));
        for (const [name = '', , status = ''] of rows) seen.get(name)?.add(status);
        return rows.length === 6 && rows.every((cells) => cells[1] === '1/1' && cells[2] === 'Running' && !cells.includes('host-3'));
      },
      { timeoutMs: PATIENCE_MS, everyMs: 10 },
    );
    expect(pods).toBe(true);
    expect(performance.now() - cutAt).toBeLessThan(TAKEN_OVER_MS);
    for (const statuses of seen.values()) expect([...statuses]).toEqual(['Running', 'Unknown']);
    expect(await cluster.nodeWord(one, 'host-3')).toBe('NotReady');
    expect(await cluster.kith(one, ['get', 'pods', '-l', 'app=pinned'])).toMatch(/^pinned +\d\/1 +Unknown /m);
    await cluster.waitNothingTwice(one, [cluster.host(1), cluster.host(2)]);
    const now = await cluster.running();
    for (const [id, container] of before) expect(now.get(id)).toEqual(container);
  });

  it('stops its stale copies once when it is back, and nothing else is started or stopped', async () => {
    const [one, three] = [cluster.host(1), cluster.host(3)];
    const copies = [...(await cluster.running([three])).values()];
    const stale = copies.filter(({ pod: name }) => name !== 'pinned').map(({ uid }) => uid);
    const [pinned] = copies.filter(({ pod: name }) => name === 'pinned').map(({ uid }) => uid);
    const events = await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      ({ node, action, uid }) => node === 'host-3' && uid !== pinned && (action === 'die' || !stale.includes(uid)),
      async () => {
        await cluster.lab.network.plug(three);
        await cluster.lab.waitAllAlive();
        await cluster.waitReady(three, 'app=counter', 6);
        await cluster.waitReady(three, 'app=pinned', 1);
        await cluster.waitNothingTwice(three);
        await cluster.waitNodeWord(one, 'host-3', /^Ready$/);
      },
    );
    // A host that is alone for ten seconds takes it that the others are lost: it may be about to start more copies, which are stopped as well.
    expect(
      events
        .filter(({ uid }) => stale.includes(uid))
        .map(({ uid }) => uid)
        .sort(),
    ).toEqual(stale.sort());
    expect([...(await cluster.running([three])).values()].map(({ uid }) => uid)).toEqual([pinned]);
    await cluster.waitSameState();
  });
});
