import type { Described, ObjectSchema, Schema } from './schema.ts';

/** Short ways to write a schema down, so that a kind's file reads as a table of its fields. */

type Of<Type extends Schema['type']> = Extract<Schema, { type: Type }>;
type More<Type extends Schema['type'], Given extends string = 'type' | 'description'> = Omit<Of<Type>, Given>;

export function string(description: string, more: More<'string'> = {}): Of<'string'> {
  return { type: 'string', description, ...more };
}

export function oneOf(description: string, values: readonly string[], more: More<'string'> = {}): Of<'string'> {
  return { type: 'string', description, enum: values, ...more };
}

export function integer(description: string, more: More<'integer'> = {}): Of<'integer'> {
  return { type: 'integer', description, ...more };
}

/** A 64-bit integer; exact up to 2^53. */
export function long(description: string, more: More<'integer'> = {}): Of<'integer'> {
  return { type: 'integer', format: 'int64', description, ...more };
}

export function boolean(description: string, more: More<'boolean'> = {}): Of<'boolean'> {
  return { type: 'boolean', description, ...more };
}

export function intOrString(description: string, more: More<'intOrString'> = {}): Of<'intOrString'> {
  return { type: 'intOrString', description, ...more };
}

export function list(description: string, items: Schema, more: More<'array', 'type' | 'description' | 'items'> = {}): Of<'array'> {
  return { type: 'array', description, items, ...more };
}

/** A list whose members are known by a field, for patches of both kinds. */
export function keyedList(
  description: string,
  key: string,
  items: Schema,
  more: More<'array', 'type' | 'description' | 'items'> = {},
): Of<'array'> {
  return list(description, items, { patchMergeKey: key, listMapKeys: [key], ...more });
}

export function strings(description: string, more: More<'array', 'type' | 'description' | 'items'> = {}): Of<'array'> {
  return list(description, string('One of them.'), more);
}

export function map(description: string, values: Schema, more: Described | Omit<Described, 'description'> = {}): Of<'map'> {
  return { type: 'map', values, ...more, description };
}

export function stringMap(description: string, more: Omit<Described, 'description'> = {}): Of<'map'> {
  return map(description, string('Its value.'), more);
}

export function object(
  typeName: string,
  description: string,
  fields: Readonly<Record<string, Schema>>,
  more: Omit<ObjectSchema, 'type' | 'typeName' | 'description' | 'fields'> = {},
): ObjectSchema {
  return { type: 'object', typeName, description, fields, ...more };
}

export function time(description: string, more: More<'string'> = {}): Of<'string'> {
  return string(description, { format: 'time', ...more });
}

export function quantity(description: string, more: More<'string'> = {}): Of<'string'> {
  return string(description, { format: 'quantity', ...more });
}

/** What we store, or refuse, without looking inside. */
export function any(description: string, more: Omit<Described, 'description'> = {}): Of<'any'> {
  return { type: 'any', description, ...more };
}

/** The same field in another place, with another word on its support. */
export function withSupport<Kind extends Schema>(schema: Kind, support: NonNullable<Described['support']>, why: string): Kind {
  return { ...schema, support, why };
}
