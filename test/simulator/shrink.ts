import type { SimulateArguments } from './args.ts';
import type { Crew } from './crew.ts';
import { scenarioOf } from './task.ts';
import type { Task, TaskResult } from './task.ts';

/** Runs that one search may take. */
const MOST_RUNS = 150;

/**
 * Looks for a smaller scenario that breaks the same promise: the storm cut short, then ever smaller pieces of its steps left out (after Zeller's ddmin). Peers are not
 * left out: another number of them is another draw.
 */
export async function shrink(
  task: Task,
  failed: TaskResult,
  crew: Crew,
  given: SimulateArguments,
): Promise<{ task: Task; result: TaskResult }> {
  let best = { task, result: failed };
  let runs = 0;
  const tries = async (candidates: readonly Task[]): Promise<boolean> => {
    for (let start = 0; start < candidates.length && runs < MOST_RUNS; start += given.jobs) {
      const batch = candidates.slice(start, start + given.jobs);
      runs += batch.length;
      const results = await Promise.all(batch.map(async (candidate) => ({ task: candidate, result: await crew.run(candidate) })));
      const smaller = results.find(({ result }) => result.failure?.checker === failed.failure?.checker);
      if (smaller === undefined) continue;
      best = smaller;
      return true;
    }
    return false;
  };
  const shorter = (): Task[] => {
    const { stormMs } = scenarioOf(best.task);
    return [0.25, 0.5, 0.75, 0.9].map((share) => ({ ...best.task, stormMs: Math.round(stormMs * share) }));
  };
  while (await tries(shorter()));
  for (let pieces = 2; runs < MOST_RUNS;) {
    const { steps, stormMs } = scenarioOf(best.task);
    const ids = steps.filter(({ at }) => at <= stormMs).map(({ id }) => id);
    if (ids.length === 0) break;
    const size = Math.ceil(ids.length / pieces);
    const candidates: Task[] = [];
    for (let start = 0; start < ids.length; start += size) {
      candidates.push({
        ...best.task,
        without: [...best.task.without, ...ids.slice(start, start + size)].sort((left, right) => left - right),
      });
    }
    if (await tries(candidates)) pieces = Math.max(2, pieces - 1);
    else if (size <= 1) break;
    else pieces = Math.min(ids.length, pieces * 2);
  }
  return best;
}
