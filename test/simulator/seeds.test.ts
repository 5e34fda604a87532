import { describe, expect, it } from 'vitest';
import { replayCommand, runTask } from './task.ts';
import type { Task } from './task.ts';

/** Seeds of every run of the tests. `npm run simulate -- --seeds 1000` runs more. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 9];
const BASE = { peers: { least: 3, most: 5 }, without: [], stormMs: undefined, lines: 150, verbose: false };

describe('a cluster on bad days', () => {
  it.each(SEEDS)(
    'keeps its promises: seed %i',
    async (seed) => {
      const task: Task = { ...BASE, seed };
      const { failure, timeline } = await runTask(task);
      const report = failure === undefined ? '' : `seed ${seed}: ${failure.message}\nagain: ${replayCommand(task)}\n${timeline}`;
      expect(report).toBe('');
    },
    120_000,
  );
});
