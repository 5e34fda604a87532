import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SimulateArguments } from './args.ts';
import { Crew } from './crew.ts';
import { FaultSums } from './faults.ts';
import type { Scenario } from './scenario.ts';
import { shrink } from './shrink.ts';
import type { Shrunk } from './shrink.ts';
import { replayCommand } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** How often the state of affairs is told in a pipe, ms. */
const TELL_EVERY_MS = 10_000;

/** Runs all seeds, tells how it goes, and how each failure is seen again. @returns the exit code */
export async function runSeeds(given: SimulateArguments, url: URL): Promise<number> {
  const { seeds, seed: first, jobs } = given;
  const crew = new Crew(url, Math.min(jobs, seeds));
  const progress = new Progress(seeds, given.json);
  const failed: TaskResult[] = [];
  const faults = new FaultSums();
  const lane = async (from: number): Promise<void> => {
    for (let seed = from; seed < first + seeds; seed += jobs) {
      const task = taskOf(given, seed);
      const result = await crew.run(task);
      progress.done(result);
      faults.add(result.faults);
      if (result.failure !== undefined) {
        failed.push(result);
        progress.say(failureText(task, result));
        if (given.shrink) {
          const shrunk = await shrink(task, result, crew, jobs);
          progress.say(await shrunkText(shrunk, result, `seed-${seed}`));
        }
      } else if (given.verbose) progress.say(result.timeline);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, index) => lane(first + index)));
  await crew.end();
  progress.end();
  if (given.counts) process.stdout.write(`${faults.text()}\n`);
  if (failed.length > 0) process.stdout.write(`failed: ${tally(failed)}\nseeds: ${failed.map(({ seed }) => seed).join(' ')}\n`);
  process.stdout.write(`${seeds - failed.length} passed, ${failed.length} failed\n`);
  return failed.length === 0 ? 0 : 1;
}

export function taskOf(given: SimulateArguments, seed: number): Task {
  const { peers, plot, without, stormMs, scenario, lines, verbose } = given;
  return { seed, peers, plot, without, stormMs, scenario, lines, verbose };
}

export function failureText(task: Task, { seed, plot, failure, timeline }: TaskResult): string {
  const [headline] = failure?.message.split('\n') ?? [];
  return [`seed ${seed} (${plot}) failed: ${headline}`, `again: ${replayCommand(task)}`, timeline].join('\n');
}

/** Keeps the scenario, and tells how it is seen again. */
export async function shrunkText({ scenario, result, runs, tookMs }: Shrunk, before: TaskResult, name: string): Promise<string> {
  const file = await keep(scenario, name);
  const size = `${scenario.peers} peers, ${result.steps} of ${before.steps} steps, ${Math.round(scenario.stormMs / 1000)} s`;
  return [
    `shrunk in ${runs} runs and ${Math.round(tookMs / 1000)} s to ${size}: ${result.failure?.message}`,
    `again: npm run simulate -- --scenario ${file}`,
    result.timeline,
  ].join('\n');
}

/** A scenario that was found by shrinking is no seed's any more: it is kept as it is. */
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
class Progress {
  private readonly total: number;
  private readonly json: boolean;
  private readonly startedAt = Date.now();
  private toldAt = Date.now();
  private finished = 0;
  private failures = 0;
  private virtualMs = 0;

  constructor(total: number, json: boolean) {
    this.total = total;
    this.json = json;
  }

  done(result: TaskResult): void {
    this.finished += 1;
    this.virtualMs += result.virtualMs;
    if (result.failure !== undefined) this.failures += 1;
    if (this.json) process.stdout.write(`${JSON.stringify({ ...result, timeline: undefined })}\n`);
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${this.text()}`);
    else if (Date.now() - this.toldAt >= TELL_EVERY_MS) {
      this.toldAt = Date.now();
      process.stderr.write(`${this.text()}\n`);
    }
  }

  say(text: string): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    process.stdout.write(`${text}\n`);
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
