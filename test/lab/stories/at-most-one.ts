import { expect, it } from 'vitest';
import { leaseSettings } from '../../../protocol/leases.ts';
import { waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';
import type { LabHost } from '../types.ts';
import { uptimeMs, Writer, type Written } from './writer.ts';

const ELECTORS_MS = 4 * leaseSettings.settleMs;
/** Noticed after 8 s at most, withheld for 11 s; the rest is a busy machine's. */
const MOVED_MS = 60_000;
/** What is promised is 100 ms; both times are read off a clock of 10 ms. */
const THAWED_MS = 120;

export const atMostOneStory = story('a workload that must never run twice', (cluster) => {
  const others = (host: LabHost): LabHost[] => cluster.lab.hosts.filter((other) => other !== host);
  const writer = (): Writer => new Writer(cluster.lab);

  async function holder(): Promise<LabHost> {
    const [only] = await cluster.waitReady(cluster.host(1), 'app=single', 1, MOVED_MS);
    return cluster.lab.hosts.find(({ node }) => node === only?.spec.nodeName)!;
  }

  /** Until a copy writes that is not among those that have written by now. @returns the last one of those, and the new one */
  async function moved(before: number): Promise<{ old: Written; next: Written }> {
    await waitFor('another copy writes', () => writer().written().length > before, { timeoutMs: MOVED_MS, everyMs: 100 });
    const [old, next] = writer()
      .written()
      .slice(before - 1);
    return { old: old!, next: next! };
  }

  async function settled(hurt: LabHost, copies: number): Promise<void> {
    await cluster.lab.waitAllAlive();
    await cluster.waitReady(others(hurt)[0]!, 'app=single', 1, MOVED_MS);
    await cluster.waitNothingTwice(cluster.host(1), undefined, MOVED_MS);
    const tokens = writer()
      .written()
      .map(({ token }) => token);
    expect(tokens).toHaveLength(copies);
    expect(tokens).toEqual([...tokens].sort((left, right) => left - right));
  }

  it('ends on a host that is cut off before it starts on another', async () => {
    await waitFor('three electors', async () => (await cluster.host(1).peers()).electorate?.members.length === 3, {
      timeoutMs: ELECTORS_MS,
    });
    await cluster.kith(cluster.host(1), ['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce=privileged']);
    await cluster.apply(cluster.host(1), writer().manifest);
    const cut = await holder();
    const cutAt = uptimeMs();
    await cluster.lab.network.unplug(cut);
    const { old, next } = await moved(1);
    console.log(`cut off: ended after ${old.lastMs - cutAt} ms, started elsewhere ${next.firstMs - old.lastMs} ms later`);
    expect(next.firstMs).toBeGreaterThan(old.lastMs);
    await cluster.lab.network.plug(cut);
    await settled(cut, 2);
  });

  it('is killed by the guard where the daemon is frozen, before it starts on another', async () => {
    const frozen = await holder();
    const frozenAt = uptimeMs();
    await frozen.freezeDaemon();
    try {
      const { old, next } = await moved(2);
      console.log(`daemon frozen: ended after ${old.lastMs - frozenAt} ms, started elsewhere ${next.firstMs - old.lastMs} ms later`);
      expect(next.firstMs).toBeGreaterThan(old.lastMs);
    } finally {
      await frozen.thawDaemon();
    }
    await settled(frozen, 3);
  });

  it('ends within a moment of the thaw on a host that was frozen whole, and writes with the older token until then', async () => {
    const frozen = await holder();
    await frozen.freeze();
    const { old, next } = await moved(3);
    expect(next.token).toBeGreaterThan(old.token);
    const thawedAt = uptimeMs();
    await frozen.thaw();
    await settled(frozen, 4);
    const { lastMs } = writer()
      .written()
      .find(({ token }) => token === old.token)!;
    console.log(`frozen: wrote ${lastMs < thawedAt ? 'nothing' : `for ${lastMs - thawedAt} ms`} after the thaw`);
    expect(lastMs - thawedAt).toBeLessThan(THAWED_MS);
  });
});
