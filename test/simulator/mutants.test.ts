import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants/all.ts';
import { planted } from './planting.ts';
import { NAMED_PLOTS, PLOTS, STORM } from './plots/all.ts';

const root = path.resolve(import.meta.dirname, '..', '..');

describe('the planted bugs', () => {
  it.each(MUTANTS)('$name: its text is in the code, once', async (mutant) => {
    const texts = await planted(root, mutant);
    expect(texts.size).toBeGreaterThan(0);
  });

  it('and the plots in which they are likely have the names that they are given', () => {
    expect([STORM, ...[...PLOTS, ...NAMED_PLOTS].map(({ name }) => name)]).toEqual(
      expect.arrayContaining(MUTANTS.flatMap(({ plots }) => plots ?? [])),
    );
    // Even numbers of seeds are theirs in turn: with an odd number of plots each comes with either kind of documents.
    expect(PLOTS.length % 2).toBe(1);
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
