import { readScenario } from './regression.ts';
import type { Scenario } from './scenario.ts';

/** What `npm run simulate` was asked for. */
export interface SimulateArguments {
  seeds: number;
  /** The first of them. */
  seed: number;
  peers: { least: number; most: number };
  /** All seeds draw this plot. */
  plot: string | undefined;
  /** In place of what seeds stand for. */
  scenario: Scenario | undefined;
  /** Steps left out, by number: a smaller scenario. */
  without: number[];
  /** The storm ends this early, ms. */
  stormMs: number | undefined;
  /** Threads. */
  jobs: number;
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

export const USAGE = `Usage: npm run simulate -- [--seeds 100] [--seed FIRST] [--peers 3..5] [--jobs 2]
  --seed N --seeds 1     replays one seed (with --without 3,7 and --storm MS as a failure prints them)
  --plot NAME            all seeds draw this plot (test/simulator/plots/)
  --scenario FILE        runs a scenario that was kept as JSON, as --shrink does and test/simulator/regressions/ has them
  --lines 200            lines of the timeline that a failure prints
  --verbose              every line of it, also those that seldom matter
  --shrink               looks for a smaller scenario that fails, too
  --mutants [--mutant NAME,NAME]  plants bugs of our own, and shows within how many seeds each is found, and by which checkers
  --likely               hunts each only in its own plots, so many seeds of each: quick
  --every                goes on after a mutant was found: shows all the checkers that find it, and how often it changes anything at all
  --scale 10,100,300     what clusters of these sizes cost at rest, a peer and second, and how quick they are; with --rest only the former, without pods
  --pods 9000 --lose 30  with --scale: so many pods run, and so many hosts lose their power at once
  --counts               how often each kind of fault took effect, and in how many seeds
  --json                 results as JSON lines`;

export function parseArguments(words: readonly string[]): SimulateArguments {
  const given: SimulateArguments = {
    seeds: 100,
    seed: 1,
    peers: { least: 3, most: 5 },
    plot: undefined,
    scenario: undefined,
    without: [],
    stormMs: undefined,
    jobs: 2,
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
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const name = word;
    const value = (): string => {
      const next = queue.shift();
      if (next === undefined) throw new Error(`${name} wants a value\n${USAGE}`);
      return next;
    };
    switch (name) {
      case '--seeds':
        given.seeds = natural(name, value());
        break;
      case '--seed':
        given.seed = natural(name, value());
        break;
      case '--peers':
        given.peers = range(name, value());
        break;
      case '--plot':
        given.plot = value();
        break;
      case '--scenario':
        given.scenario = readScenario(value());
        given.seed = given.scenario.seed;
        given.seeds = 1;
        break;
      case '--without':
        given.without = value()
          .split(',')
          .map((id) => natural(name, id));
        break;
      case '--storm':
        given.stormMs = natural(name, value());
        break;
      case '--jobs':
        given.jobs = Math.max(1, natural(name, value()));
        break;
      case '--lines':
        given.lines = natural(name, value());
        break;
      case '--scale':
        given.scale = value()
          .split(',')
          .map((size) => natural(name, size));
        break;
      case '--pods':
        given.pods = natural(name, value());
        break;
      case '--lose':
        given.lose = natural(name, value());
        break;
      case '--mutant':
        given.mutant = value();
        given.mutants = true;
        break;
      case '--verbose':
      case '--shrink':
      case '--mutants':
      case '--every':
      case '--likely':
      case '--rest':
      case '--json':
      case '--counts':
        given[name.slice(2) as 'verbose' | 'shrink' | 'mutants' | 'every' | 'likely' | 'rest' | 'json' | 'counts'] = true;
        break;
      default:
        throw new Error(`unknown option ${name}\n${USAGE}`);
    }
  }
  const [smallest = 0] = given.scale.toSorted((left, right) => left - right);
  if (given.pods !== undefined && given.lose >= smallest) throw new Error(`--pods wants --scale with more hosts than --lose\n${USAGE}`);
  return given;
}

function natural(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${name} wants a number, not ${JSON.stringify(text)}\n${USAGE}`);
  return Number(text);
}

function range(name: string, text: string): { least: number; most: number } {
  const [least = '', most = least] = text.split('..');
  const found = { least: natural(name, least), most: natural(name, most) };
  if (found.least < 1 || found.most < found.least)
    throw new Error(`${name} wants something like 3..5, not ${JSON.stringify(text)}\n${USAGE}`);
  return found;
}
