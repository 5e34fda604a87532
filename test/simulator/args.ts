/** What `npm run simulate` was asked for. */
export interface SimulateArguments {
  seeds: number;
  /** The first of them. */
  seed: number;
  peers: { least: number; most: number };
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
  /** Only these mutants. */
  mutant: string | undefined;
  /** Sizes of clusters to measure. */
  scale: number[];
  json: boolean;
}

export const USAGE = `Usage: npm run simulate -- [--seeds 100] [--seed FIRST] [--peers 3..5] [--jobs 2]
  --seed N --seeds 1     replays one seed (with --without 3,7 and --storm MS as a failure prints them)
  --lines 200            lines of the timeline that a failure prints
  --verbose              every line of it, also those that seldom matter
  --shrink               looks for a smaller scenario that fails, too
  --mutants [--mutant NAME]  plants bugs of our own, and shows within how many seeds each is found
  --scale 10,100,300     what clusters of these sizes cost at rest, a peer and second, and how quick they are
  --json                 results as JSON lines`;

export function parseArguments(words: readonly string[]): SimulateArguments {
  const given: SimulateArguments = {
    seeds: 100,
    seed: 1,
    peers: { least: 3, most: 5 },
    without: [],
    stormMs: undefined,
    jobs: 2,
    lines: 120,
    verbose: false,
    shrink: false,
    mutants: false,
    mutant: undefined,
    scale: [],
    json: false,
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
      case '--mutant':
        given.mutant = value();
        given.mutants = true;
        break;
      case '--verbose':
      case '--shrink':
      case '--mutants':
      case '--json':
        given[name.slice(2) as 'verbose' | 'shrink' | 'mutants' | 'json'] = true;
        break;
      default:
        throw new Error(`unknown option ${name}\n${USAGE}`);
    }
  }
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
