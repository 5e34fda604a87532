import type { FieldError } from '../kinds/kind.ts';
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkEnvName,
  checkIpAddress,
  checkLabelValue,
  checkPathSegment,
  checkPortName,
  checkQualifiedName,
} from '../values/names.ts';
import { isPlainObject } from './decode.ts';
import { childPath, invalid, keyPath, notSupported, required } from './field-errors.ts';
import type { ObjectSchema, Schema, StringCheck } from './schema.ts';

/** Errors of one object that are looked for; an answer needs no more. */
const MAX_ERRORS = 100;

/** What the schema alone can say of a decoded value: required fields, choices, bounds and names. Empty when all is well. */
export function validateBySchema(schema: Schema, value: unknown, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  collect(schema, value, path, errors);
  return errors;
}

function collect(schema: Schema, value: unknown, path: string, errors: FieldError[]): void {
  if (value === undefined || value === null || errors.length >= MAX_ERRORS) return;
  switch (schema.type) {
    case 'string':
      if (typeof value === 'string') errors.push(...checkString(schema, value, path));
      return;
    case 'integer':
      if (typeof value === 'number') errors.push(...checkInteger(schema, value, path));
      return;
    case 'array':
      if (!Array.isArray(value)) return;
      if (value.length < (schema.minItems ?? 0)) errors.push(required(path));
      value.forEach((item, index) => collect(schema.items, item, childPath(path, index), errors));
      return;
    case 'map':
      if (!isPlainObject(value)) return;
      for (const [key, member] of Object.entries(value)) collect(schema.values, member, keyPath(path, key), errors);
      return;
    case 'object':
      if (isPlainObject(value)) collectFields(schema, value, path, errors);
      return;
    case 'number':
    case 'boolean':
    case 'intOrString':
    case 'any':
      return;
  }
}

function collectFields(schema: ObjectSchema, value: Record<string, unknown>, path: string, errors: FieldError[]): void {
  for (const [name, field] of Object.entries(schema.fields)) {
    const member = value[name];
    const fieldPath = childPath(path, name);
    if (schema.required?.includes(name) === true && isMissing(field, member)) {
      if (field.missing === 'zero') collect(field, ZEROS[field.type], fieldPath, errors);
      else errors.push(required(fieldPath, field.missing?.detail));
    } else if (Object.hasOwn(value, name)) collect(field, member, fieldPath, errors);
  }
}

/** What Go reads of a field that is not there; of other types nothing is asked. */
const ZEROS: Partial<Record<Schema['type'], unknown>> = { string: '', integer: 0, object: {} };

/** To Kubernetes a required field that is empty is missing; so is a zero that the field does not allow. */
function isMissing(field: Schema, value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (field.type === 'array') return Array.isArray(value) && value.length === 0;
  return field.type === 'integer' && value === 0 && field.minimum !== 0;
}

function checkString(schema: Extract<Schema, { type: 'string' }>, value: string, path: string): FieldError[] {
  // What may be left out and is empty says nothing.
  if (value === '' && schema.missing !== 'zero') return [];
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    return [schema.words === undefined ? notSupported(path, value, schema.enum) : invalid(path, value, schema.words)];
  }
  if (schema.check === undefined) return [];
  return STRING_CHECKS[schema.check](value).map((message) => invalid(path, value, message));
}

function checkInteger(schema: Extract<Schema, { type: 'integer' }>, value: number, path: string): FieldError[] {
  const { minimum, maximum, words } = schema;
  if (words !== undefined) return value < (minimum ?? value) || value > (maximum ?? value) ? [invalid(path, value, words)] : [];
  if (minimum !== undefined && maximum !== undefined) {
    return value < minimum || value > maximum ? [invalid(path, value, `must be between ${minimum} and ${maximum}, inclusive`)] : [];
  }
  if (minimum !== undefined && value < minimum) return [invalid(path, value, `must be greater than or equal to ${minimum}`)];
  if (maximum !== undefined && value > maximum) return [invalid(path, value, `must be less than or equal to ${maximum}`)];
  return [];
}

/** Characters of an image's name: far more than any registry takes. */
const MAX_IMAGE_LENGTH = 4096;

const STRING_CHECKS: Readonly<Record<StringCheck, (value: string) => string[]>> = {
  dns1123Label: checkDnsLabel,
  dns1123Subdomain: checkDnsSubdomain,
  qualifiedName: checkQualifiedName,
  labelValue: checkLabelValue,
  envName: checkEnvName,
  portName: checkPortName,
  ip: checkIpAddress,
  pathSegment: checkPathSegment,
  absolutePath: (value) => (value.startsWith('/') ? [] : ['must be an absolute path']),
  image: (value) => {
    if (value.length > MAX_IMAGE_LENGTH) return [`must be no more than ${MAX_IMAGE_LENGTH} characters`];
    return value.trim() === value ? [] : ['must not have leading or trailing whitespace'];
  },
};
