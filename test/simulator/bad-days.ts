import { expect, it } from 'vitest';
import { FaultSums, SELDOM } from './faults.ts';
import { replayCommand, runTask } from './task.ts';
import type { Task } from './task.ts';

/** Long for what takes seconds: a machine may be busy. */
const TEST_MS = 300_000;
const BASE = { peers: { least: 3, most: 5 }, without: [], stormMs: undefined, lines: 150, verbose: false };

/** What came about in the runs of one file of tests. */
const faults = new FaultSums();

/** One test a seed; a failure shows how to see it again. `npm run simulate -- --seeds 1000` runs more. */
export function testSeeds(seeds: readonly number[], plot?: string): void {
  it.each(seeds)(
    `keeps its promises: seed %i${plot === undefined ? '' : ` of ${plot}`}`,
    async (seed) => {
      const task: Task = { ...BASE, seed, plot };
      const result = await runTask(task);
      const { failure, timeline } = result;
      faults.add(result.faults);
      const report = failure === undefined ? '' : `seed ${seed}: ${failure.message}\nagain: ${replayCommand(task)}\n${timeline}`;
      expect(report).toBe('');
    },
    TEST_MS,
  );
}

/** After them: what nothing ever befalls is not tested. @param runs that there are when none is left out */
export function testFaults(runs: number): void {
  it('and each kind of fault took effect in some of them', ({ skip }) => {
    if (faults.runs < runs) skip('not all seeds were run');
    expect(faults.missing().filter((fault) => !SELDOM.has(fault))).toEqual([]);
  });
}

export function every(step: number, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + step * index);
}
