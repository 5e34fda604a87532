import { drawScenario } from './draw-scenario.ts';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';

/** One seed to run, and how much of its scenario. */
export interface Task {
  seed: number;
  peers: { least: number; most: number };
  without: readonly number[];
  stormMs: number | undefined;
  lines: number;
  verbose: boolean;
}

export interface TaskResult {
  seed: number;
  failure: { checker: string; message: string } | undefined;
  digest: string;
  virtualMs: number;
  realMs: number;
  /** Steps of the scenario that were run. */
  steps: number;
  /** Of a failure. */
  timeline: string;
}

export function scenarioOf(task: Pick<Task, 'seed' | 'peers' | 'without' | 'stormMs'>): Scenario {
  const drawn = drawScenario(task.seed, { peers: task.peers });
  const without = new Set(task.without);
  const stormMs = Math.min(drawn.stormMs, task.stormMs ?? Infinity);
  return { ...drawn, stormMs, steps: drawn.steps.filter(({ id, at }) => !without.has(id) && at <= stormMs) };
}

export async function runTask(task: Task): Promise<TaskResult> {
  const scenario = scenarioOf(task);
  const began = performance.now();
  const { failure, digest, virtualMs, timeline } = await runScenario(scenario);
  const realMs = Math.round(performance.now() - began);
  const text = failure === undefined && !task.verbose ? '' : timeline.text(task.lines, task.verbose);
  return { seed: task.seed, failure, digest, virtualMs, realMs, steps: scenario.steps.length, timeline: text };
}

/** The words that run exactly this again. */
export function replayCommand({ seed, peers, without, stormMs }: Pick<Task, 'seed' | 'peers' | 'without' | 'stormMs'>): string {
  const words = ['npm run simulate --', `--seed ${seed} --seeds 1 --peers ${peers.least}..${peers.most}`];
  if (without.length > 0) words.push(`--without ${without.join()}`);
  if (stormMs !== undefined) words.push(`--storm ${stormMs}`);
  return words.join(' ');
}
