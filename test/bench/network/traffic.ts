import type { LabCluster } from '../../lab/cluster.ts';
import { percentile, rounded, type BenchArguments } from '../args.ts';
import { Children, clusterIpOf, containerOf, inContainer, serviceOf, sleepingPod } from './in-pods.ts';
import { CLIENT, SERVER } from './programs.ts';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const PORT = 7000;
const PUBLISHED = 17_000;
const DEFAULT_ROUNDS = 5;
const DEFAULT_MS = 1_500;
const TRIPS = 2_000;
const run = promisify(execFile);

interface Sample {
  bytesPerSecond: number;
  roundTripMs: number;
}
type Way = 'plain' | 'pod' | 'service';
const WAYS: readonly Way[] = ['plain', 'pod', 'service'];

export interface TrafficResult {
  /** The worse of pod to pod and through a Service, by plain Docker. */
  throughputRatio: number;
  latencyRatio: number;
  gigabitsPerSecond: Record<Way, number>;
  roundTripMs: Record<Way, number>;
}

/**
 * From a container of one host to one of another: pod to pod, to a Service, and in plain Docker, from a container of the engine's own bridge to the published port of another.
 * One after the other, in turns; medians.
 */
export async function benchTraffic(cluster: LabCluster, given: BenchArguments, say: (text: string) => void): Promise<TrafficResult> {
  const [one, two] = [cluster.host(1), cluster.host(2)];
  const rounds = given.numbers.get('rounds') ?? DEFAULT_ROUNDS;
  const children = new Children();
  try {
    const items = [
      sleepingPod('asks', 'asks', one.node),
      sleepingPod('traffic', 'traffic', two.node),
      serviceOf('traffic', [{ port: PORT }]),
    ];
    await cluster.apply(one, { apiVersion: 'v1', kind: 'List', items });
    const [asks] = await cluster.waitReady(one, 'app=asks', 1);
    const [answers] = await cluster.waitReady(one, 'app=traffic', 1);
    const plain = ['run', '-d', '--rm', 'busybox', 'sleep', '100000'];
    const plainClient = (await one.engine.docker(...plain)).trim();
    const plainServer = (await two.engine.docker(...plain.toSpliced(2, 0, '-p', `${PUBLISHED}:${PORT}`))).trim();
    const podClient = await containerOf(one, asks!);
    for (const id of [await containerOf(two, answers!), plainServer])
      await children.follow(await inContainer(two, id, process.execPath, '-e', SERVER, String(PORT)), () => undefined, 'listens');
    const targets: Record<Way, { client: string; host: string; port: number }> = {
      plain: { client: plainClient, host: two.address, port: PUBLISHED },
      pod: { client: podClient, host: answers!.status!.podIP!, port: PORT },
      service: { client: podClient, host: await clusterIpOf(cluster, 'traffic'), port: PORT },
    };
    const samples: Record<Way, Sample[]> = { plain: [], pod: [], service: [] };
    for (let round = 0; round < rounds; round += 1) {
      // Whoever comes first in a round differs from round to round.
      for (const way of WAYS.map((_, index) => WAYS[(index + round) % WAYS.length]!)) {
        const { client, host, port } = targets[way];
        const milliseconds = String(given.numbers.get('ms') ?? DEFAULT_MS);
        const [file, ...words] = await inContainer(
          one,
          client,
          process.execPath,
          '-e',
          CLIENT,
          host,
          String(port),
          milliseconds,
          String(TRIPS),
        );
        samples[way].push(JSON.parse((await run(file, words, { timeout: 60_000 })).stdout) as Sample);
      }
      const told = WAYS.map(
        (way) =>
          `${way} ${rounded((samples[way].at(-1)!.bytesPerSecond * 8) / 1e9)} Gbit/s ${rounded(samples[way].at(-1)!.roundTripMs, 3)} ms`,
      );
      say(`  traffic ${round + 1}/${rounds}: ${told.join(', ')}`);
    }
    await one.engine.docker('rm', '-f', plainClient);
    await two.engine.docker('rm', '-f', plainServer);
    const speed = medians(samples, ({ bytesPerSecond }) => (bytesPerSecond * 8) / 1e9);
    const trip = medians(samples, ({ roundTripMs }) => roundTripMs);
    return {
      throughputRatio: rounded(Math.min(speed.pod, speed.service) / speed.plain),
      latencyRatio: rounded(Math.max(trip.pod, trip.service) / trip.plain),
      gigabitsPerSecond: eachOf(speed, (value) => rounded(value)),
      roundTripMs: eachOf(trip, (value) => rounded(value, 3)),
    };
  } finally {
    children.end();
  }
}

function medians(samples: Record<Way, Sample[]>, of: (sample: Sample) => number): Record<Way, number> {
  return eachOf(samples, (all) => percentile(all.map(of), 0.5));
}

function eachOf<From, To>(record: Record<Way, From>, of: (value: From) => To): Record<Way, To> {
  return { plain: of(record.plain), pod: of(record.pod), service: of(record.service) };
}
