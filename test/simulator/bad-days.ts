import { expect, it } from 'vitest';
import { replayCommand, runTask } from './task.ts';
import type { Task } from './task.ts';

const BASE = { peers: { least: 3, most: 5 }, without: [], stormMs: undefined, lines: 150, verbose: false };

/** One test a seed; a failure shows how to see it again. `npm run simulate -- --seeds 1000` runs more. */
export function testSeeds(seeds: readonly number[], plot?: string): void {
  it.each(seeds)(
    `keeps its promises: seed %i${plot === undefined ? '' : ` of ${plot}`}`,
    async (seed) => {
      const task: Task = { ...BASE, seed, plot };
      const { failure, timeline } = await runTask(task);
      const report = failure === undefined ? '' : `seed ${seed}: ${failure.message}\nagain: ${replayCommand(task)}\n${timeline}`;
      expect(report).toBe('');
    },
    120_000,
  );
}

export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
