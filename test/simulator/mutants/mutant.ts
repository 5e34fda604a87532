/** One edit of a source file: `find` must occur there exactly once. */
export interface Edit {
  file: string;
  find: string;
  replace: string;
}

/** A bug of our own, planted while a simulator is bundled; the product knows nothing of it. */
export interface Mutant {
  name: string;
  what: string;
  /** In which it is likely to do its damage: their seeds are tried first. */
  plots?: readonly string[];
  /** For one that few seeds find: the file in `regressions/` that does. It is tried before any seed. */
  scenario?: string;
  edits: readonly Edit[];
}

/** Whose mistakes are those of heirs who trust too soon: asking who is back covers them, so they have this one, too. */
export const ASKS_NOBODY_WHO_IS_BACK: Edit = {
  file: 'daemon/core/heirs/claims.ts',
  find: '  return returned.length > 0;',
  replace: '  return returned.length > 1_000;',
};

export function one({ file, find, replace, ...about }: Omit<Mutant, 'edits'> & Edit): Mutant {
  return { ...about, edits: [{ file, find, replace }] };
}
