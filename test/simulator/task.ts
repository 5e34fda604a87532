import { drawScenario } from './draw-scenario.ts';
import type { FaultCounts } from './faults.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';

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

export function scenarioOf(task: Pick<Task, 'seed' | 'peers' | 'plot' | 'without' | 'stormMs' | 'scenario'>): Scenario {
  if (task.scenario !== undefined) return task.scenario;
  const drawn = drawScenario(task.seed, { peers: task.peers, plot: task.plot });
  const without = new Set(task.without);
  const stormMs = Math.min(drawn.stormMs, task.stormMs ?? Infinity);
  return { ...drawn, stormMs, steps: drawn.steps.filter(({ id, at }) => !without.has(id) && at <= stormMs) };
}

export async function runTask(task: Task): Promise<TaskResult> {
  const scenario = scenarioOf(task);
  const began = performance.now();
  const { failure, digest, virtualMs, stormMs, timeline, faults } = await runScenario(scenario, { giveUpMs: task.giveUpMs });
  const realMs = Math.round(performance.now() - began);
  const text = failure === undefined && !task.verbose ? '' : timeline.text(task.lines, task.verbose);
  const { seed, plot, steps } = scenario;
  return { seed, plot, failure, digest, virtualMs, realMs, stormMs, steps: steps.length, faults, timeline: text };
}

/** The words that run exactly this again. */
export function replayCommand({ seed, peers, plot, without, stormMs }: Omit<Task, 'lines' | 'verbose'>): string {
  const words = ['npm run simulate --', `--seed ${seed} --seeds 1 --peers ${peers.least}..${peers.most}`];
  if (plot !== undefined) words.push(`--plot ${plot}`);
  if (without.length > 0) words.push(`--without ${without.join()}`);
  if (stormMs !== undefined) words.push(`--storm ${stormMs}`);
  return words.join(' ');
}
