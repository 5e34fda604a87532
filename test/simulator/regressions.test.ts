import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Crew } from './crew.ts';
import { MUTANTS } from './mutants/all.ts';
import { buildMutant } from './planting.ts';
import { readRegression } from './regression.ts';
import { replayCommand, runTask } from './task.ts';
import type { Task } from './task.ts';

const folder = path.join('test', 'simulator', 'regressions');
const REGRESSIONS = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((name) => ({ name, file: path.join(folder, name), ...readRegression(path.join(folder, name)) }));
const TIMEOUT_MS = 300_000;

function taskOf({ file, scenario }: (typeof REGRESSIONS)[number], mutant?: string): Task {
  const peers = { least: scenario.peers, most: scenario.peers };
  return { seed: scenario.seed, peers, without: [], stormMs: undefined, scenario, file, mutant, lines: 150, verbose: false };
}

/** What failed once, by the scenario itself. Made by `--shrink`, which keeps what it finds under `.cache/scenarios`. */
describe('a bad day that was too bad once', () => {
  it.each(REGRESSIONS)(
    'is not any more: $name',
    async (regression) => {
      const task = taskOf(regression);
      const { failure, timeline } = await runTask(task);
      expect(failure === undefined ? '' : `${failure.message}\nagain: ${replayCommand(task)}\n${timeline}`).toBe('');
    },
    TIMEOUT_MS,
  );
});

/** A scenario that passes with its mend undone guards nothing: it is to be hunted anew (docs/reliability.md). */
describe('a bad day that was too bad once would be so again', () => {
  const below = path.join(process.cwd(), 'dist', 'mutants', `regressions-${process.pid}`);
  const pairs = REGRESSIONS.flatMap((regression) =>
    Object.entries(regression.catches).map(([mutant, checker]) => ({ regression, name: regression.name, mutant, checker })),
  );
  const names = [...new Set(pairs.map(({ mutant }) => mutant))];
  afterAll(() => rmSync(below, { recursive: true, force: true }));

  it.each(names)(
    'with %s',
    async (name) => {
      const mutant = MUTANTS.find((each) => each.name === name);
      expect(mutant, 'it has a planted bug').toBeDefined();
      if (mutant === undefined) return;
      const crew = new Crew(await buildMutant(mutant, path.join(below, name)), { size: 1, timeoutMs: TIMEOUT_MS / 2 });
      try {
        for (const { regression, checker } of pairs.filter((pair) => pair.mutant === name)) {
          const task = taskOf(regression, name);
          const { failure, timeline } = await crew.run(task);
          expect(failure?.checker, `${regression.file}: ${failure?.message}\nagain: ${replayCommand(task)}\n${timeline}`).toBe(checker);
        }
      } finally {
        await crew.end();
      }
    },
    TIMEOUT_MS,
  );

  it('and each file that a planted bug names is there, and catches it', () => {
    for (const { name, scenario } of MUTANTS) {
      if (scenario === undefined) continue;
      const regression = REGRESSIONS.find((each) => each.name === scenario);
      expect(Object.keys(regression?.catches ?? {}), `${name}: ${scenario}`).toContain(name);
    }
  });
});
