import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SimulateArguments } from './args.ts';
import { Crew } from './crew.ts';
import { FaultSums } from './faults.ts';
import { Report } from './report.ts';
import type { Scenario } from './scenario.ts';
import { mayShrink, shrink } from './shrink.ts';
import type { Shrunk } from './shrink.ts';
import { replayCommand } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** How often the state of affairs is told in a pipe, ms. */
const TELL_EVERY_MS = 10_000;

/** Runs all seeds, tells how it goes, and how each failure is seen again. @returns the exit code */
export async function runSeeds(given: SimulateArguments, url: URL): Promise<number> {
  const { seeds, seed: first, jobs } = given;
  const crew = new Crew(url, { size: Math.min(jobs, seeds), timeoutMs: given.timeoutSeconds * 1_000 });
  const progress = new Progress(seeds, given.json);
  const failed: TaskResult[] = [];
  const faults = new FaultSums();
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + seeds) {
      const task = taskOf(given, next);
      next += 1;
      const result = await crew.run(task);
      progress.done(task, result);
      faults.add(result.faults);
      if (result.failure !== undefined) {
        failed.push(result);
        progress.say(failureText(task, result));
        if (given.shrink && mayShrink(result)) await shrinkOne(task, result, crew);
      } else if (given.verbose) progress.say(result.timeline);
    }
  };
  const shrinkOne = async (task: Task, result: TaskResult, crew: Crew): Promise<void> => {
    const shrunk = await shrink(task, result, crew, jobs);
    progress.say(await keepShrunk(shrunk, task, result));
  };
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, lane));
  } finally {
    await crew.end();
  }
  progress.end();
  if (given.counts) progress.say(faults.text());
  if (failed.length > 0) progress.say(`failed: ${tally(failed)}\nseeds: ${failed.map(({ seed }) => seed).join(' ')}`);
  const passed = progress.finished - failed.length;
  progress.say(`${passed} passed, ${failed.length} failed`);
  progress.record({ passed, failed: failed.length });
  return passed === seeds ? 0 : 1;
}

export function taskOf(given: SimulateArguments, seed: number): Task {
  const { peers, plot, without, stormMs, scenario, file, lines, verbose } = given;
  return { seed, peers, plot, without, stormMs, scenario, file, lines, verbose };
}

export function failureText(task: Task, { seed, plot, failure, timeline }: TaskResult): string {
  const [headline] = failure?.message.split('\n') ?? [];
  return [`seed ${seed} (${plot}) failed: ${headline}`, `again: ${replayCommand(task)}`, ...linesOf(timeline)].join('\n');
}

/** Keeps the scenario: what was found by shrinking is no seed's any more. @returns what it is, and how it is seen again */
export async function keepShrunk({ scenario, result, runs, tookMs }: Shrunk, task: Task, before: TaskResult): Promise<string> {
  const { seed, mutant } = task;
  const file = await keep(scenario, mutant === undefined ? `seed-${seed}` : `${mutant}-${before.plot}-${seed}`);
  const size = `${scenario.peers} peers, ${result.steps} of ${before.steps} steps, ${Math.round(scenario.stormMs / 1000)} s`;
  return [
    `shrunk in ${runs} runs and ${Math.round(tookMs / 1000)} s to ${size}: ${result.failure?.message}`,
    `again: ${replayCommand({ ...task, scenario, file, without: [], stormMs: undefined })}`,
    ...linesOf(result.timeline),
  ].join('\n');
}

function linesOf(timeline: string): string[] {
  return timeline === '' ? [] : [timeline];
}

async function keep(scenario: Scenario, name: string): Promise<string> {
  const folder = path.join('.cache', 'scenarios');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name}.json`);
  await writeFile(file, `${JSON.stringify(scenario, undefined, 2)}\n`);
  return file;
}

function tally(failed: readonly TaskResult[]): string {
  const counts = new Map<string, number>();
  for (const { failure } of failed) counts.set(failure?.checker ?? '', (counts.get(failure?.checker ?? '') ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
}

/** One line that moves on a terminal, a line now and then in a pipe. */
class Progress extends Report {
  /** Runs that came to an end, or were given up. */
  finished = 0;
  private readonly total: number;
  private readonly startedAt = Date.now();
  private toldAt = Date.now();
  private failures = 0;
  private virtualMs = 0;

  constructor(total: number, isJson: boolean) {
    super(isJson);
    this.total = total;
  }

  done(task: Task, result: TaskResult): void {
    this.finished += 1;
    this.virtualMs += result.virtualMs;
    if (result.failure !== undefined) this.failures += 1;
    this.record({ ...result, timeline: undefined, again: replayCommand(task) });
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${this.text()}`);
    else if (Date.now() - this.toldAt >= TELL_EVERY_MS) {
      this.toldAt = Date.now();
      process.stderr.write(`${this.text()}\n`);
    }
  }

  end(): void {
    process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${this.text()}\n`);
  }

  private text(): string {
    const seconds = (Date.now() - this.startedAt) / 1000;
    const perSecond = (this.finished / Math.max(seconds, 0.001)).toFixed(2);
    const faster = (this.virtualMs / 1000 / Math.max(seconds, 0.001)).toFixed(0);
    return `${this.finished} of ${this.total} seeds, ${this.failures} failed, ${perSecond} a second, ${faster} times faster than life`;
  }
}
