import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PeersAnswer } from '../../protocol/answers.ts';
import { leaseSettings } from '../../protocol/leases.ts';
import type { KubeEvent, Pod } from '../../protocol/types.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';
import { counters, isReady } from '../support/workloads.ts';

/** A daemon that was killed is taken for one that restarts for 5 s; one elector goes on alone 11 s after the two have met at the earliest. */
const MOVED_MS = 60_000;

const peers = realPeers(2, 'pair');
const { cluster } = peers;

describe('a secret on two peers', () => {
  const secret = 'correct-horse-battery-staple';

  it('is in no file of a data folder or log, and is not shown in words', async () => {
    await peers.apply(0, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, stringData: { password: secret } });
    const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } }];
    const command = ['/bin/sh', '-c', 'grep -q horse /etc/login/password && test "$PASSWORD" != "" && echo has it; sleep 100000 & wait'];
    const volumeMounts = [{ name: 'login', mountPath: '/etc/login' }];
    const resources = { requests: { cpu: '10m' } };
    await peers.apply(0, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'user', labels: { app: 'user' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'busybox', command, env, volumeMounts, resources }],
        volumes: [{ name: 'login', secret: { secretName: 'login' } }],
      },
    });
    await peers.waitReady(0, 'app=user', 1);
    await waitFor('the program has it', async () => (await peers.kith(0, ['logs', 'user'])).includes('has it'), { everyMs: 100 });
    const held = async (index: number): Promise<boolean> =>
      (await peers.command(index, ['get', 'secret', 'login', '-o', 'yaml'])).out.includes(Buffer.from(secret).toString('base64'));
    await waitFor('both peers hold it', async () => (await held(0)) && (await held(1)), { everyMs: 100 });
    const words = [await peers.kith(0, ['describe', 'secret', 'login']), await peers.kith(0, ['describe', 'pod', 'user'])];
    words.push(await peers.kith(0, ['get', 'events', '-o', 'json']));
    const found = new Map(words.map((text, index) => [`words ${index}`, text]));
    for (const { dataDir, logFile } of cluster.peers)
      for (const file of [logFile, ...filesBelow(dataDir)]) found.set(file, readFileSync(file, 'latin1'));
    const leaks = [...found].filter(([, text]) => text.includes(secret) || text.includes(Buffer.from(secret).toString('base64')));
    expect(leaks.map(([where]) => where)).toEqual([]);
    await peers.kith(0, ['delete', 'pod', 'user', '--now']);
  });
});

describe('what must run at most once, on two peers', () => {
  async function electors(index: number): Promise<number> {
    return (await cluster.peer(index).client.get<PeersAnswer>('/kith.dev/v1/peers')).electorate?.members.length ?? 0;
  }

  async function only(index: number): Promise<Pod | undefined> {
    return (await peers.pods(index, 'app=single')).find(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  it('does not move when one is lost; people are told why, and what to choose; a word that the host is off lets the other go on alone', async () => {
    const bothKnow = async (): Promise<boolean> => (await electors(0)) === 2 && (await electors(1)) === 2;
    await waitFor('two electors', bothKnow, { timeoutMs: leaseSettings.settleMs });
    const workload = counters('single', 1) as { metadata: object };
    await peers.apply(0, { ...workload, metadata: { ...workload.metadata, annotations: { 'kith.dev/partition': 'majority' } } });
    const [before] = await peers.waitReady(0, 'app=single', 1);
    const lost = cluster.peers.findIndex(({ node }) => node === before!.spec.nodeName);
    const left = 1 - lost;
    const { node } = cluster.peer(lost);
    await cluster.powerCut(lost);
    const told = async (): Promise<string | undefined> =>
      (await peers.list<KubeEvent>(left, '/api/v1/namespaces/default/events')).find(({ reason }) => reason === 'WaitingForMajority')
        ?.message;
    expect(await waitFor('people are told', told, { timeoutMs: MOVED_MS, everyMs: 100 })).toMatch(
      new RegExp(`1 of 2 are here. If the other host is really off, say so: kith confirm-dead ${node}`),
    );
    expect((await only(left))?.spec.nodeName).toBe(node);
    const { out, err, code } = await peers.command(left, ['confirm-dead', node]);
    expect({ out, code }).toEqual({ out: `node/${node} confirmed dead\n`, code: 0 });
    expect(err).toContain('of two electors one is left. It goes on alone');
    const runsOnTheOther = async (): Promise<boolean> => {
      const pod = await only(left);
      return pod !== undefined && isReady(pod) && pod.spec.nodeName === cluster.peer(left).node;
    };
    await waitFor('it runs on the other', runsOnTheOther, { timeoutMs: MOVED_MS, everyMs: 100 });
    expect(await electors(left)).toBe(1);
    // Back: its electorate is over, and it starts nothing by itself.
    await cluster.start(lost);
    await cluster.waitAllAlive();
    await peers.waitNothingTwice(left);
    expect((await only(lost))?.spec.nodeName).toBe(cluster.peer(left).node);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
