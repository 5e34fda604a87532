import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PeersAnswer } from '../../protocol/answers.ts';
import { leaseSettings } from '../../protocol/leases.ts';
import { parseManifest } from '../../protocol/manifest/parse.ts';
import type { Pod, PodSpec } from '../../protocol/types.ts';
import { DIST, realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';

/** Two more electors, each a time to settle after the one before, and one for a busy machine. */
const ELECTORS_MS = 3 * leaseSettings.settleMs;
/** Mute for 8 s, then the votes are withheld for what is left of 11 s, then it starts. */
const MOVED_MS = 60_000;

/** A restart that leaves a lease of 10 s, 2 s old at most, time for two rounds. */
const SOON_MS = 4_500;
const MAX_TURNS = 3;
/** From a person's word to the start: the next round of votes is 2 s away at most, and a program takes its time. */
const LEAST_SPED_UP_MS = 7_500;

interface Run {
  who: string;
  token: number;
  first: number;
  last: number;
}

/** The last of three runs no pods. */
const WITNESS = 2;

describe('what must run at most once, on two peers and a witness', () => {
  const peers = realPeers(3, 'once', (index) => (index === WITNESS ? ['--witness'] : []));
  const { cluster } = peers;
  const file = (): string => path.join(cluster.folder, 'beats');

  /** Who wrote, from when to when, in order. */
  function runs(): Run[] {
    const found = new Map<string, Run>();
    const lines = existsSync(file()) ? readFileSync(file(), 'utf8').trim().split('\n') : [];
    for (const line of lines) {
      const [who = '', token, at] = line.split(' ');
      const run = found.get(who) ?? { who, token: Number(token), first: Number(at), last: 0 };
      found.set(who, { ...run, last: Number(at) });
    }
    return [...found.values()].sort((left, right) => left.first - right.first);
  }

  function expectNoOverlap(): void {
    const all = runs();
    for (const [index, run] of all.entries()) {
      const next = all[index + 1];
      if (next === undefined) return;
      expect(next.first).toBeGreaterThan(run.last);
      expect(next.token).toBeGreaterThanOrEqual(run.token);
    }
  }

  async function writing(count: number, timeoutMs: number): Promise<Run> {
    await waitFor(`run ${count} writes`, () => runs().length >= count && Date.now() - runs().at(-1)!.last < 1_000, {
      timeoutMs,
      everyMs: 100,
    });
    return runs().at(-1)!;
  }

  async function holder(): Promise<number> {
    const asked = cluster.running()[0]!;
    const pods = await peers.list<Pod>(asked.index, '/api/v1/namespaces/default/pods');
    const node = pods.find((pod) => runs().at(-1)!.who.startsWith(pod.metadata.name))?.spec.nodeName;
    return cluster.peers.findIndex((peer) => peer.node === node);
  }

  it('all three come to vote', async () => {
    const voters = async (): Promise<boolean> => {
      const answers = await Promise.all(cluster.peers.map(({ client }) => client.get<PeersAnswer>('/kith.dev/v1/peers')));
      return answers.every(({ electorate }) => electorate?.members.length === 3);
    };
    await waitFor('three electors', voters, { timeoutMs: ELECTORS_MS, everyMs: 250 });
  });

  it('the copy of a frozen daemon is killed by its guard before another starts, and none comes back with the daemon', async () => {
    // The example as it is, but that it also writes where the test reads.
    const example = parseManifest(readFileSync(path.join(DIST, '..', 'examples', 'singleton', 'singleton.yaml'), 'utf8'), 'singleton.yaml');
    const set = example.documents[0]?.value as unknown as { spec: { template: { spec: PodSpec } } };
    for (const container of set.spec.template.spec.containers) container.env?.push({ name: 'FILE', value: file() });
    await peers.apply(0, set);
    const first = await writing(1, MOVED_MS);
    expect(first.token).toBeGreaterThan(0);
    const frozen = await holder();
    cluster.freeze(frozen);
    const second = await writing(2, MOVED_MS);
    expect(second.token).toBeGreaterThan(first.token);
    cluster.thaw(frozen);
    await cluster.waitAllAlive();
    await peers.waitReady(0, 'app=singleton', 1);
    await peers.waitNothingTwice(0);
    expect(runs().map(({ who }) => who)).toEqual([first.who, second.who]);
    expectNoOverlap();
  });

  it('a daemon that is killed and soon back keeps the lease, and its copy runs on', async () => {
    for (let turn = 1; ; turn += 1) {
      const before = runs().length;
      const index = await holder();
      const killedAt = Date.now();
      await cluster.killDaemon(index);
      await cluster.start(index);
      const tookMs = Date.now() - killedAt;
      await waitFor('a copy writes', () => runs().at(-1)!.last > killedAt + 2 * leaseSettings.leaseMs, {
        timeoutMs: MOVED_MS,
        everyMs: 250,
      });
      expectNoOverlap();
      // A machine so busy that the start alone took most of a lease: that is not what this test is about.
      if (runs().length > before && tookMs > SOON_MS) {
        if (turn < MAX_TURNS) continue;
        return;
      }
      expect(runs()).toHaveLength(before);
      return;
    }
  });

  it('a daemon that is killed for good leaves a copy that its guard kills before another starts', async () => {
    const before = runs().length;
    const killed = await holder();
    await cluster.killDaemon(killed);
    await writing(before + 1, MOVED_MS);
    expectNoOverlap();
    await cluster.start(killed);
    await cluster.waitAllAlive();
    await peers.waitReady(0, 'app=singleton', 1);
  });

  const uidOf = async (name: string): Promise<string | undefined> =>
    (await peers.pods(WITNESS)).find(({ metadata }) => metadata.name === name)?.metadata.uid;

  it('of a host without power all moves that stores nothing, at once when a person says that it is off; what has its data there waits for it', async () => {
    const lost = await holder();
    const other = 1 - lost;
    await peers.kith(other, ['cordon', cluster.peer(other).node]);
    await peers.apply(other, numbered('plain', false));
    await peers.apply(other, numbered('stored', true));
    await peers.waitReady(other, 'app in (plain, stored)', 2);
    await peers.kith(other, ['uncordon', cluster.peer(other).node]);
    const uids = { plain: await uidOf('plain-0'), stored: await uidOf('stored-0') };
    const before = runs().length;
    await cluster.powerCut(lost);
    await cluster.killDaemon(WITNESS);
    // A voter that starts withholds what it had granted as if it were renewed then.
    const withheldUntil = Date.now() + leaseSettings.withholdMs;
    await cluster.start(WITNESS);
    const { node } = cluster.peer(lost);
    const confirm = async (): Promise<boolean> => (await peers.command(other, ['confirm-dead', node])).code === 0;
    await waitFor(`${node} can be confirmed dead`, confirm, { timeoutMs: MOVED_MS, everyMs: 200 });
    const saidAt = Date.now();
    const next = await writing(before + 1, MOVED_MS);
    expectNoOverlap();
    // Where the machine took so long to notice, nothing is left to be sped up.
    if (saidAt < withheldUntil - LEAST_SPED_UP_MS) expect(next.first).toBeLessThan(withheldUntil);
    await waitFor('plain-0 is moved', async () => (await uidOf('plain-0')) !== uids.plain, { timeoutMs: MOVED_MS, everyMs: 100 });
    await peers.waitReady(other, 'app=plain', 1);
    expect(await uidOf('stored-0')).toBe(uids.stored);
    await cluster.start(lost);
    await cluster.waitAllAlive();
    const [stored] = await peers.waitReady(other, 'app=stored', 1, MOVED_MS);
    expect([stored!.metadata.uid, stored!.spec.nodeName]).toEqual([uids.stored, node]);
  });
});

/** One numbered pod that idles, with or without a volume of its own. */
function numbered(name: string, stores: boolean): unknown {
  const data = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } };
  const container = {
    name: 'main',
    image: 'busybox',
    command: ['/bin/sh', '-c', 'sleep 100000 & wait'],
    resources: { requests: { cpu: '10m' } },
    ...(stores ? { volumeMounts: [{ name: 'data', mountPath: '/data' }] } : {}),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
      ...(stores ? { volumeClaimTemplates: [data] } : {}),
    },
  };
}
