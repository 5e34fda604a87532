import { any, boolean, intOrString, list, long, map, string } from '../../schema/build.ts';
import type { ObjectSchema, Schema } from '../../schema/schema.ts';
import type { JsonSchema } from './json-schema.ts';

/** A structural schema in our own words, for patches and OpenAPI. Rules and defaults stay with the structural one. */
export function toSchema(json: JsonSchema | undefined): Schema {
  const description = json?.description ?? '';
  if (json === undefined) return any(description);
  if (json['x-kubernetes-int-or-string'] === true) return intOrString(description);
  switch (json.type) {
    case 'string':
      return string(description);
    case 'integer':
      return long(description);
    case 'number':
      return { type: 'number', description };
    case 'boolean':
      return boolean(description);
    case 'array': {
      const keys = json['x-kubernetes-list-type'] === 'map' ? json['x-kubernetes-list-map-keys'] : undefined;
      return list(description, toSchema(json.items), keys === undefined ? {} : { listMapKeys: keys });
    }
    case 'object':
      return objectOf(json, description);
    default:
      return any(description);
  }
}

function objectOf(json: JsonSchema, description: string): Schema {
  if (json['x-kubernetes-preserve-unknown-fields'] === true || json['x-kubernetes-embedded-resource'] === true) return any(description);
  if (typeof json.additionalProperties === 'object') return map(description, toSchema(json.additionalProperties));
  if (json.properties === undefined) return any(description);
  return fieldsOf(json, description);
}

export function fieldsOf(json: JsonSchema, description: string): ObjectSchema {
  const fields = Object.fromEntries(Object.entries(json.properties ?? {}).map(([name, inner]) => [name, toSchema(inner)]));
  return { type: 'object', description, fields, ...(json.required === undefined ? {} : { required: json.required }) };
}
