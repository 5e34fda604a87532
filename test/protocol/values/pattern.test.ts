import { describe, expect, it } from 'vitest';
import { validateStructural } from '../../../protocol/kinds/custom/structural.ts';
import { MAX_PATTERN_CHARS, MAX_PATTERN_STEPS, matchesPattern, patternTrouble } from '../../../protocol/values/pattern.ts';

const matches = (pattern: string, text: string): boolean | undefined => matchesPattern(pattern, text, { steps: MAX_PATTERN_STEPS });
/** What any of it may take: JavaScript's own expressions would take years. ms */
const SOON_MS = 15_000;

describe("people's regular expressions", () => {
  it('match as those of Go do, anywhere in the text', () => {
    expect(matches('^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', '*/5 * * * *')).toBe(true);
    expect(matches('b+', 'abba')).toBe(true);
    expect(matches('^b+$', 'abba')).toBe(false);
    expect(matches('^\\p{Greek}+$', 'λόγος')).toBe(true);
    expect(matches('(?i)^web$', 'WEB')).toBe(true);
  });

  it.each(['^(a+)+$', '^(a|aa)+$', '^(([a-z])+.)+[A-Z]([a-z])+$', '^(.*a){40}$', '(x+x+)+y', '^(a?){100}a{100}$'])(
    '%s is quick on the text that it is slow on elsewhere',
    (pattern) => {
      const began = performance.now();
      for (const letter of 'ax') expect(matches(pattern, `${letter.repeat(3_000)}!`)).not.toBeUndefined();
      expect(performance.now() - began).toBeLessThan(SOON_MS);
    },
  );

  it.each([
    ['(', /RE2's syntax/],
    ['(?=a)', /RE2's syntax/],
    ['\\1', /RE2's syntax/],
    ['a{2000}', /RE2's syntax/],
    ['a{1000}b{1000}c{1000}', /at most 2000 instructions/],
    ['a'.repeat(MAX_PATTERN_CHARS + 1), /at most 2000 characters/],
    [7, /must be a regular expression/],
  ])('are not taken (%#)', (pattern, words) => {
    expect(patternTrouble(pattern)).toMatch(words);
  });

  it('take no more time for an object of many texts, whatever branches its schema has', () => {
    const text = { type: 'string', pattern: '^(.{0,150}x){5}$' };
    const schema = { type: 'array', items: { anyOf: [text, { not: text }, text], type: 'string' } };
    const began = performance.now();
    const errors = validateStructural(
      schema,
      Array.from({ length: 2_000 }, () => 'x'.repeat(1_000)),
    );
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    expect(errors[0]?.message).toMatch(/too much text to be matched/);
    expect(validateStructural(text, 'x'.repeat(100_000))[0]?.message).toMatch(/too much text to be matched/);
  });
});
