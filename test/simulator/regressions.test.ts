import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readScenario } from './regression.ts';
import { runTask } from './task.ts';

const folder = path.join(import.meta.dirname, 'regressions');
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

/** What failed once, by the scenario itself. Made by `--shrink`, which keeps what it finds under `.cache/scenarios`. */
describe('a bad day that was too bad once', () => {
  it.each(files)(
    'is not any more: %s',
    async (file) => {
      const scenario = readScenario(path.join(folder, file));
      const base = { peers: { least: scenario.peers, most: scenario.peers }, without: [], stormMs: undefined, lines: 150, verbose: false };
      const { failure, timeline } = await runTask({ ...base, seed: scenario.seed, scenario });
      expect(failure === undefined ? '' : `${failure.message}\n${timeline}`).toBe('');
    },
    120_000,
  );
});
