import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { SimulateArguments } from './args.ts';
import { Crew } from './crew.ts';
import type { CrewOptions } from './crew.ts';
import { MUTANTS } from './mutants/all.ts';
import type { Mutant } from './mutants/mutant.ts';
import { buildMutant } from './planting.ts';
import { allCheckers } from './checkers/all.ts';
import { readScenario } from './regression.ts';
import { Report } from './report.ts';
import { failureText, keepShrunk, taskOf } from './seeds.ts';
import { mayShrink, shrink } from './shrink.ts';
import { plotNameOf } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** Where scenarios are kept. */
const REGRESSIONS = path.join('test', 'simulator', 'regressions');

interface Catch {
  checker: string;
  plot: string;
  /** 0: by the scenario that is kept for it. */
  seeds: number;
}

interface Hunted {
  /** The first one in the order of seeds. */
  found: Catch | undefined;
  /** Seeds that were run, and, with `--every`, those of them that ran otherwise than without the bug. */
  ran: number;
  touched: number;
  /** Failures by checker. */
  checkers: Map<string, number>;
}

/** Plants each bug in turn and runs seeds until one fails. @returns the exit code */
export async function huntMutants(given: SimulateArguments, url: URL): Promise<number> {
  const names = given.mutant?.split(',');
  const wanted = MUTANTS.filter(({ name }) => names === undefined || names.includes(name));
  const unknown = names?.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) throw new Error(`no mutant is called ${unknown}: there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  const report = new Report(given.json);
  const folder = path.join(process.cwd(), 'dist', 'mutants', String(process.pid));
  const healthy = new Healthy(given, url);
  const sick = new Set<string>();
  const tripped = new Map<string, string[]>();
  let missed = 0;
  try {
    for (const mutant of wanted) {
      const { found, ran, touched, checkers } = await hunt(mutant, given, { healthy, sick, report, folder });
      const seen = found === undefined ? `MISSED in ${ran} seeds` : seenText(found);
      const by = [...checkers].map(([name, count]) => (count > 1 ? `${name} ×${count}` : name)).join(', ');
      const otherwise = given.every ? `${touched} of ${ran} ran otherwise` : '';
      report.say(`${mutant.name.padEnd(26)} ${seen.padEnd(36)} ${otherwise.padEnd(24)} ${by}`);
      report.record({ mutant: mutant.name, found, ran, ...(given.every ? { touched } : {}), checkers: Object.fromEntries(checkers) });
      if (found === undefined) missed += 1;
      for (const name of checkers.keys()) tripped.set(name, [...(tripped.get(name) ?? []), mutant.name]);
    }
  } finally {
    // Its threads would keep the process.
    await healthy.end();
    await rm(folder, { recursive: true, force: true });
  }
  report.say('');
  for (const { name } of allCheckers())
    if (given.mutant === undefined || tripped.has(name))
      report.say(`${name.padEnd(36)} ${tripped.get(name)?.join(', ') ?? 'tripped by none of these'}`);
  if (sick.size > 0) report.say(`left out, since they fail without any mutant: ${[...sick].join(', ')}`);
  report.say(`${wanted.length - missed} found, ${missed} missed`);
  report.record({ found: wanted.length - missed, missed, sick: [...sick] });
  return missed === 0 ? 0 : 1;
}

function seenText({ seeds, plot }: Catch): string {
  return seeds === 0 ? 'by a scenario' : `within ${String(seeds).padStart(2)} seeds (${plot})`;
}

/** What the code does without the bug, once a seed. */
class Healthy {
  private readonly crew: Crew;
  private readonly results = new Map<string, Promise<TaskResult>>();

  constructor(given: SimulateArguments, url: URL) {
    this.crew = new Crew(url, crewOptions(given));
  }

  async run(task: Task): Promise<TaskResult> {
    const key = `${task.file ?? task.plot} ${task.seed}`;
    const known = this.results.get(key) ?? this.crew.run({ ...task, mutant: undefined });
    this.results.set(key, known);
    return known;
  }

  async end(): Promise<void> {
    await this.crew.end();
  }
}

/**
 * Those in which the bug is likely to show come first, and alone with `--likely`: that many seeds of each of its plots, in turn. So what seeds draw by themselves does not
 * matter to within how many of them it is found.
 */
function inOrder({ name, plots, scenario }: Mutant, given: SimulateArguments): Task[] {
  const seeds = Array.from({ length: given.seeds }, (_, index) => given.seed + index);
  const planted = (seed: number, plot?: string): Task => {
    const task = { ...taskOf(given, seed), mutant: name };
    // What it is seen again by names the plot: with the bug alone, its own plots would come first.
    return given.scenario === undefined ? { ...task, plot: plot ?? plotNameOf(task) } : task;
  };
  const drawn = seeds.map((seed) => planted(seed));
  if (given.plot !== undefined || given.scenario !== undefined || (plots ?? scenario) === undefined) return drawn;
  const likely = seeds.flatMap((seed) => (plots ?? []).map((plot) => planted(seed, plot)));
  if (scenario !== undefined) {
    const file = path.join(REGRESSIONS, scenario);
    const kept = readScenario(file);
    likely.unshift({ ...taskOf({ ...given, scenario: kept, file }, kept.seed), mutant: name });
  }
  return given.likely ? likely : [...likely, ...drawn];
}

function crewOptions({ jobs, timeoutSeconds }: SimulateArguments): CrewOptions {
  return { size: jobs, timeoutMs: timeoutSeconds * 1_000 };
}

interface Hunting {
  healthy: Healthy;
  /** Seeds that the healthy code fails, too: they say nothing about a mutant. */
  sick: Set<string>;
  report: Report;
  /** Where programs with bugs in them are built. */
  folder: string;
}

async function hunt(mutant: Mutant, given: SimulateArguments, { healthy, sick, report, folder }: Hunting): Promise<Hunted> {
  const crew = new Crew(await buildMutant(mutant, path.join(folder, mutant.name)), crewOptions(given));
  const hunted: Hunted = { found: undefined, ran: 0, touched: 0, checkers: new Map() };
  const queue = inOrder(mutant, given);
  const next = (): Task | undefined => (hunted.found === undefined || given.every ? queue.shift() : undefined);
  const lane = async (): Promise<void> => {
    for (let task = next(); task !== undefined; task = next()) {
      const { seed } = task;
      const result = await crew.run(task);
      const { failure, plot } = result;
      hunted.ran += 1;
      // Who names one bug wants to see what it does.
      if (failure !== undefined && (given.verbose || given.shrink || MUTANTS.some(({ name }) => name === given.mutant)))
        report.say(failureText(task, result));
      else if (given.verbose) report.say(`seed ${seed} (${plot}) passed\n${result.timeline}`);
      // Without the bug: only where it matters, since that costs as much again.
      const before = failure === undefined && !given.every ? undefined : await healthy.run(task);
      if (before?.digest !== result.digest) hunted.touched += 1;
      if (before?.failure !== undefined) sick.add(`${plot} ${seed}`);
      if (failure === undefined || before?.failure !== undefined) continue;
      hunted.checkers.set(failure.checker, (hunted.checkers.get(failure.checker) ?? 0) + 1);
      const caught = { checker: failure.checker, plot, seeds: task.file === undefined ? seed - given.seed + 1 : 0 };
      if (hunted.found === undefined || hunted.found.seeds > caught.seeds) hunted.found = caught;
      if (given.shrink && mayShrink(result)) report.say(await keepShrunk(await shrink(task, result, crew, given.jobs), task, result));
    }
  };
  try {
    await Promise.all(Array.from({ length: given.jobs }, lane));
  } finally {
    await crew.end();
  }
  return hunted;
}
