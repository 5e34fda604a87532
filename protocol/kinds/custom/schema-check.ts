import { isPlainObject } from '../../schema/decode.ts';
import { childPath, forbidden, invalid, keyPath, notSupported, required } from '../../schema/field-errors.ts';
import { patternTrouble } from '../../values/pattern.ts';
import type { FieldError } from '../kind.ts';

/** Whether a schema is structural, as Kubernetes asks of custom resources; and what of it has no effect. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema. */

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Keywords that are followed, and those that say nothing about values. */
const KNOWN = new Set([
  'additionalProperties',
  'allOf',
  'anyOf',
  'default',
  'description',
  'enum',
  'example',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'externalDocs',
  'format',
  'items',
  'maxItems',
  'maxLength',
  'maxProperties',
  'maximum',
  'minItems',
  'minLength',
  'minProperties',
  'minimum',
  'multipleOf',
  'not',
  'nullable',
  'oneOf',
  'pattern',
  'properties',
  'required',
  'title',
  'type',
  'uniqueItems',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);
const MAX_DEPTH = 40;

export interface SchemaVerdict {
  errors: FieldError[];
  warnings: string[];
}

/** @param path of the schema in its CustomResourceDefinition */
export function checkStructural(schema: unknown, path: string): SchemaVerdict {
  const verdict: SchemaVerdict = { errors: [], warnings: [] };
  walk(schema, path, 0, false, verdict);
  if (isPlainObject(schema) && schema['type'] !== 'object') {
    verdict.errors.push(invalid(childPath(path, 'type'), schema['type'] ?? '', 'must be object at the root'));
  }
  return verdict;
}

/** @param inJunctor inside of allOf, anyOf, oneOf or not, where no types are said */
function walk(schema: unknown, path: string, depth: number, inJunctor: boolean, verdict: SchemaVerdict): void {
  if (!isPlainObject(schema)) return void verdict.errors.push(invalid(path, schema, 'must be a schema'));
  if (depth > MAX_DEPTH) return void verdict.errors.push(forbidden(path, `is nested more than ${MAX_DEPTH} levels deep`));
  for (const name of Object.keys(schema))
    if (!KNOWN.has(name)) verdict.errors.push(forbidden(childPath(path, name), 'is not supported in a structural schema'));
  const { type, pattern, properties, items, additionalProperties: others } = schema;
  const untyped = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (type === undefined && !untyped && !inJunctor)
    verdict.errors.push(required(childPath(path, 'type'), 'must not be empty for specified object fields'));
  if (type !== undefined && !TYPES.includes(type as string)) verdict.errors.push(notSupported(childPath(path, 'type'), type, TYPES));
  if (type === 'array' && items === undefined && !inJunctor) verdict.errors.push(required(childPath(path, 'items'), 'must be specified'));
  const trouble = pattern === undefined ? undefined : patternTrouble(pattern);
  if (trouble !== undefined) verdict.errors.push(invalid(childPath(path, 'pattern'), pattern, trouble));
  if (schema['x-kubernetes-validations'] !== undefined)
    verdict.warnings.push(`${childPath(path, 'x-kubernetes-validations')}: is kept but has no effect yet: rules in CEL are not evaluated`);
  if (isPlainObject(properties)) {
    if (isPlainObject(others))
      verdict.errors.push(forbidden(childPath(path, 'additionalProperties'), 'additionalProperties and properties are mutual exclusive'));
    for (const [name, inner] of Object.entries(properties))
      walk(inner, keyPath(childPath(path, 'properties'), name), depth + 1, inJunctor, verdict);
  }
  if (items !== undefined) walk(items, childPath(path, 'items'), depth + 1, inJunctor, verdict);
  if (isPlainObject(others)) walk(others, childPath(path, 'additionalProperties'), depth + 1, inJunctor, verdict);
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    const inner = schema[junctor];
    if (Array.isArray(inner))
      inner.forEach((each, index) => walk(each, childPath(childPath(path, junctor), index), depth + 1, true, verdict));
  }
  if (schema['not'] !== undefined) walk(schema['not'], childPath(path, 'not'), depth + 1, true, verdict);
}
