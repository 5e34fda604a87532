/**
 * Regular expressions that people give: of RE2's syntax, as Go's and so Kubernetes', and matched in time that is linear in the text. JavaScript's own would let `^(a+)+$` and
 * forty letters hold a peer up for days. Linear is not little yet: a match takes at most (instructions × characters) steps, which is what is bounded.
 */
import { RE2JS } from 're2js';

/** Of a pattern's text: compiling is to be quick, too. Characters. */
export const MAX_PATTERN_CHARS = 2_000;
/** Instructions of a pattern: repetitions such as `a{1000}` are written out. */
export const MAX_PATTERN_INSTRUCTIONS = 2_000;
/** Steps that the patterns of one object may take all together: less than a second, on a host that is not busy. */
export const MAX_PATTERN_STEPS = 5_000_000;
/** Compiled ones that are kept. */
const MAX_KEPT = 500;

const kept = new Map<string, RE2JS>();

/** How many steps are left to whoever checks one object. */
export interface PatternBudget {
  steps: number;
}

/** Why a text is no pattern that is taken; undefined for one that is. */
export function patternTrouble(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string') return 'must be a regular expression';
  if (pattern.length > MAX_PATTERN_CHARS) return `must be a regular expression of at most ${MAX_PATTERN_CHARS} characters`;
  try {
    if (compiled(pattern).programSize() <= MAX_PATTERN_INSTRUCTIONS) return undefined;
    return `must be a regular expression of at most ${MAX_PATTERN_INSTRUCTIONS} instructions: repeat less`;
  } catch (error) {
    return `must be a regular expression of RE2's syntax: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * Whether some part of the text matches.
 * @param budget of the object; is used up by this
 * @returns undefined where it could not be found out: the pattern is none that is taken, or there is too much text for it
 */
export function matchesPattern(pattern: string, text: string, budget: PatternBudget): boolean | undefined {
  if (patternTrouble(pattern) !== undefined) {
    // No definition that was let in has one: nothing passes for it, in no branch of a schema.
    budget.steps = -1;
    return undefined;
  }
  const expression = compiled(pattern);
  budget.steps -= expression.programSize() * text.length;
  return budget.steps < 0 ? undefined : expression.matcher(text).find();
}

function compiled(pattern: string): RE2JS {
  const known = kept.get(pattern);
  if (known !== undefined) return known;
  const expression = RE2JS.compile(pattern);
  const [oldest] = kept.keys();
  if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(pattern, expression);
  return expression;
}
