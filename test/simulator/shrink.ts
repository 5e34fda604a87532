import { TIMED_OUT } from './crew.ts';
import type { Crew } from './crew.ts';
import { actWithout } from './lesser-acts.ts';
import type { Act, Scenario, Step } from './scenario.ts';
import { scenarioOf } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** Runs that one search may take. */
const MOST_RUNS = 250;
/** A smaller scenario that does not fail in twice the time of the first is taken for one that passes. */
const PATIENCE = 2;
const PATIENCE_MS = 30_000;
/** Shorter faults are not tried. */
const SHORTEST_MS = 500;

export interface Shrunk {
  scenario: Scenario;
  result: TaskResult;
  runs: number;
  tookMs: number;
}

/**
 * Looks for a smaller scenario that breaks the same promise. First all at once that can not matter: what comes after the failure. Then ever smaller pieces of the steps
 * left out (after Zeller's ddmin), peers, the length of each fault, and the storm's end; all of it again until nothing more can go.
 */
export async function shrink(task: Task, failed: TaskResult, crew: Crew, jobs: number): Promise<Shrunk> {
  const began = performance.now();
  const search = new Search(task, failed, crew, jobs);
  await search.cutOff();
  for (let before = Infinity; sizeOf(search.best) < before && search.mayGoOn();) {
    before = sizeOf(search.best);
    await search.fewerSteps();
    await search.fewerPeers();
    await search.shorterFaults();
    await search.shorterStorm();
  }
  return { scenario: search.best, result: search.result, runs: search.runs, tookMs: performance.now() - began };
}

/** What does not come to its end would be waited for again and again. */
export function mayShrink({ failure }: TaskResult): boolean {
  return failure !== undefined && failure.checker !== TIMED_OUT;
}

/** Less is better: peers count most, then steps, then how long they last. */
function sizeOf({ peers, stormMs, steps }: Scenario): number {
  const lasting = steps.reduce((sum, { act }) => sum + ('forMs' in act ? act.forMs : 0), 0);
  return peers * 1e9 + steps.length * 1e6 + stormMs + lasting;
}

class Search {
  best: Scenario;
  result: TaskResult;
  runs = 0;
  private readonly task: Task;
  private readonly crew: Crew;
  private readonly jobs: number;
  private readonly checker: string | undefined;

  constructor(task: Task, failed: TaskResult, crew: Crew, jobs: number) {
    // Steps that were left out are no part of what it begins with.
    this.task = { ...task, without: [], stormMs: undefined };
    this.best = scenarioOf(task);
    this.result = failed;
    this.crew = crew;
    this.jobs = jobs;
    this.checker = failed.failure?.checker;
  }

  mayGoOn(): boolean {
    return this.runs < MOST_RUNS;
  }

  /** What was to come after the failure had no part in it. */
  async cutOff(): Promise<void> {
    const end = this.result.stormMs;
    if (end < this.best.stormMs) await this.first([upTo(this.best, end + 1), upTo(this.best, end + 1_000)]);
  }

  async fewerSteps(): Promise<void> {
    for (let pieces = 2; this.mayGoOn() && this.best.steps.length > 0;) {
      const { steps } = this.best;
      const size = Math.ceil(steps.length / pieces);
      const candidates: Scenario[] = [];
      for (let start = 0; start < steps.length; start += size)
        candidates.push({ ...this.best, steps: [...steps.slice(0, start), ...steps.slice(start + size)] });
      if (await this.first(candidates)) pieces = Math.max(2, pieces - 1);
      else if (size <= 1) break;
      else pieces = Math.min(steps.length, pieces * 2);
    }
  }

  async fewerPeers(): Promise<void> {
    for (;;) {
      const { peers } = this.best;
      const candidates = Array.from({ length: peers }, (_, index) => withoutHost(this.best, peers - index));
      if (peers <= 2 || !(await this.first(candidates))) return;
    }
  }

  async shorterFaults(): Promise<void> {
    for (const { id } of this.best.steps) {
      for (;;) {
        const step = this.best.steps.find((each) => each.id === id);
        if (step === undefined || !('forMs' in step.act) || step.act.forMs < SHORTEST_MS * 2) break;
        const act: Act = { ...step.act, forMs: Math.round(step.act.forMs / 2) };
        const steps = this.best.steps.map((each): Step => (each.id === id ? { ...each, act } : each));
        if (!(await this.first([{ ...this.best, steps }]))) break;
      }
    }
  }

  async shorterStorm(): Promise<void> {
    const shorter = (): Scenario[] => [0.5, 0.75, 0.9].map((share) => upTo(this.best, Math.round(this.best.stormMs * share)));
    while (await this.first(shorter()));
  }

  /** Takes the first of the candidates that fails in the same way. @returns whether there is one */
  private async first(candidates: readonly Scenario[]): Promise<boolean> {
    const giveUpMs = this.result.virtualMs * PATIENCE + PATIENCE_MS;
    for (let start = 0; start < candidates.length && this.mayGoOn(); start += this.jobs) {
      const batch = candidates.slice(start, start + this.jobs);
      this.runs += batch.length;
      const results = await Promise.all(batch.map(async (scenario) => this.crew.run({ ...this.task, scenario, giveUpMs })));
      const index = results.findIndex(({ failure }) => failure?.checker === this.checker);
      const [scenario, result] = [batch[index], results[index]];
      if (scenario === undefined || result === undefined) continue;
      this.best = scenario;
      this.result = result;
      return true;
    }
    return false;
  }
}

function upTo(scenario: Scenario, stormMs: number): Scenario {
  return { ...scenario, stormMs, steps: scenario.steps.filter(({ at }) => at <= stormMs) };
}

/** The hosts after it move up by one. Those that join later come after all that are there from the start, and do so, too. */
export function withoutHost(scenario: Scenario, host: number): Scenario {
  const steps = scenario.steps.flatMap((step): Step[] => {
    const act = actWithout(step.act, host);
    return act === undefined ? [] : [{ ...step, act }];
  });
  const lesser = { ...scenario, peers: scenario.peers - 1, steps };
  if (scenario.releases === undefined) return lesser;
  const others = Object.entries(scenario.releases).filter(([index]) => Number(index) !== host);
  return {
    ...lesser,
    releases: Object.fromEntries(others.map(([index, release]) => [Number(index) - (Number(index) > host ? 1 : 0), release])),
  };
}
