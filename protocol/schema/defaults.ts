import { isPlainObject } from './decode.ts';
import type { Schema } from './schema.ts';

/**
 * Fills in the defaults that concern one field alone, in place, and answers with the value. A field whose default is `{}` is made when it is missing, and its own
 * fields are filled in turn.
 */
export function fillSchemaDefaults(schema: Schema, value: unknown): unknown {
  switch (schema.type) {
    case 'object':
      if (!isPlainObject(value)) return value;
      for (const [name, field] of Object.entries(schema.fields)) {
        const member = value[name] ?? defaultOf(field);
        if (member !== undefined) value[name] = fillSchemaDefaults(field, member);
      }
      return value;
    case 'array':
      if (Array.isArray(value)) for (const item of value) fillSchemaDefaults(schema.items, item);
      return value;
    case 'map':
      if (isPlainObject(value)) for (const member of Object.values(value)) fillSchemaDefaults(schema.values, member);
      return value;
    default:
      // An empty text is a missing one to Kubernetes.
      return value === '' && schema.type === 'string' && schema.default !== undefined ? schema.default : value;
  }
}

/** A fresh copy of a field's default. */
function defaultOf(schema: Schema): unknown {
  if (!('default' in schema)) return undefined;
  return schema.type === 'object' && schema.default !== undefined ? {} : schema.default;
}
