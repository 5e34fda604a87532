import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { planted } from './planting.ts';

const root = path.resolve(import.meta.dirname, '..', '..');

describe('the planted bugs', () => {
  it.each(MUTANTS)('$name: its text is in the code, once', async (mutant) => {
    const texts = await planted(root, mutant);
    expect(texts.size).toBeGreaterThan(0);
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
