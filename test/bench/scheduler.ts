import { performance } from 'node:perf_hooks';
import { benchScheduler as placeMany } from '../support/scheduler-bench.ts';
import type { BenchArguments } from './args.ts';

const SIZES = [100, 1000];
const DEFAULT_PODS = 10_000;
const ROUNDS = 3;

/** Pods placed a second, planning only, with what is bound counted anew for each batch of 500; the best of three rounds. */
export async function benchScheduler(
  given: BenchArguments,
  say: (text: string) => void,
): Promise<{ placementsPerSecond: Record<string, number> }> {
  const pods = given.numbers.get('pods') ?? DEFAULT_PODS;
  const placementsPerSecond: Record<string, number> = {};
  for (const nodes of SIZES)
    for (const withRules of [false, true]) {
      const title = withRules ? `${nodes} nodes, with affinity and spread` : `${nodes} nodes`;
      say(`scheduler: ${pods} pods on ${title}`);
      const rounds = Array.from({ length: ROUNDS }, () => placeMany(nodes, pods, () => performance.now(), withRules).placementsPerSecond);
      placementsPerSecond[withRules ? `${nodes}, with rules` : nodes] = Math.max(...rounds);
    }
  return { placementsPerSecond };
}
