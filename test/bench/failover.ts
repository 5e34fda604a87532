import { performance } from 'node:perf_hooks';
import type { Lab, LabHost } from '../lab/types.ts';
import { seededRandom } from '../support/virtual-clock.ts';
import { choiceOption, listOption, percentile, rounded, type BenchArguments } from './args.ts';
import { KithContender, SwarmContender, type Contender } from './contenders.ts';
import { runningOn, waitRunning } from './running.ts';
import { falseDeaths, type LossWindow } from './false-deaths.ts';
import { LossWitness } from './loss-witness.ts';
import { withLab } from './with-lab.ts';

const DEFAULT_HOSTS = 5;
const DEFAULT_ROUNDS = 20;
/** Swarm takes half a minute a round, so a few are enough unless more are asked for. */
const DEFAULT_RIVAL_ROUNDS = 5;
const PODS_PER_HOST = 4;
const HOW = ['cut', 'kill', 'freeze', 'daemon'] as const;
type How = (typeof HOW)[number];

interface Figures {
  rounds: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

export interface FailoverResult extends Figures {
  how: How;
  hosts: number;
  seed: number;
  /** Declared dead without being lost, or lost no more, over the whole run, by hosts that were not lost. */
  falseDeaths: number;
  /** Declared by a host that was just back, of others that it had not heard again yet. */
  falseDeathsByReturning: number;
  /** Of a round's whole time: until a survivor calls the host dead, then until the last of its pods is claimed, then until the last runs. */
  detectionP50Ms: number;
  claimP50Ms: number;
  startP50Ms: number;
  versus: Record<string, Figures>;
}

interface Round {
  totalMs: number;
  detectionMs: number;
  claimMs: number;
}

/**
 * A host is lost without a word: the time until as many containers as it ran are started on the others, by the times that their engines tell. Up to four a host, their
 * image present. The victim is drawn anew for each round, so it is the leader's host now and then.
 */
export async function benchFailover(given: BenchArguments, say: (text: string) => void): Promise<FailoverResult> {
  const how = choiceOption(given, 'how', HOW, 'cut');
  const rivals = listOption(given, 'versus', ['swarm']);
  const hosts = given.numbers.get('hosts') ?? DEFAULT_HOSTS;
  const rounds = given.numbers.get('rounds') ?? DEFAULT_ROUNDS;
  const rivalRounds = given.numbers.get('rival-rounds') ?? Math.min(rounds, DEFAULT_RIVAL_ROUNDS);
  const seed = given.numbers.get('seed') ?? Math.floor(performance.now() * 1000) % 1_000_000;
  say(`failover: ${hosts} hosts, ${rounds} rounds, how: ${how}, seed ${seed}`);
  return withLab(hosts, say, async (lab) => {
    const random = seededRandom(seed);
    const draw = (): LabHost => lab.host(1 + Math.floor(random.next() * hosts));
    const windows: LossWindow[] = [];
    const kith = await runRounds(lab, new KithContender(lab), { how, rounds, draw, windows, say });
    const deaths = falseDeaths(lab.hosts, windows);
    for (const death of deaths.wrong) say(`  false death: ${death}`);
    const versus: FailoverResult['versus'] = {};
    for (const rival of rivals) {
      versus[rival] = figures(await runRounds(lab, new SwarmContender(lab), { how, rounds: rivalRounds, draw, windows: [], say }));
    }
    const median = (of: (round: Round) => number): number => rounded(percentile(kith.map(of), 0.5), 0);
    return {
      ...figures(kith),
      how,
      hosts,
      seed,
      falseDeaths: deaths.wrong.length,
      falseDeathsByReturning: deaths.byReturning.length,
      detectionP50Ms: median((round) => round.detectionMs),
      claimP50Ms: median((round) => round.claimMs - round.detectionMs),
      startP50Ms: median((round) => round.totalMs - round.claimMs),
      versus,
    };
  });
}

interface RunOptions {
  how: How;
  rounds: number;
  draw: () => LabHost;
  windows: LossWindow[];
  say: (text: string) => void;
}

async function runRounds(lab: Lab, contender: Contender, options: RunOptions): Promise<Round[]> {
  const { how, rounds, draw, windows, say } = options;
  const done: Round[] = [];
  await contender.begin();
  for (let count = 1; count <= rounds; count += 1) {
    const victim = draw();
    const [survivor, ...others] = lab.hosts.filter((host) => host !== victim);
    if (survivor === undefined) throw new Error('failover needs two hosts at least');
    await contender.deploy(lab.hosts.length * PODS_PER_HOST, survivor);
    await waitRunning(lab.hosts, contender.label, lab.hosts.length * PODS_PER_HOST);
    const { round, window } = await loseHost(lab, contender, victim, [survivor, ...others], how);
    done.push(round);
    windows.push(window);
    say(`  ${contender.name} ${count}/${rounds}: ${victim.node} lost, ${roundText(round)}`);
    await contender.waitWhole();
    await contender.remove(survivor);
    await waitRunning(lab.hosts, contender.label, 0);
  }
  await contender.end();
  return done;
}

async function loseHost(
  lab: Lab,
  contender: Contender,
  victim: LabHost,
  survivors: readonly LabHost[],
  how: How,
): Promise<{ round: Round; window: LossWindow }> {
  const lost = await runningOn([victim], contender.label);
  const before = new Set((await runningOn(survivors, contender.label)).map(({ id }) => id));
  const witness = contender.name === 'kith' ? await LossWitness.open(survivors, victim) : undefined;
  try {
    const from = Date.now();
    await hurt(lab, victim, how);
    const after = await waitRunning(survivors, contender.label, before.size + lost.length);
    const started = after.filter(({ id }) => !before.has(id)).map(({ startedAtMs }) => startedAtMs - from);
    const totalMs = Math.max(...started);
    await undo(lab, victim, how);
    const until = Date.now();
    const round = { totalMs, detectionMs: (witness?.detectedAt ?? from) - from, claimMs: (witness?.claimedAt ?? from) - from };
    return { round, window: { from, until, victim: victim.node } };
  } finally {
    witness?.close();
  }
}

async function hurt(lab: Lab, host: LabHost, how: How): Promise<void> {
  if (how === 'cut') await lab.network.unplug(host);
  else if (how === 'kill') await host.kill();
  else if (how === 'freeze') await host.freeze();
  else await host.killDaemon();
}

async function undo(lab: Lab, host: LabHost, how: How): Promise<void> {
  if (how === 'cut') await lab.network.plug(host);
  else if (how === 'kill') await host.start();
  else if (how === 'freeze') await host.thaw();
  else await host.startDaemon();
}

function figures(rounds: readonly Round[]): Figures {
  const totals = rounds.map(({ totalMs }) => totalMs);
  const at = (fraction: number): number => rounded(percentile(totals, fraction), 0);
  return { rounds: rounds.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

function roundText({ totalMs, detectionMs, claimMs }: Round): string {
  const split = claimMs > 0 ? ` (dead after ${rounded(detectionMs, 0)}, claimed after ${rounded(claimMs, 0)})` : '';
  return `all runs elsewhere after ${rounded(totalMs, 0)} ms${split}`;
}
