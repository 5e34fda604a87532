import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, isDeeper, jsonEqual } from '../../protocol/json.ts';

/** As in objects that pass through us: members may be undefined, keys come in any order, and some are names of Object's own. */
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false, 0, 1, -1, 1.5, '', 'a', '"\\é\u2028'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'B', 'é', 'toString', '__proto__', '10', '9'), fc.oneof(tie('value'), fc.constant(undefined)), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value;

/** The same value with the keys of all its objects in another order. */
function shuffled(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(shuffled);
  if (typeof given !== 'object' || given === null) return given;
  const entries = Object.entries(given).toReversed();
  return Object.fromEntries(entries.map(([key, member]) => [key, shuffled(member)]));
}

describe('canonical JSON', () => {
  it('sorts keys by code unit, leaves out what is undefined, and has no white space', () => {
    expect(canonicalJson({ b: [1, undefined, 'x'], é: 1, a: { d: undefined, c: null }, B: 0 })).toBe(
      '{"B":0,"a":{"c":null},"b":[1,null,"x"],"é":1}',
    );
  });

  it('is JSON of the same value, whatever the order of keys', () => {
    fc.assert(
      fc.property(value, (given) => {
        const text = canonicalJson(given);
        expect(canonicalJson(shuffled(given))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(given) ?? 'null'));
      }),
    );
  });
});

describe('equality of JSON', () => {
  it('holds exactly where canonical texts are equal', () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(jsonEqual(left, right)).toBe(canonicalJson(left) === canonicalJson(right));
        expect(jsonEqual(left, shuffled(left))).toBe(true);
        expect(jsonEqual([left, { a: right }], [shuffled(left), { a: right, b: undefined }])).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('tells a member from one that the prototype has', () => {
    expect(jsonEqual(JSON.parse('{"__proto__":{}}'), { x: 1 })).toBe(false);
    expect(jsonEqual({ x: 1 }, JSON.parse('{"__proto__":{}}'))).toBe(false);
  });
});

it('the depth of a text is that of its value, whatever its strings hold', () => {
  const depthOf = (given: unknown): number =>
    typeof given === 'object' && given !== null ? 1 + Math.max(0, ...Object.values(given).map(depthOf)) : 0;
  const strings = fc.constantFrom('[', '{', '"[', '\\"[[', '\\', ']');
  const nested = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 8 },
      strings,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(strings, tie('value'), { maxKeys: 2 }),
    ),
  })).value;
  fc.assert(
    fc.property(nested, (given) => {
      const text = JSON.stringify(given);
      for (const most of [1, 2, 3, 5]) if (text.length > 2 * most) expect(isDeeper(text, most)).toBe(depthOf(given) > most);
    }),
  );
  expect(isDeeper(`${'['.repeat(7)}1${']'.repeat(7)}`, 7)).toBe(false);
  expect(isDeeper(`${'['.repeat(8)}${']'.repeat(8)}`, 7)).toBe(true);
});
