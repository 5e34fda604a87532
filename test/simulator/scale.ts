import { requestApi } from '../support/peer-daemon.ts';
import type { SimDaemon } from './host.ts';
import type { Rates } from './measure.ts';
import { isDead, rates, readyPods, secondsOf, standing, totals } from './measure.ts';

/** What a cluster of one size costs and how quick it is. Counts are per peer and second of rest. */
export interface ScaleReport extends Rates {
  peers: number;
  decisions: number;
  /** From a write at one peer until all hold it, ms. */
  convergenceMs: number;
  /** From the power cut of a host until all others hold it for dead, and until all its pods run elsewhere, ms. */
  detectionMs: number;
  failoverMs: number;
  /** Of a processor of this machine, for a virtual minute of rest, s. */
  secondsAMinute: number;
}

const REST_MS = 20_000;
const WEB = 'deployments.apps/default/web';

/** What a cluster without workloads says at rest, messages a peer and second, and what a peer of it said until all saw each other. */
export async function measureRest(
  peers: number,
  seed: number,
  restMs: number,
): Promise<Rates & Pick<ScaleReport, 'secondsAMinute'> & { starting: Record<string, number> }> {
  const { world } = await standing(peers, seed);
  const starting = rates(new Map(), totals(world), peers).byKind;
  await world.clock.pass(restMs);
  const [before, began] = [totals(world), process.cpuUsage()];
  await world.clock.pass(restMs);
  const found = rates(before, totals(world), (peers * restMs) / 1000);
  const secondsAMinute = secondsOf(began) * (60_000 / restMs);
  await world.stop();
  return { ...found, starting, secondsAMinute };
}

/** Founds a cluster, lets it rest, writes once, and cuts one host's power. */
export async function measureScale(peers: number, seed: number, say: (text: string) => void): Promise<ScaleReport> {
  const { world, measure, decisions } = await standing(peers, seed);
  say(`${peers} peers see each other`);
  const first = world.running()[0];
  if (first === undefined) throw new Error('nobody runs');
  await measure.wait('the deployment', requestApi(first.daemon, 'POST', '/apis/apps/v1/namespaces/default/deployments', deployment(peers)));
  await measure.until('all pods run', () => readyPods(first.daemon) === peers);
  say(`${peers} pods run`);
  await world.clock.pass(REST_MS / 2);
  const [before, decided, began] = [totals(world), decisions(), process.cpuUsage()];
  await world.clock.pass(REST_MS);
  const seconds = REST_MS / 1000;
  const secondsAMinute = secondsOf(began) * (60 / seconds);
  const traffic = rates(before, totals(world), peers * seconds);
  const decisionsASecond = (decisions() - decided) / peers / seconds;
  const write = requestApi(first.daemon, 'PATCH', '/apis/apps/v1/namespaces/default/deployments/web', {
    metadata: { labels: { seen: 'yes' } },
  });
  const convergenceMs = await measure.until('all hold a write', () => world.running().every(({ daemon }) => isLabelled(daemon)));
  await measure.wait('its answer', write);
  const last = world.hosts.at(-1);
  if (last === undefined) throw new Error('there is no host');
  world.powerCut(last);
  const detectionMs = await measure.until('all know of the death', () => world.running().every(({ daemon }) => isDead(daemon, last)));
  const failoverMs = detectionMs + (await measure.until('its pods run elsewhere', () => readyPods(first.daemon) === peers));
  await world.stop();
  return { peers, ...traffic, decisions: decisionsASecond, convergenceMs, detectionMs, failoverMs, secondsAMinute };
}

function deployment(replicas: number): object {
  const selector = { matchLabels: { app: 'web' } };
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'app:1' }] } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas, selector, template } };
}

function isLabelled({ replica }: SimDaemon): boolean {
  return replica.get(WEB)?.object.metadata.labels?.['seen'] === 'yes';
}

/** A table, a line a size; only of clusters without pods and at rest with `rest`, which is found much sooner. */
export async function reportScale(sizes: readonly number[], seed: number, rest: boolean): Promise<number> {
  if (rest) return reportRest(sizes, seed);
  process.stdout.write(
    'peers  messages/s  bytes/s  decisions/s  write everywhere  death known  pods back  CPU s/min  messages/s by kind\n',
  );
  for (const peers of sizes) {
    const report = await measureScale(peers, seed, (text) => process.stderr.write(`${text}\n`));
    const cells = [
      String(peers).padEnd(5),
      report.messages.toFixed(1).padStart(11),
      report.bytes.toFixed(0).padStart(8),
      report.decisions.toFixed(3).padStart(12),
      `${report.convergenceMs} ms`.padStart(17),
      `${report.detectionMs} ms`.padStart(12),
      `${report.failoverMs} ms`.padStart(10),
      report.secondsAMinute.toFixed(1).padStart(10),
      `  ${JSON.stringify(report.byKind)}`,
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
  return 0;
}

async function reportRest(sizes: readonly number[], seed: number): Promise<number> {
  process.stdout.write('peers  messages/s  bytes/s  CPU s/min  messages/s by kind\n');
  for (const peers of sizes) {
    const { messages, bytes, byKind, secondsAMinute } = await measureRest(peers, seed, REST_MS / 2);
    const cells = [String(peers).padEnd(5), messages.toFixed(1).padStart(11), bytes.toFixed(0).padStart(8)];
    process.stdout.write(`${cells.join(' ')} ${secondsAMinute.toFixed(1).padStart(10)}  ${JSON.stringify(byKind)}\n`);
  }
  return 0;
}
