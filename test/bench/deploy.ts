import type { Lab } from '../lab/types.ts';
import { cpuSince, cpuTime, type CpuTime } from './cpu-time.ts';
import { listOption, percentile, rounded, type BenchArguments } from './args.ts';
import { BENCH_COMMAND, BENCH_IMAGE, KithContender, SwarmContender, type Contender } from './contenders.ts';
import { RAW_WIDTH, startRaw, type RawWay } from './raw-engine.ts';
import { waitRunning } from './running.ts';
import { withLab } from './with-lab.ts';

const DEFAULT_PODS = 60;
const DEFAULT_HOSTS = 3;
const DEFAULT_ROUNDS = 3;

export interface DeployResult {
  pods: number;
  hosts: number;
  rounds: number;
  kithSeconds: number;
  rawSeconds?: number;
  /** The same in a network made for them, as pods are in one of their node: that costs an engine more than its own bridge does. */
  rawNetworkSeconds?: number;
  swarmSeconds?: number;
  /** Of the CPUs, in the same order: all that the machine did meanwhile, and of kith's what its daemons did. */
  cpu: { kith: number; kithd: number; raw?: number; rawNetwork?: number; swarm?: number };
}

type Who = 'kith' | 'raw' | 'rawNetwork' | 'swarm';

/**
 * From the order for so many replicas to all of their containers running, by the times that the engines tell; medians. `raw` is the same containers started straight
 * through the engines' API, in turns with ours: what nothing on top of them can beat.
 */
export async function benchDeploy(given: BenchArguments, say: (text: string) => void): Promise<DeployResult> {
  const rivals = listOption(given, 'versus', ['swarm', 'raw']);
  const pods = given.numbers.get('pods') ?? DEFAULT_PODS;
  const hosts = given.numbers.get('hosts') ?? DEFAULT_HOSTS;
  const rounds = given.numbers.get('rounds') ?? DEFAULT_ROUNDS;
  say(`deploy: ${pods} pods on ${hosts} hosts, ${rounds} rounds`);
  return withLab(hosts, say, async (lab) => {
    const samples: Record<Who, number[]> = { kith: [], raw: [], rawNetwork: [], swarm: [] };
    const cpu: Record<Who | 'kithd', number[]> = { kith: [], kithd: [], raw: [], rawNetwork: [], swarm: [] };
    const take = (who: Who, { seconds, used }: Deployment): void => {
      samples[who].push(seconds);
      cpu[who].push(used.all);
      if (who === 'kith') cpu.kithd.push(used.kithd);
      const parts = `${rounded(used.all)} s of CPU, of that kithd ${rounded(used.kithd)}, dockerd ${rounded(used.dockerd)}`;
      say(`  ${who}: ${rounded(seconds)} s (${parts})`);
    };
    const kith = new KithContender(lab);
    await kith.begin();
    for (let round = 0; round < rounds; round += 1) {
      take('kith', await deployOnce(lab, kith, pods));
      if (!rivals.includes('raw')) continue;
      take('raw', await rawOnce(lab, pods, 'bridge'));
      take('rawNetwork', await rawOnce(lab, pods, 'network'));
    }
    await kith.end();
    if (rivals.includes('swarm')) {
      const swarm = new SwarmContender(lab);
      await swarm.begin();
      for (let round = 0; round < rounds; round += 1) take('swarm', await deployOnce(lab, swarm, pods));
      await swarm.end();
    }
    const middle = (of: number[]): number | undefined => (of.length === 0 ? undefined : rounded(percentile(of, 0.5)));
    const median = (who: Who): number | undefined => middle(samples[who]);
    return {
      pods,
      hosts,
      rounds,
      kithSeconds: median('kith') ?? Number.NaN,
      rawSeconds: median('raw'),
      rawNetworkSeconds: median('rawNetwork'),
      swarmSeconds: median('swarm'),
      cpu: {
        kith: middle(cpu.kith) ?? Number.NaN,
        kithd: middle(cpu.kithd) ?? Number.NaN,
        raw: middle(cpu.raw),
        rawNetwork: middle(cpu.rawNetwork),
        swarm: middle(cpu.swarm),
      },
    };
  });
}

interface Deployment {
  seconds: number;
  used: CpuTime;
}

async function deployOnce(lab: Lab, contender: Contender, pods: number): Promise<Deployment> {
  const before = cpuTime();
  const began = Date.now();
  await contender.deploy(pods, lab.host(1));
  const running = await waitRunning(lab.hosts, contender.label, pods);
  const used = cpuSince(before);
  const last = Math.max(...running.map(({ startedAtMs }) => startedAtMs));
  await contender.remove(lab.host(1));
  await waitRunning(lab.hosts, contender.label, 0);
  return { seconds: (last - began) / 1000, used };
}

/** As evenly over the hosts as they come. */
async function rawOnce(lab: Lab, pods: number, way: RawWay): Promise<Deployment> {
  const shares = lab.hosts.map((_, index) => Math.floor((pods + index) / lab.hosts.length));
  const run = { image: BENCH_IMAGE, command: BENCH_COMMAND, way, width: RAW_WIDTH } as const;
  const before = cpuTime();
  let [running, used] = [lab.hosts.length, before];
  const onRunning = (): void => {
    running -= 1;
    if (running === 0) used = cpuSince(before);
  };
  const took = await Promise.all(
    lab.hosts.map(async (host, index) => startRaw(`unix://${host.engineSocket}`, { ...run, pods: shares[index] ?? 0, onRunning })),
  );
  return { seconds: Math.max(...took), used };
}
