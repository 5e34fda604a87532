import type { LabCluster } from '../../lab/cluster.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { percentile, rounded, type BenchArguments } from '../args.ts';
import { Children, clusterIpOf, containerOf, inContainer, serviceOf, sleepingPod } from './in-pods.ts';
import { REQUESTS } from './programs.ts';

const APP = 'web';
const PODS = 6;
const PROGRAM = 'mkdir -p /w; echo $HOSTNAME > /w/index.html; exec httpd -f -p 8080 -h /w';
const DEFAULT_ROUNDS = 3;
const EVERY_MS = 20;
/** Requests that went well after the last that did not, until a round is over. */
const WELL_AGAIN = 150;

export interface NetworkFailoverResult {
  /** Medians over the rounds, of about 50 requests a second. */
  failoverErrors: number;
  failoverErrorSeconds: number;
  failoverErrorsWorst: number;
  failoverErrorSecondsWorst: number;
}

/** A client in a pod asks a Service whose pods are on three hosts, one of which is cut off without a word: requests that fail, and when the last of them ended. */
export async function benchNetworkFailover(
  cluster: LabCluster,
  given: BenchArguments,
  say: (text: string) => void,
): Promise<NetworkFailoverResult> {
  const one = cluster.host(1);
  const rounds = given.numbers.get('failovers') ?? DEFAULT_ROUNDS;
  const children = new Children();
  const errors: number[] = [];
  const seconds: number[] = [];
  try {
    await cluster.apply(one, {
      apiVersion: 'v1',
      kind: 'List',
      items: [sleepingPod('client', 'client', one.node), serviceOf(APP, [{ port: 80, targetPort: 8080 }]), deployment()],
    });
    const [client] = await cluster.waitReady(one, 'app=client', 1);
    await cluster.waitReady(one, `app=${APP}`, PODS);
    const ended: { at: number; ok: boolean; what: string }[] = [];
    const words = ['-e', REQUESTS, `http://${await clusterIpOf(cluster, APP)}`, String(EVERY_MS)];
    await children.follow(await inContainer(one, await containerOf(one, client!), process.execPath, ...words), (line) => {
      const [at, ...what] = line.split(' ');
      ended.push({ at: Number(at), ok: what[0] === 'ok', what: what.join(' ') });
    });
    for (let round = 1; round <= rounds; round += 1) {
      const victim = cluster.host(2 + (round % 2));
      await cluster.waitReady(one, `app=${APP}`, PODS);
      await cluster.lab.waitAllAlive();
      ended.length = 0;
      await waitFor('some answers', async () => ended.length > WELL_AGAIN, { timeoutMs: PATIENCE_MS, everyMs: 20 });
      const before = ended.filter(({ ok }) => !ok);
      if (before.length > 0) throw new Error(`requests failed before the host was cut off: ${before[0]!.what}`);
      const cutAt = performance.timeOrigin + performance.now();
      await cluster.lab.network.unplug(victim);
      await cluster.waitServing(
        one,
        `app=${APP}`,
        PODS,
        cluster.lab.hosts.filter((host) => host !== victim),
      );
      await waitFor('requests go well again', async () => ended.slice(-WELL_AGAIN).every(({ ok }) => ok), {
        timeoutMs: PATIENCE_MS,
        everyMs: 20,
      });
      const failed = ended.filter(({ ok }) => !ok);
      errors.push(failed.length);
      seconds.push(Math.max(0, (failed.at(-1)?.at ?? cutAt) - cutAt) / 1000);
      const kinds = [...new Set(failed.map(({ what }) => what))].join(', ');
      say(
        `  failover ${round}/${rounds}: ${failed.length} of ${ended.length} requests failed (${kinds}), the last ${rounded(seconds.at(-1)!)} s after the cut`,
      );
      await cluster.lab.network.plug(victim);
    }
  } finally {
    children.end();
  }
  return {
    failoverErrors: percentile(errors, 0.5),
    failoverErrorSeconds: rounded(percentile(seconds, 0.5)),
    failoverErrorsWorst: Math.max(...errors),
    failoverErrorSecondsWorst: rounded(Math.max(...seconds)),
  };
}

function deployment(): object {
  const labels = { app: APP };
  const container = {
    name: APP,
    image: 'busybox',
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', PROGRAM],
    resources: { requests: { cpu: '10m' } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: APP },
    spec: {
      replicas: PODS,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
    },
  };
}
