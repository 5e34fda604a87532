import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSelector, labelSelectorMatches, matchesSelector, parseSelector } from '../../../protocol/values/label-selector.ts';

const labels = { app: 'web', tier: 'front', size: '10' };

describe('label selectors', () => {
  it.each([
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier', true],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (db, web)', true],
    ['app in (db)', false],
    ['app notin (db),tier=front', true],
    ['missing notin (x)', true],
    ['!missing', true],
    ['!app', false],
    ['app', true],
    ['size>9', true],
    ['size<10', false],
    ['app>1', false],
    ['app=', false],
    ['app in (,web)', true],
    ['example.com/x!=y', true],
  ])('%j matches: %s', (text, matches) => {
    expect(matchesSelector(parseSelector(text), labels)).toBe(matches);
  });

  it.each(['a in b', 'a in (b', 'a=b=c', ',', 'a=b,', 'a b', '!', 'a in (b))', 'a>x', '-a=b', 'a=b c', '(a)', 'a=-'])(
    'refuses %j',
    (text) => {
      expect(() => parseSelector(text)).toThrow();
    },
  );

  it('of an object match all their parts; none selects nothing, an empty one everything', () => {
    expect(labelSelectorMatches(undefined, labels)).toBe(false);
    expect(labelSelectorMatches({}, labels)).toBe(true);
    const selector = { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }] };
    expect(labelSelectorMatches(selector, labels)).toBe(true);
    expect(labelSelectorMatches(selector, { app: 'web' })).toBe(false);
    expect(labelSelectorMatches({ matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }, undefined)).toBe(true);
  });

  it('are not fooled by what every JavaScript object has', () => {
    expect(matchesSelector(parseSelector('constructor'), {})).toBe(false);
  });

  it('mean the same when they are written and read again', () => {
    const word = fc.constantFrom('a', 'b', 'c', 'app', 'x.y/z');
    const value = fc.constantFrom('', '1', '7', 'web', 'x_y');
    const term = fc.oneof(
      fc.tuple(word, value).map(([key, text]) => `${key}=${text}`),
      fc.tuple(word, value).map(([key, text]) => `${key}!=${text}`),
      fc.tuple(word, fc.array(value, { minLength: 1, maxLength: 3 })).map(([key, texts]) => `${key} in (${texts.join(',')})`),
      fc.tuple(word, fc.array(value, { minLength: 1, maxLength: 3 })).map(([key, texts]) => `${key} notin (${texts.join(',')})`),
      word,
      word.map((key) => `!${key}`),
    );
    fc.assert(
      fc.property(fc.array(term, { maxLength: 4 }), fc.dictionary(word, value), (terms, some) => {
        const selector = parseSelector(terms.join(','));
        const again = parseSelector(formatSelector(selector));
        expect(again).toEqual(selector);
        expect(matchesSelector(again, some)).toBe(matchesSelector(selector, some));
      }),
    );
  });
});
