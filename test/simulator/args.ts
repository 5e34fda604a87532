import { LARGEST_SEED } from './draw-scenario.ts';
import { plotOf } from './plots/all.ts';
import { readScenario } from './regression.ts';
import type { Scenario } from './scenario.ts';
import { scenarioOf } from './task.ts';

/** What `npm run simulate` was asked for. */
export interface SimulateArguments {
  seeds: number;
  /** The first of them. */
  seed: number;
  peers: { least: number; most: number };
  /** All seeds draw this plot. */
  plot: string | undefined;
  /** In place of what seeds stand for, and the file that it is from. */
  scenario: Scenario | undefined;
  file: string | undefined;
  /** Steps left out, by number: a smaller scenario. */
  without: number[];
  /** The storm ends this early, ms. */
  stormMs: number | undefined;
  /** Threads. */
  jobs: number;
  /** A seed that has not ended after so long, of real time, has failed. */
  timeoutSeconds: number;
  /** Lines of the timeline that a failure prints; all kinds of lines with `verbose`. */
  lines: number;
  verbose: boolean;
  shrink: boolean;
  mutants: boolean;
  /** Mutants are hunted only in the plots in which they are likely. */
  likely: boolean;
  /** Mutants are not let off after their first failure. */
  every: boolean;
  /** Only these mutants, with commas between them. */
  mutant: string | undefined;
  /** Sizes of clusters to measure. */
  scale: number[];
  /** They are measured at rest only, without pods. */
  rest: boolean;
  /** Pods that run in such a cluster when some of its hosts lose their power at once. */
  pods: number | undefined;
  lose: number;
  json: boolean;
  /** How often each kind of fault took effect. */
  counts: boolean;
}

const MOST_SEEDS = 1_000_000;
const MOST_PEERS = 1_000;
const MOST_HOSTS_MEASURED = 10_000;
const MOST_JOBS = 256;
const MOST_LINES = 1_000_000;
const MOST_SECONDS = 86_400;
const MOST_STORM_MS = 1e9;
const MOST_STEPS = 1_000_000;
const TIMEOUT_SECONDS = 300;

export const USAGE = `Usage: npm run simulate -- [--seeds 100] [--seed FIRST] [--peers 3..5] [--jobs 2]
  --seed N --seeds 1     replays one seed (with --without 3,7 and --storm MS as a failure prints them)
  --plot NAME            all seeds draw this plot (test/simulator/plots/); else odd seeds are storms, and even ones have a plot in turn, those that are rare every eighth seed
  --scenario FILE        runs a scenario that was kept as JSON, as --shrink does and test/simulator/regressions/ has them
  --timeout ${TIMEOUT_SECONDS}          a seed that has not ended after so many seconds of real time has failed: its thread is ended, and the others go on
  --lines 120            lines of the timeline that a failure prints
  --verbose              every line of it, also those that seldom matter
  --shrink               looks for a smaller scenario that fails, too
  --mutants [--mutant NAME,NAME]  plants bugs of our own, and shows within how many seeds each is found, and by which checkers
  --likely               hunts each only in its own plots, so many seeds of each: quick
  --every                goes on after a mutant was found: shows all the checkers that find it, and how often it changes anything at all
  --scale 10,100,300     what clusters of these sizes cost at rest, a peer and second, and how quick they are; with --rest only the former, without pods
  --pods 9000 --lose 30  with --scale: so many pods run, and so many hosts lose their power at once
  --counts               how often each kind of fault took effect, and in how many seeds
  --json                 results as JSON lines, and nothing else, on standard output
  --help                 these lines
The exit code is 0 when all passed (with --mutants: when all were found), 1 when not, 2 when it could not be run.`;

/** What was asked for in words that do not go together, or are none. */
export class UsageError extends Error {
  constructor(message: string) {
    super(`${message}\nnpm run simulate -- --help shows all options`);
  }
}

type Switch = 'verbose' | 'shrink' | 'mutants' | 'every' | 'likely' | 'rest' | 'json' | 'counts';

/** Each takes the word after its own. */
const VALUES: Readonly<Record<string, (given: SimulateArguments, text: string, name: string) => unknown>> = {
  '--seeds': (given, text, name) => (given.seeds = whole(name, text, 1, MOST_SEEDS)),
  '--seed': (given, text, name) => (given.seed = whole(name, text, 0, LARGEST_SEED)),
  '--peers': (given, text, name) => (given.peers = range(name, text)),
  '--plot': (given, text) => (given.plot = text),
  '--scenario': (given, text) => {
    given.file = text;
    given.scenario = readScenario(text);
    given.seed = given.scenario.seed;
    given.seeds = 1;
  },
  '--without': (given, text, name) => (given.without = text.split(',').map((id) => whole(name, id, 0, MOST_STEPS))),
  '--storm': (given, text, name) => (given.stormMs = whole(name, text, 0, MOST_STORM_MS)),
  '--jobs': (given, text, name) => (given.jobs = whole(name, text, 1, MOST_JOBS)),
  '--timeout': (given, text, name) => (given.timeoutSeconds = whole(name, text, 1, MOST_SECONDS)),
  '--lines': (given, text, name) => (given.lines = whole(name, text, 0, MOST_LINES)),
  '--scale': (given, text, name) => (given.scale = text.split(',').map((size) => whole(name, size, 2, MOST_HOSTS_MEASURED))),
  '--pods': (given, text, name) => (given.pods = whole(name, text, 1, MOST_HOSTS_MEASURED * 100)),
  '--lose': (given, text, name) => (given.lose = whole(name, text, 1, MOST_HOSTS_MEASURED)),
  '--mutant': (given, text) => {
    given.mutant = text;
    given.mutants = true;
  },
};

const SWITCHES: Readonly<Record<string, Switch>> = {
  '--verbose': 'verbose',
  '--shrink': 'shrink',
  '--mutants': 'mutants',
  '--every': 'every',
  '--likely': 'likely',
  '--rest': 'rest',
  '--json': 'json',
  '--counts': 'counts',
};

/** @throws UsageError, and what `readScenario` does */
export function parseArguments(words: readonly string[]): SimulateArguments {
  const given: SimulateArguments = {
    seeds: 100,
    seed: 1,
    peers: { least: 3, most: 5 },
    plot: undefined,
    scenario: undefined,
    file: undefined,
    without: [],
    stormMs: undefined,
    jobs: 2,
    timeoutSeconds: TIMEOUT_SECONDS,
    lines: 120,
    verbose: false,
    shrink: false,
    mutants: false,
    every: false,
    likely: false,
    mutant: undefined,
    scale: [],
    rest: false,
    pods: undefined,
    lose: 1,
    json: false,
    counts: false,
  };
  const queue = [...words];
  const named = new Set<string>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (named.has(name)) throw new UsageError(`${name} is there twice`);
    named.add(name);
    const [take, flag] = [VALUES[name], SWITCHES[name]];
    if (flag !== undefined) given[flag] = true;
    else if (take === undefined) throw new UsageError(`unknown option ${name}`);
    else {
      const text = queue.shift();
      if (text === undefined) throw new UsageError(`${name} wants a value`);
      take(given, text, name);
    }
  }
  checkTogether(given, named);
  return given;
}

/** The first of each pair is about the other one. */
const NEEDED: readonly (readonly [name: string, needed: readonly string[]])[] = [
  ['--likely', ['--mutants', '--mutant']],
  ['--every', ['--mutants', '--mutant']],
  ['--rest', ['--scale']],
  ['--pods', ['--scale']],
  ['--lose', ['--pods']],
];

/** The first of each is the whole of what the others would say, or has no use for it. */
const ALONE: readonly (readonly [name: string, others: readonly string[]])[] = [
  ['--scenario', ['--seed', '--seeds', '--peers', '--plot', '--likely', '--scale']],
  ['--scale', ['--seeds', '--peers', '--plot', '--without', '--storm', '--shrink', '--mutants', '--mutant', '--counts', '--json']],
  ['--pods', ['--rest']],
];

function checkTogether(given: SimulateArguments, named: ReadonlySet<string>): void {
  for (const [name, needed] of NEEDED)
    if (named.has(name) && !needed.some((other) => named.has(other))) throw new UsageError(`${name} goes with ${needed.join(' or ')}`);
  for (const [name, others] of ALONE) {
    const other = others.find((each) => named.has(each));
    if (named.has(name) && other !== undefined) throw new UsageError(`${other} means nothing beside ${name}: leave one of them out`);
  }
  const { seed, seeds, plot, mutants, scenario, without } = given;
  if (seed + seeds - 1 > LARGEST_SEED) throw new UsageError(`seeds end at ${LARGEST_SEED}: ${seeds} from ${seed} on are too many`);
  if (plot !== undefined) plotOf(seed, MOST_PEERS, plot);
  if (given.pods !== undefined && given.lose >= Math.min(...given.scale))
    throw new UsageError('--pods wants --scale with more hosts than --lose');
  if (without.length === 0) return;
  // Which steps have these numbers is another question for each seed.
  const isOne = scenario !== undefined || (seeds === 1 && (!mutants || plot !== undefined));
  if (!isOne) throw new UsageError(`--without is about one scenario: give --scenario, or --seeds 1${mutants ? ' and --plot' : ''}`);
  scenarioOf(given);
}

function whole(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least || number > most)
    throw new UsageError(`${name} wants a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
  return number;
}

function range(name: string, text: string): { least: number; most: number } {
  const [, least = '', most = least] = /^(\d+)(?:\.\.(\d+))?$/.exec(text) ?? [];
  const found = { least: Number(least), most: Number(most) };
  if (least === '' || found.least < 1 || found.most < found.least || found.most > MOST_PEERS)
    throw new UsageError(`${name} wants something like 3..5, up to ${MOST_PEERS}, not ${JSON.stringify(text)}`);
  return found;
}
