import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  boolean,
  integer,
  intOrString,
  list,
  long,
  map,
  object,
  oneOf,
  quantity,
  string,
  stringMap,
  time,
} from '../../../protocol/schema/build.ts';
import { decodeBySchema, DECODE_LIMITS } from '../../../protocol/schema/decode.ts';
import { fillSchemaDefaults } from '../../../protocol/schema/defaults.ts';
import { formatFieldErrors } from '../../../protocol/schema/field-errors.ts';
import type { Schema } from '../../../protocol/schema/schema.ts';
import { findUnsupported } from '../../../protocol/schema/support.ts';
import { validateBySchema } from '../../../protocol/schema/validate.ts';

const item = object('Item', 'One.', { name: string('n', { check: 'dns1123Label' }), size: quantity('q') }, { required: ['name'] });
const schema = object('Thing', 'A thing.', {
  spec: object(
    'ThingSpec',
    'spec',
    {
      replicas: integer('r', { default: 1, minimum: 0 }),
      port: integer('p', { minimum: 1, maximum: 65535 }),
      big: long('b'),
      policy: oneOf('p', ['Never', 'Always'], { default: 'Always' }),
      items: list('i', item, { minItems: 1 }),
      labels: stringMap('l'),
      amounts: map('a', quantity('q')),
      surge: intOrString('s'),
      on: boolean('o'),
      since: time('t'),
      later: string('x', { support: 'stored', why: 'nobody looks', default: 'usual', inert: ['same'] }),
      never: boolean('x', { support: 'refused', why: 'it would be wrong' }),
      inner: object('Inner', 'inner', { depth: integer('d', { default: 3 }) }, { default: {} }),
    },
    { default: {} },
  ),
});

function messages(value: unknown): string[] {
  return decodeBySchema(schema, value).errors.map((error) => error.message);
}

describe('decoding by a schema', () => {
  it("names a wrong type as Go's decoder does", () => {
    expect(messages({ spec: { replicas: 'three' } })).toEqual([
      'json: cannot unmarshal string into Go struct field ThingSpec.spec.replicas of type int32',
    ]);
    expect(messages({ spec: { replicas: 1.5 } })).toEqual([
      'json: cannot unmarshal number 1.5 into Go struct field ThingSpec.spec.replicas of type int32',
    ]);
    expect(messages({ spec: { replicas: 3_000_000_000 } })[0]).toMatch(/number 3000000000 .* of type int32$/);
    expect(messages({ spec: { big: 3_000_000_000 } })).toEqual([]);
    expect(messages({ spec: { items: [{ name: 5 }] } })).toEqual([
      'json: cannot unmarshal number into Go struct field Item.spec.items.name of type string',
    ]);
    expect(messages({ spec: { labels: { a: true } } })).toEqual([
      'json: cannot unmarshal bool into Go struct field ThingSpec.spec.labels of type string',
    ]);
    expect(messages({ spec: [] })).toEqual(['json: cannot unmarshal array into Go struct field Thing.spec of type v1.ThingSpec']);
    expect(messages({ spec: { items: {} } })).toEqual([
      'json: cannot unmarshal object into Go struct field ThingSpec.spec.items of type []v1.Item',
    ]);
    expect(messages([])).toEqual(['json: cannot unmarshal array into Go value of type v1.Thing']);
    expect(messages({ spec: { on: 'yes' } })[0]).toMatch(/string .* of type bool$/);
    expect(messages({ spec: { surge: true } })[0]).toMatch(/of type intstr.IntOrString$/);
    expect(messages({ spec: { since: 'today' } })[0]).toMatch(/^parsing time "today"/);
    expect(messages({ spec: { amounts: { cpu: '1x' } } })[0]).toMatch(/^quantities must match the regular expression/);
  });

  it('tells unknown fields by their path, and leaves them out', () => {
    const decoded = decodeBySchema(schema, { spec: { foo: 1, items: [{ name: 'a', bar: 2 }] }, constructor: 1 });
    expect(decoded.unknown).toEqual(['spec.foo', 'spec.items[0].bar', 'constructor']);
    expect(decoded.value).toEqual({ spec: { items: [{ name: 'a' }] } });
  });

  it('drops nulls, makes quantities canonical, and takes numbers for quantities', () => {
    const decoded = decodeBySchema(schema, { spec: { replicas: null, amounts: { cpu: 0.5, memory: '1024Mi' } } });
    expect(decoded).toEqual({ value: { spec: { amounts: { cpu: '500m', memory: '1Gi' } } }, unknown: [], errors: [] });
  });

  it('refuses what is too deep, too large or dangerous', () => {
    let deep: unknown = 'x';
    for (let level = 0; level <= DECODE_LIMITS.depth; level += 1) deep = [deep];
    const anything: Schema = { type: 'any', description: 'x' };
    expect(decodeBySchema(anything, deep).errors[0]?.message).toMatch(/nested more than/);
    expect(decodeBySchema(anything, 'x'.repeat(DECODE_LIMITS.textLength + 1)).errors[0]?.message).toMatch(/larger than/);
    expect(decodeBySchema(anything, new Array(DECODE_LIMITS.values + 1).fill(1)).errors[0]?.message).toMatch(/more than .* values/);
    expect(messages(JSON.parse('{"spec":{"labels":{"__proto__":"x"}}}'))).toEqual(['the key "__proto__" is not allowed']);
  });

  it('reads its own answer as the same, whatever it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.jsonValue(), (any, member) => {
        for (const value of [
          any,
          { spec: any },
          { spec: { items: [any, member], labels: any, amounts: { cpu: member }, replicas: member } },
        ]) {
          const first = decodeBySchema(schema, value);
          if (first.errors.length > 0) continue;
          const filled = fillSchemaDefaults(schema, first.value);
          const second = decodeBySchema(schema, filled);
          expect(second).toEqual({ value: filled, unknown: [], errors: [] });
          validateBySchema(schema, filled);
          expect(fillSchemaDefaults(schema, structuredClone(filled))).toEqual(filled);
        }
      }),
    );
  });
});

describe('defaults', () => {
  it('are filled in at all depths, and what is there is left alone', () => {
    expect(fillSchemaDefaults(schema, {})).toEqual({ spec: { replicas: 1, policy: 'Always', later: 'usual', inner: { depth: 3 } } });
    expect(fillSchemaDefaults(schema, { spec: { replicas: 0, policy: '', inner: { depth: 0 } } })).toMatchObject({
      spec: { replicas: 0, policy: 'Always', inner: { depth: 0 } },
    });
  });
});

describe('validation', () => {
  it("has Kubernetes' words and paths", () => {
    const errors = validateBySchema(schema, {
      spec: { replicas: -1, port: 70000, policy: 'Sometimes', items: [{ size: '1' }, { name: 'Upper' }] },
    });
    expect(errors.map((error) => `${error.field}: ${error.message}`)).toEqual([
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.port: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.policy: Unsupported value: "Sometimes": supported values: "Never", "Always"',
      'spec.items[0].name: Required value',
      expect.stringMatching(/^spec\.items\[1\]\.name: Invalid value: "Upper": a lowercase RFC 1123 label/),
    ]);
    expect(formatFieldErrors(errors.slice(0, 2))).toBe(
      '[spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.port: Invalid value: 70000: must be between 1 and 65535, inclusive]',
    );
  });
});

describe('support', () => {
  it('warns of stored fields and refuses others, but not when they ask for nothing', () => {
    expect(findUnsupported(schema, { spec: { later: 'other', never: true } })).toEqual({
      warnings: ['spec.later: is kept but has no effect yet: nobody looks'],
      refused: [{ field: 'spec.never', reason: 'FieldValueForbidden', message: 'Forbidden: not supported by Kith yet: it would be wrong' }],
    });
    for (const spec of [{ later: 'usual', never: false }, { later: 'same' }, { later: '' }, {}]) {
      expect(findUnsupported(schema, { spec })).toEqual({ warnings: [], refused: [] });
    }
  });
});
