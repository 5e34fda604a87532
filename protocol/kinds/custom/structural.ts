import { jsonEqual } from '../../json.ts';
import { isPlainObject } from '../../schema/decode.ts';
import { childPath, duplicate, invalid, keyPath, notSupported, required } from '../../schema/field-errors.ts';
import { MAX_PATTERN_STEPS, matchesPattern, type PatternBudget } from '../../values/pattern.ts';
import { parseTime } from '../../values/time.ts';
import type { FieldError } from '../kind.ts';
import type { JsonSchema } from './json-schema.ts';

/** Values by a structural schema: what it does not know goes, what it has defaults for comes, and what it forbids is told. */

/** Told of one object. */
const MAX_ERRORS = 50;

interface Check {
  errors: FieldError[];
  budget: PatternBudget;
}

/** A copy with known fields only. `unknown` gets the paths of the others. */
export function prune(schema: JsonSchema | undefined, value: unknown, unknown: string[], path = ''): unknown {
  if (schema === undefined) return value;
  const keepsAll = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (Array.isArray(value)) return value.map((item: unknown, index) => prune(schema.items, item, unknown, childPath(path, index)));
  if (!isPlainObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
    const { additionalProperties: others } = schema;
    const isResource = schema['x-kubernetes-embedded-resource'] === true && ['apiVersion', 'kind', 'metadata'].includes(name);
    if (known !== undefined) result[name] = prune(known, member, unknown, childPath(path, name));
    else if (typeof others === 'object') result[name] = prune(others, member, unknown, keyPath(path, name));
    else if (keepsAll || others === true || isResource || !describesMembers(schema)) result[name] = member;
    else unknown.push(childPath(path, name));
  }
  return result;
}

/** An object of which nothing is said is kept as it is only where the schema says so; a value of another type is for the validation to refuse. */
function describesMembers(schema: JsonSchema): boolean {
  return schema.type === 'object' || schema.properties !== undefined;
}

/** Fills in defaults, in place. */
export function fillStructuralDefaults(schema: JsonSchema | undefined, value: unknown): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) for (const item of value) fillStructuralDefaults(schema.items, item);
  if (!isPlainObject(value)) return;
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const missing = value[name] === undefined || (value[name] === null && field.nullable !== true);
    if (missing && field.default !== undefined) value[name] = structuredClone(field.default);
    else if (missing && value[name] === null) delete value[name];
    fillStructuralDefaults(field, value[name]);
  }
  if (typeof schema.additionalProperties === 'object') {
    for (const [name, member] of Object.entries(value)) {
      if (!Object.hasOwn(schema.properties ?? {}, name)) fillStructuralDefaults(schema.additionalProperties, member);
    }
  }
}

export function validateStructural(schema: JsonSchema, value: unknown, path = ''): FieldError[] {
  const whole: Check = { errors: [], budget: { steps: MAX_PATTERN_STEPS } };
  check(schema, value, path, whole);
  // Also where that decided a branch of the schema: what could not be matched is not let in by the way.
  if (whole.budget.steps < 0) whole.errors.unshift(invalid(path, '', 'has too much text to be matched with the patterns of its schema'));
  return whole.errors.slice(0, MAX_ERRORS);
}

function check(schema: JsonSchema, value: unknown, path: string, whole: Check): void {
  const { errors } = whole;
  if (errors.length >= MAX_ERRORS) return;
  if (value === null && schema.nullable === true) return;
  const wrong = typeError(schema, value, path);
  if (wrong !== undefined) {
    errors.push(wrong);
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((each) => jsonEqual(each, value))) {
    errors.push(
      notSupported(
        path,
        value,
        schema.enum.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))),
      ),
    );
  }
  if (typeof value === 'string') errors.push(...textErrors(schema, value, path, whole.budget));
  else if (typeof value === 'number') errors.push(...numberErrors(schema, value, path));
  else if (Array.isArray(value)) checkItems(schema, value, path, whole);
  else if (isPlainObject(value)) checkMembers(schema, value, path, whole);
  checkJunctors(schema, value, path, whole);
}

/** Source: k8s.io/kube-openapi/pkg/validation/errors, wording of its types. */
function typeError(schema: JsonSchema, value: unknown, path: string): FieldError | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isInteger(value) ? undefined : mustBe(path, value, 'integer,string');
  }
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? undefined : mustBe(path, value, 'string');
    case 'integer':
      return Number.isInteger(value) ? undefined : mustBe(path, value, 'integer');
    case 'number':
      return typeof value === 'number' ? undefined : mustBe(path, value, 'number');
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mustBe(path, value, 'boolean');
    case 'array':
      return Array.isArray(value) ? undefined : mustBe(path, value, 'array');
    case 'object':
      return isPlainObject(value) ? undefined : mustBe(path, value, 'object');
    default:
      return undefined;
  }
}

function mustBe(path: string, value: unknown, type: string): FieldError {
  const given =
    value === null
      ? 'null'
      : Array.isArray(value)
        ? 'array'
        : typeof value === 'number' && Number.isInteger(value)
          ? 'integer'
          : typeof value;
  return { ...invalid(path, given, `${path} in body must be of type ${type}: "${given}"`), reason: 'FieldValueTypeInvalid' };
}

function textErrors(schema: JsonSchema, value: string, path: string, budget: PatternBudget): FieldError[] {
  const errors: FieldError[] = [];
  const bad = (why: string): void => void errors.push(invalid(path, value, `${path} in body ${why}`));
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) bad(`should be at least ${schema.minLength} chars long`);
  if (schema.maxLength !== undefined && length > schema.maxLength) bad(`should be at most ${schema.maxLength} chars long`);
  const { pattern } = schema;
  const matches = pattern === undefined ? true : matchesPattern(pattern, value, budget);
  if (matches === undefined) bad(`is too much text to be matched with '${pattern}'`);
  else if (!matches) bad(`should match '${pattern}'`);
  if ((schema.format === 'date-time' || schema.format === 'datetime') && parseTime(value) === undefined)
    bad(`must be of type date-time: ${JSON.stringify(value)}`);
  return errors;
}

function numberErrors(schema: JsonSchema, value: number, path: string): FieldError[] {
  const { minimum, maximum, multipleOf } = schema;
  const errors: FieldError[] = [];
  const bad = (why: string): void => void errors.push(invalid(path, value, `${path} in body ${why}`));
  const [below, above] = [schema.exclusiveMinimum === true, schema.exclusiveMaximum === true];
  if (minimum !== undefined && (below ? value <= minimum : value < minimum))
    bad(`should be greater than ${below ? '' : 'or equal to '}${minimum}`);
  if (maximum !== undefined && (above ? value >= maximum : value > maximum))
    bad(`should be less than ${above ? '' : 'or equal to '}${maximum}`);
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) bad(`should be a multiple of ${multipleOf}`);
  if (schema.format === 'int32' && (value > 2 ** 31 - 1 || value < -(2 ** 31))) bad('must be of type int32');
  return errors;
}

function checkItems(schema: JsonSchema, value: readonly unknown[], path: string, whole: Check): void {
  const { errors } = whole;
  if (schema.minItems !== undefined && value.length < schema.minItems)
    errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    errors.push(invalid(path, value.length, `${path} in body should have at most ${schema.maxItems} items`));
  const listType = schema['x-kubernetes-list-type'];
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const at = childPath(path, index);
    if (schema.items !== undefined) check(schema.items, item, at, whole);
    if (schema.uniqueItems !== true && listType !== 'set' && listType !== 'map') continue;
    const keys =
      listType === 'map' && isPlainObject(item)
        ? Object.fromEntries((schema['x-kubernetes-list-map-keys'] ?? []).map((key) => [key, item[key]]))
        : item;
    const text = JSON.stringify(keys);
    if (seen.has(text)) errors.push(duplicate(at, keys));
    seen.add(text);
  }
}

function checkMembers(schema: JsonSchema, value: Record<string, unknown>, path: string, whole: Check): void {
  const { errors } = whole;
  for (const name of schema.required ?? []) if (value[name] === undefined) errors.push(required(childPath(path, name)));
  const count = Object.keys(value).length;
  if (schema.minProperties !== undefined && count < schema.minProperties)
    errors.push(invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  if (schema.maxProperties !== undefined && count > schema.maxProperties)
    errors.push(invalid(path, count, `${path} in body should have at most ${schema.maxProperties} properties`));
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const known = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
    if (known !== undefined) check(known, member, childPath(path, name), whole);
    else if (typeof schema.additionalProperties === 'object') check(schema.additionalProperties, member, keyPath(path, name), whole);
  }
}

function checkJunctors({ allOf = [], anyOf, oneOf, not }: JsonSchema, value: unknown, path: string, whole: Check): void {
  const matches = (schema: JsonSchema): boolean => {
    const alone: Check = { errors: [], budget: whole.budget };
    check(schema, value, path, alone);
    return alone.errors.length === 0;
  };
  const bad = (word: string): void => void whole.errors.push(invalid(path, value, `${path} in body must validate ${word}`));
  for (const schema of allOf) check(schema, value, path, whole);
  if (anyOf !== undefined && !anyOf.some(matches)) bad('at least one schema (anyOf)');
  if (oneOf !== undefined && oneOf.filter(matches).length !== 1) bad('one and only one schema (oneOf)');
  if (not !== undefined && matches(not)) bad('no schema that is excluded (not)');
}
