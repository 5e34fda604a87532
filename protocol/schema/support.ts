import type { FieldError } from '../kinds/kind.ts';
import { isPlainObject } from './decode.ts';
import { childPath, forbidden, keyPath } from './field-errors.ts';
import type { Schema } from './schema.ts';

/** What an object asks for that Kith does not do. */
export interface UnsupportedFields {
  /** `spec.affinity: is kept but has no effect yet: ...` */
  warnings: string[];
  refused: FieldError[];
}

/** Finds the `stored` and `refused` fields that an object really uses: one that is empty, `false`, or at its default asks for nothing. */
export function findUnsupported(schema: Schema, value: unknown): UnsupportedFields {
  const found: UnsupportedFields = { warnings: [], refused: [] };
  look(schema, value, '', found);
  return found;
}

function look(schema: Schema, value: unknown, path: string, found: UnsupportedFields): void {
  if (value === undefined || value === null) return;
  if (schema.support === 'refused' || schema.support === 'stored') {
    if (asksForNothing(schema, value)) return;
    const why = schema.why === undefined ? '' : `: ${schema.why}`;
    if (schema.support === 'refused') found.refused.push(forbidden(path, `not supported by Kith yet${why}`));
    else found.warnings.push(`${path}: is kept but has no effect yet${why}`);
    return;
  }
  if (schema.type === 'object' && isPlainObject(value)) {
    for (const [name, field] of Object.entries(schema.fields)) {
      const { holdsWith } = field;
      const holds = holdsWith !== undefined && Object.entries(holdsWith).every(([beside, wanted]) => value[beside] === wanted);
      if (!holds) look(field, value[name], childPath(path, name), found);
    }
  } else if (schema.type === 'array' && Array.isArray(value)) {
    value.forEach((item, index) => look(schema.items, item, childPath(path, index), found));
  } else if (schema.type === 'map' && isPlainObject(value)) {
    for (const [key, member] of Object.entries(value)) look(schema.values, member, keyPath(path, key), found);
  }
}

function asksForNothing(schema: Schema, value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  // Where `true` is what happens anyhow, `false` asks for something.
  if (value === false) return schema.inert?.includes(true) !== true;
  if (Array.isArray(value)) return value.length === 0;
  if (isPlainObject(value)) {
    if (schema.type !== 'object') return Object.keys(value).length === 0;
    return Object.entries(value).every(([name, member]) => {
      const field = schema.fields[name];
      return field === undefined || asksForNothing(field, member);
    });
  }
  if ('default' in schema && value === schema.default) return true;
  return (typeof value === 'string' || typeof value === 'number' || value === true) && schema.inert?.includes(value) === true;
}
