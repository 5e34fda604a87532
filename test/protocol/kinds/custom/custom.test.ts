import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { decodeObject } from '../../../../protocol/kinds/admission.ts';
import { customKinds } from '../../../../protocol/kinds/custom/custom-kind.ts';
import { checkStructural } from '../../../../protocol/kinds/custom/schema-check.ts';
import { fillStructuralDefaults, prune, validateStructural } from '../../../../protocol/kinds/custom/structural.ts';
import type { JsonSchema } from '../../../../protocol/kinds/custom/json-schema.ts';
import type { KindDefinition } from '../../../../protocol/kinds/kind.ts';
import type { KubeObject, StoredObject } from '../../../../protocol/objects.ts';
import { admit, refuse } from '../objects.ts';
import { cronTabs, version } from './cron-tabs.ts';

describe('a definition of a custom kind', () => {
  const problems = (change: JsonObject): string[] =>
    refuse({ ...cronTabs(), ...change }).causes.map(({ field, message }) => `${field}: ${message}`);

  it('is admitted with its defaults', () => {
    const { object, warnings } = admit(cronTabs());
    expect(warnings).toEqual([]);
    expect(object.spec).toMatchObject({ names: { singular: 'crontab', listKind: 'CronTabList' }, conversion: { strategy: 'None' } });
  });

  it.each<[string, JsonObject, string]>([
    ['another name', { metadata: { name: 'x.y.z' } }, 'must be spec.names.plural'],
    [
      'no version that is stored',
      { spec: { ...cronTabs().spec, versions: [version('v1', { storage: false })] } },
      'exactly one version marked as storage version',
    ],
    ['no schema', { spec: { ...cronTabs().spec, versions: [version('v1', { schema: {} })] } }, 'schemas are required'],
    [
      'a webhook',
      { spec: { ...cronTabs().spec, conversion: { strategy: 'Webhook' } } },
      'spec.conversion.strategy: Forbidden: not supported by Kith yet: no webhooks are called',
    ],
  ])('is refused for %s', (_what, change, expected) => {
    expect(problems(change).join('\n')).toContain(expected);
  });

  it('has a structural schema, and warns of rules that are not evaluated', () => {
    const verdict = (schema: object) => checkStructural({ type: 'object', properties: { x: schema } }, 's');
    expect(verdict({ type: 'string' })).toEqual({ errors: [], warnings: [] });
    expect(verdict({}).errors[0]?.field).toBe('s.properties[x].type');
    expect(verdict({ type: 'array' }).errors[0]?.field).toBe('s.properties[x].items');
    expect(verdict({ $ref: '#/x', type: 'object' }).errors[0]?.message).toContain('not supported in a structural schema');
    expect(verdict({ type: 'string', pattern: '(' }).errors[0]?.message).toContain('must be a regular expression');
    expect(verdict({ type: 'string', 'x-kubernetes-validations': [{ rule: 'x' }] }).warnings[0]).toContain('CEL are not evaluated');
  });
});

describe('a structural schema', () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      a: { type: 'string', pattern: '^x+$', maxLength: 3 },
      n: { type: 'integer', minimum: 1, default: 5 },
      list: {
        type: 'array',
        items: { type: 'object', properties: { k: { type: 'string', default: 'd' } }, required: ['k'] },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
      },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      port: { 'x-kubernetes-int-or-string': true },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      choice: { type: 'string', enum: ['p', 'q'] },
    },
  };

  it('drops what it does not know, and keeps what it is told to', () => {
    const unknown: string[] = [];
    const value = { a: 'x', z: 1, list: [{ k: 'a', y: 1 }], any: { b: { c: 1 } }, labels: { q: 'r' } };
    expect(prune(schema, value, unknown)).toEqual({ a: 'x', list: [{ k: 'a' }], any: { b: { c: 1 } }, labels: { q: 'r' } });
    expect(unknown).toEqual(['z', 'list[0].y']);
  });

  it('fills in defaults, in lists, too', () => {
    const value = { list: [{}], a: null };
    fillStructuralDefaults(schema, value);
    expect(value).toEqual({ n: 5, list: [{ k: 'd' }] });
  });

  it.each<[object, string]>([
    [{ a: 1 }, 'a: Invalid value: "integer": a in body must be of type string: "integer"'],
    [{ a: 'y' }, 'a: Invalid value: "y": a in body should match \'^x+$\''],
    [{ a: 'xxxx' }, 'a: Invalid value: "xxxx": a in body should be at most 3 chars long'],
    [{ n: 0 }, 'n: Invalid value: 0: n in body should be greater than or equal to 1'],
    [{ list: [{}] }, 'list[0].k: Required value'],
    [{ list: [{ k: 'a' }, { k: 'a' }] }, 'list[1]: Duplicate value: {"k":"a"}'],
    [{ port: true }, 'port: Invalid value: "boolean": port in body must be of type integer,string: "boolean"'],
    [{ labels: { a: 1 } }, 'labels[a]: Invalid value: "integer": labels[a] in body must be of type string: "integer"'],
    [{ choice: 'r' }, 'choice: Unsupported value: "r": supported values: "p", "q"'],
  ])('refuses %j', (value, expected) => {
    expect(validateStructural(schema, value).map(({ field, message }) => `${field}: ${message}`)).toEqual([expected]);
  });

  it('knows oneOf, anyOf, allOf and not', () => {
    const has = (name: string): JsonSchema => ({ required: [name] });
    const check = (junctor: JsonSchema, value: object): number => validateStructural({ type: 'object', ...junctor }, value, 'x').length;
    expect([check({ oneOf: [has('a'), has('b')] }, { a: 1 }), check({ oneOf: [has('a'), has('b')] }, { a: 1, b: 1 })]).toEqual([0, 1]);
    expect([check({ anyOf: [has('a'), has('b')] }, { a: 1, b: 1 }), check({ anyOf: [has('a')] }, {})]).toEqual([0, 1]);
    expect([check({ allOf: [has('a')] }, {}), check({ not: has('a') }, { a: 1 }), check({ not: has('a') }, {})]).toEqual([1, 1, 0]);
  });
});

describe('a custom kind', () => {
  const kinds = customKinds(admit(cronTabs()).object as StoredObject);
  const [v1, beta] = kinds as [KindDefinition, KindDefinition];
  const tab = (spec: JsonObject, apiVersion = 'stable.example.com/v1'): JsonObject => ({
    apiVersion,
    kind: 'CronTab',
    metadata: { name: 'a' },
    spec,
  });
  const decode = (value: JsonObject, kind = v1) => decodeObject(value, { fieldValidation: 'Strict', expectKind: kind });

  it('has a definition for each version, the stored one first', () => {
    expect(kinds.map(({ version: name }) => name)).toEqual(['v1', 'v1beta1']);
    expect(v1).toMatchObject({ plural: 'crontabs', shortNames: ['ct'], namespaced: true, subresources: ['status', 'scale'] });
    expect(v1.columns.map(({ name }) => name)).toEqual(['Name', 'Spec', 'Replicas', 'Age']);
  });

  it('is decoded, pruned, defaulted and validated by its schema', () => {
    const decoded = decode(tab({ cronSpec: '* * * * *' }));
    expect(decoded).toMatchObject({
      ok: true,
      object: { metadata: { namespace: 'default' }, spec: { cronSpec: '* * * * *', replicas: 1 } },
    });
    expect(decode(tab({ cronSpec: 1 }))).toMatchObject({
      ok: false,
      code: 'Invalid',
      message: expect.stringContaining('spec.cronSpec in body must be of type string') as unknown,
    });
    expect(decode(tab({ cronSpec: '*', typo: 1 }))).toMatchObject({
      ok: false,
      message: expect.stringContaining('unknown field "spec.typo"') as unknown,
    });
    const nested = JSON.parse('{"cronSpec":"*","any":{"__proto__":1}}') as JsonObject;
    expect(decode(tab(nested)).ok).toBe(false);
  });

  it('is turned into the stored version, and back', () => {
    const decoded = decode(tab({ cronSpec: '*' }, 'stable.example.com/v1beta1'), beta);
    if (!decoded.ok) throw new Error(decoded.message);
    const stored = beta.storedAs?.to(decoded.object);
    expect(stored?.apiVersion).toBe('stable.example.com/v1');
    expect(beta.storedAs?.from(stored as KubeObject).apiVersion).toBe('stable.example.com/v1beta1');
    expect(decoded.warnings).toEqual(['stable.example.com/v1beta1 CronTab is deprecated']);
  });

  it('shows its columns', () => {
    const shown = {
      ...tab({ cronSpec: '* *', replicas: 3 }),
      metadata: { name: 'a', uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    } as unknown as KubeObject;
    expect(v1.columns.map((column) => column.cell(shown, Date.parse('2026-01-01T01:00:00Z')))).toEqual(['a', '* *', 3, '60m']);
  });
});
