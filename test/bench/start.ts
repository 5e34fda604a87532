import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEngine } from '../support/engine.ts';
import { EngineProbe } from '../support/engine-client.ts';
import { LocalCluster, type LocalPeer } from '../support/local-cluster.ts';
import { waitFor } from '../support/wait.ts';
import { percentile, rounded, type BenchArguments } from './args.ts';
import { cpuSeconds } from './cpu-time.ts';
import { RAW_WIDTH, startRaw, type RawWay } from './raw-engine.ts';

const DEFAULT_PODS = 60;
const DEFAULT_ROUNDS = 3;
const COMMAND = ['sleep', '100000'];
const TIMEOUT_MS = 180_000;

export interface StartResult {
  pods: number;
  kithSeconds: number;
  /** The containers alone, in the engine's own bridge. */
  rawSeconds: number;
  /** The same in a network of their own, as kith's are, which costs the engine more. */
  rawNetworkSeconds: number;
  /** Each beside a container that holds its network, as pods of several containers are. */
  rawPairSeconds: number;
  /** Of kith's time: until the last pod was bound. */
  boundSeconds: number;
}

/** From the order for a Deployment to all of its containers running, as the engine tells it, and the same containers started straight through it, in turns. */
export async function benchStart(given: BenchArguments, say: (text: string) => void): Promise<StartResult> {
  const pods = given.numbers.get('pods') ?? DEFAULT_PODS;
  const rounds = given.numbers.get('rounds') ?? DEFAULT_ROUNDS;
  const dist = path.dirname(fileURLToPath(import.meta.url)).replace(/[/\\]chunks$/, '');
  const engine = await startEngine();
  const url = `unix://${engine.socketPath}`;
  const cluster = new LocalCluster({ dist, runtime: 'docker', dockerHost: url, imageFolders: [], share: 1, prefix: 'deploy' });
  const width = given.numbers.get('width') ?? RAW_WIDTH;
  const [kith, bound]: [number[], number[]] = [[], []];
  const raw: Record<RawWay, number[]> = { bridge: [], network: [], pair: [] };
  try {
    await cluster.create(1);
    await cluster.startAll();
    for (let round = 0; round < rounds; round += 1) {
      const took = await startThroughKith(cluster, new EngineProbe(url), engine.image, pods);
      kith.push(took.running);
      bound.push(took.bound);
      for (const way of ['bridge', 'network', 'pair'] as const) {
        raw[way].push(await startRaw(url, { pods, image: engine.image, command: COMMAND, way, width }));
      }
      const told = Object.entries(raw).map(([way, samples]) => `${way} ${rounded(samples.at(-1) ?? 0)} s`);
      say(
        `round ${round + 1}: kith ${rounded(took.running)} s (bound ${rounded(took.bound)} s, kithd ${rounded(took.cpu)} s of CPU), raw ${told.join(', ')}`,
      );
    }
  } finally {
    await cluster.destroy();
    await engine.stop();
  }
  const median = (samples: number[]): number => rounded(percentile(samples, 0.5));
  return {
    pods,
    kithSeconds: median(kith),
    rawSeconds: median(raw.bridge),
    rawNetworkSeconds: median(raw.network),
    rawPairSeconds: median(raw.pair),
    boundSeconds: median(bound),
  };
}

interface KithRun {
  bound: number;
  running: number;
  /** What the daemon itself used of the CPUs meanwhile. */
  cpu: number;
}

async function startThroughKith(cluster: LocalCluster, engine: EngineProbe, image: string, pods: number): Promise<KithRun> {
  const { client, node, process: daemon } = cluster.peer(0);
  const count = async (): Promise<number> =>
    (await engine.running(node)).filter(({ Labels }) => Labels['kith.dev/container'] === 'main').length;
  const cpuBefore = cpuSeconds(daemon?.pid ?? 'self');
  const labels = { bench: 'deploy' };
  const containers = [{ name: 'main', image, command: COMMAND, imagePullPolicy: 'IfNotPresent' }];
  const template = { metadata: { labels }, spec: { containers, terminationGracePeriodSeconds: 0 } };
  const body = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'deploy' },
    spec: { replicas: pods, selector: { matchLabels: labels }, template },
  };
  const collection = '/apis/apps/v1/namespaces/default/replicasets';
  const began = performance.now();
  await client.call({ method: 'POST', path: collection, body });
  let bound = 0;
  // Asking costs the engine, too.
  const wait = { timeoutMs: TIMEOUT_MS, everyMs: 100 };
  await waitFor(
    `${pods} containers run`,
    async () => {
      if (bound === 0 && (await countBound(client)) === pods) bound = performance.now() - began;
      return (await count()) === pods;
    },
    wait,
  );
  const running = performance.now() - began;
  const cpu = cpuSeconds(daemon?.pid ?? 'self') - cpuBefore;
  await client.call({ method: 'DELETE', path: `${collection}/deploy`, body: { propagationPolicy: 'Background' } });
  await waitFor('nothing of it is left', async () => (await count()) === 0 && (await countBound(client)) === 0, wait);
  return { bound: bound / 1000, running: running / 1000, cpu };
}

async function countBound(client: LocalPeer['client']): Promise<number> {
  const { items } = await client.get<{ items: { spec: { nodeName?: string } }[] }>('/api/v1/namespaces/default/pods');
  return items.filter(({ spec }) => spec.nodeName !== undefined).length;
}
