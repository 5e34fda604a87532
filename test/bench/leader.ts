import type { Lab, LabHost } from '../lab/types.ts';
import { waitFor } from '../support/wait.ts';
import { percentile, rounded, type BenchArguments } from './args.ts';
import { KithContender } from './contenders.ts';
import { withLab } from './with-lab.ts';

const DEFAULT_HOSTS = 5;
const DEFAULT_ROUNDS = 20;
const TIMEOUT_MS = 60_000;
const PODS = '/api/v1/namespaces/default/pods';

/** The leader's host is cut off without a word: the time until a pod that is ordered then is placed by whoever leads next, as a watch at a survivor tells. */
export async function benchLeader(
  given: BenchArguments,
  say: (text: string) => void,
): Promise<{ rounds: number; p50Ms: number; p99Ms: number }> {
  const hosts = given.numbers.get('hosts') ?? DEFAULT_HOSTS;
  const rounds = given.numbers.get('rounds') ?? DEFAULT_ROUNDS;
  say(`leader: ${hosts} hosts, ${rounds} rounds`);
  return withLab(hosts, say, async (lab) => {
    const kith = new KithContender(lab);
    await kith.begin();
    const samples: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const leader = await leaderOf(lab);
      const tookMs = await placeWithout(lab, leader, round);
      samples.push(tookMs);
      say(`  ${round}/${rounds}: ${leader.node} led; the next placement came after ${rounded(tookMs, 0)} ms`);
      await lab.network.plug(leader);
      await kith.waitWhole();
    }
    return { rounds, p50Ms: rounded(percentile(samples, 0.5), 0), p99Ms: rounded(percentile(samples, 0.99), 0) };
  });
}

async function leaderOf(lab: Lab): Promise<LabHost> {
  const node = (await lab.host(1).peers()).peers.find((row) => row.leader)?.node;
  const leader = lab.hosts.find((host) => host.node === node);
  if (leader === undefined) throw new Error('no host leads');
  return leader;
}

async function placeWithout(lab: Lab, leader: LabHost, round: number): Promise<number> {
  const survivor = lab.hosts.find((host) => host !== leader);
  if (survivor === undefined) throw new Error('a leader alone has no successor');
  const name = `placed-${round}`;
  const stop = new AbortController();
  const { metadata } = await survivor.client.get<{ metadata: { resourceVersion: string } }>(PODS);
  const placed = Promise.withResolvers<number>();
  const watching = (async () => {
    const query = { resourceVersion: metadata.resourceVersion };
    for await (const { object } of survivor.client.watch({ path: PODS, query, signal: stop.signal })) {
      const pod = object as { metadata: { name: string }; spec: { nodeName?: string } };
      if (pod.metadata.name === name && pod.spec.nodeName !== undefined) placed.resolve(performance.now());
    }
  })().catch(placed.reject);
  const timer = setTimeout(() => placed.reject(new Error(`${name} was not placed within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    const began = performance.now();
    await lab.network.unplug(leader);
    const containers = [{ name: 'main', image: 'busybox:latest', command: ['sleep', '100000'], imagePullPolicy: 'IfNotPresent' }];
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers } };
    await survivor.client.call({ method: 'POST', path: PODS, body });
    const tookMs = (await placed.promise) - began;
    await survivor.client.call({ method: 'DELETE', path: `${PODS}/${name}`, body: {} });
    await waitFor('the pod is gone', async () => (await survivor.client.get<{ items: unknown[] }>(PODS)).items.length === 0, {
      timeoutMs: TIMEOUT_MS,
      everyMs: 100,
    });
    return tookMs;
  } finally {
    clearTimeout(timer);
    stop.abort();
    await watching;
  }
}
