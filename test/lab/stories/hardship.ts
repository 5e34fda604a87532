import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { counters } from '../../support/workloads.ts';
import { waitFor } from '../../support/wait.ts';
import { type RunningContainer } from '../cluster.ts';
import { story } from '../in-lab.ts';
import { watchFor } from '../watching.ts';

const MINUTE_MS = 60_000;
/** Less than the 8 s after which a peer whose kernel answers for it is given up. */
const FREEZE_MS = 5_000;
/** Until all peers share a decision about a pair that hear each other in one direction only, and for how long it must hold. */
const AGREED_MS = 20_000;
const HOLDS_MS = 10_000;
const LOST_SHARE = 0.3;
const OVERSUBSCRIBED = 8;

export const hardshipStory = story('hosts in hardship', (cluster) => {
  let before = new Map<string, RunningContainer>();

  it('whose words reach one of the others but not the other share one decision about each', async () => {
    const [one, , three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    await cluster.apply(one, counters('counter', 6));
    await cluster.waitReady(one, 'app=counter', 6);
    await cluster.lab.network.cut([one], [three], { oneWay: true });
    await waitFor(
      'one decision',
      async () => {
        const first = await verdicts();
        // Not one that is on its way to another: it holds.
        await watchFor(HOLDS_MS, async () => expect(await verdicts()).toEqual(first));
        return new Set(first).size === 1;
      },
      { timeoutMs: AGREED_MS + HOLDS_MS },
    );
    // The one in the middle hears both: nobody is dead.
    expect(await verdicts()).toEqual(Array(3).fill('host-1 lives, host-2 lives, host-3 lives'));
    await cluster.lab.network.uncut([one], [three]);
    await cluster.lab.waitAllAlive();
    await cluster.waitReady(three, 'app=counter', 6);
    await cluster.waitNothingTwice(one);
    await cluster.waitSameState();
    before = await cluster.running();
  });

  it('that lose 30 % of all packets for a minute are not declared dead, and take orders', async () => {
    const told = cluster.deathsTold();
    // Each packet passes two links.
    for (const host of cluster.lab.hosts) await cluster.lab.network.drop(host, 1 - Math.sqrt(1 - LOST_SHARE));
    const ordered = cluster.apply(cluster.host(2), counters('ordered', 3));
    await nobodyDies(MINUTE_MS);
    await ordered;
    await cluster.lab.network.heal();
    await cluster.waitReady(cluster.host(3), 'app=ordered', 3);
    await cluster.kith(cluster.host(1), ['delete', 'rc', 'ordered']);
    await cluster.waitNoPods(cluster.host(1), 'app=ordered');
    await unchanged(told);
  });

  it('of which one is frozen for 5 s, while its kernel answers for it, do not declare it dead', async () => {
    const told = cluster.deathsTold();
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    await three.freeze();
    const seen = new Set<string>();
    await watchFor(FREEZE_MS, async () => {
      for (const host of [one, two]) seen.add((await cluster.states(host))['host-3'] ?? 'gone');
      expect(seen).not.toContain('dead');
    });
    await three.thaw();
    expect(seen).toContain('suspected');
    await unchanged(told);
  });

  it('on which eight times as much wants to run as there are processors, for a minute, do not declare each other dead', async () => {
    const told = cluster.deathsTold();
    const each = Math.ceil((OVERSUBSCRIBED * availableParallelism()) / cluster.lab.hosts.length);
    for (const host of cluster.lab.hosts) await host.burn(each);
    await nobodyDies(MINUTE_MS);
    await cluster.lab.heal();
    await unchanged(told);
  });

  /** What each peer has decided of all. A suspicion is no decision. */
  async function verdicts(): Promise<string[]> {
    const seen = await Promise.all(cluster.lab.hosts.map(async (host) => cluster.states(host)));
    const text = ([node, state]: [string, string]): string => `${node} ${state === 'dead' ? 'is dead' : 'lives'}`;
    return seen.map((states) => Object.entries(states).map(text).sort().join(', '));
  }

  async function nobodyDies(forMs: number): Promise<void> {
    await watchFor(forMs, async () => {
      for (const view of await verdicts()) expect(view).not.toContain('dead');
    });
  }

  /** All well, the same containers as before, and nobody was called dead meanwhile, not even for a moment. */
  async function unchanged(deaths: number): Promise<void> {
    await cluster.lab.waitAllAlive();
    expect(cluster.deathsTold()).toBe(deaths);
    await cluster.waitReady(cluster.host(2), 'app=counter', 6);
    await cluster.waitNothingTwice(cluster.host(2));
    expect(await cluster.running()).toEqual(before);
    await cluster.waitSameState();
  }
});
