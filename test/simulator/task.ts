import { drawScenario } from './draw-scenario.ts';
import type { FaultCounts } from './faults.ts';
import { plotOf, STORM } from './plots/all.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import type { Timeline } from './timeline.ts';

/** One seed to run, and how much of its scenario. */
export interface Task {
  seed: number;
  peers: { least: number; most: number };
  /** Draws this plot, whatever the seed would have. */
  plot?: string | undefined;
  without: readonly number[];
  stormMs: number | undefined;
  /** In place of what the seed stands for. */
  scenario?: Scenario | undefined;
  /** Which that is from. */
  file?: string | undefined;
  /** The bug that is planted in what runs it. */
  mutant?: string | undefined;
  /** Virtual ms after which a run that has not failed counts as one that passes. */
  giveUpMs?: number | undefined;
  lines: number;
  verbose: boolean;
}

export interface TaskResult {
  seed: number;
  plot: string;
  failure: { checker: string; message: string } | undefined;
  digest: string;
  virtualMs: number;
  realMs: number;
  /** Of the storm, when the failure was noticed. */
  stormMs: number;
  /** Steps of the scenario that were run. */
  steps: number;
  /** What went wrong in truth. */
  faults: FaultCounts;
  /** Of a failure. */
  timeline: string;
}

/** @throws Error when a step is to be left out that there is not */
export function scenarioOf(task: Pick<Task, 'seed' | 'peers' | 'plot' | 'without' | 'stormMs' | 'scenario'>): Scenario {
  const whole = task.scenario ?? drawScenario(task.seed, { peers: task.peers, plot: task.plot });
  const stormMs = Math.min(whole.stormMs, task.stormMs ?? Infinity);
  const without = new Set(task.without);
  for (const { id } of whole.steps) without.delete(id);
  const [unknown] = without;
  if (unknown !== undefined) throw new Error(`--without ${unknown}: there is no such step, but ${whole.steps.length} from 0 on`);
  return { ...whole, stormMs, steps: whole.steps.filter(({ id, at }) => !task.without.includes(id) && at <= stormMs) };
}

/** Without drawing anything else. */
export function plotNameOf({ seed, peers, plot, scenario }: Task): string {
  return scenario?.plot ?? plotOf(seed, peers.most, plot)?.name ?? STORM;
}

export async function runTask(task: Task): Promise<TaskResult> {
  const scenario = scenarioOf(task);
  const began = performance.now();
  const { failure, digest, virtualMs, stormMs, timeline, faults } = await runScenario(scenario, { giveUpMs: task.giveUpMs });
  const realMs = Math.round(performance.now() - began);
  const text = failure === undefined && !task.verbose ? '' : textOf(timeline, failure?.message ?? '', task);
  const { seed, plot, steps } = scenario;
  return { seed, plot, failure, digest, virtualMs, realMs, stormMs, steps: steps.length, faults, timeline: text };
}

/** Lines on what the failure names. */
const MOST_ABOUT = 60;
/** Keys of objects and uids. */
const NAMED = /[a-z]+(?:\.[a-z.]+)?\/[a-z0-9-]*\/[a-z0-9.-]*[a-z0-9]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function textOf(timeline: Timeline, failure: string, { lines, verbose }: Task): string {
  const last = timeline.text(lines, verbose);
  const names = [...new Set(failure.match(NAMED))].map((name) => name.slice(name.lastIndexOf('/') + 1));
  const about = verbose || lines === 0 || names.length === 0 ? '' : timeline.about(names, MOST_ABOUT);
  return about === ''
    ? last
    : [`what was said of ${names.join(' and ')}, and what befell hosts:`, about, 'the last of all:', last].join('\n');
}

/** The words that run exactly this again. */
export function replayCommand(task: Omit<Task, 'lines' | 'verbose'>): string {
  const { seed, peers, plot, without, stormMs, file, mutant } = task;
  const words = ['npm run simulate --'];
  if (mutant !== undefined) words.push(`--mutant ${mutant}`);
  if (file !== undefined) words.push(`--scenario ${shellWord(file)}`);
  else words.push(`--seed ${seed} --seeds 1 --peers ${peers.least}..${peers.most}`);
  if (file === undefined && plot !== undefined) words.push(`--plot ${plot}`);
  if (without.length > 0) words.push(`--without ${without.join()}`);
  if (stormMs !== undefined) words.push(`--storm ${stormMs}`);
  return words.join(' ');
}

/** For a POSIX shell. */
function shellWord(word: string): string {
  return /^[\w./:@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
