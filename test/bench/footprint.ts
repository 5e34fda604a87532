import { readFileSync, readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { LocalCluster, LocalPeer } from '../support/local-cluster.ts';
import { rounded, type BenchArguments } from './args.ts';
import { withPeers } from './peers.ts';

const SIZES = [3, 10];
const DEFAULT_SETTLE_SECONDS = 20;
const DEFAULT_MEASURE_SECONDS = 30;
/** `getconf CLK_TCK`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface Footprint {
  peers: Record<string, { rssMiB: number; cpuPercent: number }>;
}

/** Memory and processor time of an idle peer (mean over the peers), in clusters of 3 and of 10. Shell shims of containers do not count: there are none. */
export async function benchFootprint(given: BenchArguments, say: (text: string) => void): Promise<Footprint> {
  const result: Footprint = { peers: {} };
  for (const size of SIZES) {
    say(`footprint: ${size} idle daemons`);
    result.peers[size] = await withPeers(size, async (cluster) => measure(cluster, given));
  }
  return result;
}

async function measure(cluster: LocalCluster, given: BenchArguments): Promise<{ rssMiB: number; cpuPercent: number }> {
  await pause((given.numbers.get('settle') ?? DEFAULT_SETTLE_SECONDS) * 1000);
  const before = cluster.peers.map(cpuSeconds);
  const began = performance.now();
  await pause((given.numbers.get('seconds') ?? DEFAULT_MEASURE_SECONDS) * 1000);
  const elapsed = (performance.now() - began) / 1000;
  const used = cluster.peers.map((peer, index) => cpuSeconds(peer) - (before[index] ?? 0));
  return { rssMiB: rounded(mean(cluster.peers.map(rssMiB)), 1), cpuPercent: rounded((mean(used) / elapsed) * 100) };
}

function cpuSeconds(peer: LocalPeer): number {
  const stat = readFileSync(`/proc/${peer.process?.pid ?? 0}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of the daemon and of processes it started that are its own program. */
function rssMiB(peer: LocalPeer): number {
  const pids = [peer.process?.pid ?? 0, ...childrenOf(peer.process?.pid ?? 0)];
  return pids.reduce(
    (total, pid) => total + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    0,
  );
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((child) => child.trim() !== '')
      .map(Number),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
