import { describe, expect, it } from 'vitest';
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarioOf } from './task.ts';

const scenario = (seed: number, documents: Scenario['documents']): Scenario => ({
  ...scenarioOf({ seed, peers: { least: 3, most: 4 }, without: [], stormMs: 15_000 }),
  documents,
});

describe('a run of the simulator', () => {
  it.each(['light', 'automerge'] as const)(
    'is the same for the same seed, line by line, and another for another (%s)',
    async (documents) => {
      const first = await runScenario(scenario(7, documents));
      const again = await runScenario(scenario(7, documents));
      const other = await runScenario(scenario(8, documents));
      expect(again.digest).toBe(first.digest);
      expect(again.timeline.length).toBe(first.timeline.length);
      expect(other.digest).not.toBe(first.digest);
    },
    1_200_000,
  );
});
