import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import { groupVersionKind, type JsonSchema, schemasOf } from './openapi-schemas.ts';
import { document, message, number, type ProtobufField, text } from './protobuf.ts';

/** Field numbers: github.com/google/gnostic, openapiv2/OpenAPIv2.proto. */
const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 } as const;
const SCHEMA = {
  ...{ ref: 1, format: 2, description: 4, default: 5, maximum: 7, minimum: 9, required: 19, enum: 20 },
  ...{ additionalProperties: 21, type: 22, items: 23, properties: 25, extension: 31 },
} as const;

/**
 * gnostic's `openapi.v2.Document`: every kind with its schema, and its PATCH with the parameters that clients look for.
 * @param parameters names of the query parameters of PATCH
 */
export function v2Document(
  versions: readonly (readonly [string, readonly KindDefinition[]])[],
  parameters: readonly string[],
  pathOf: PathOf,
): Uint8Array {
  const paths: ProtobufField[] = [];
  const definitions = new Map<string, ProtobufField>();
  for (const [apiVersion, kinds] of versions) {
    for (const kind of kinds) {
      const identity = extension('x-kubernetes-group-version-kind', groupVersionKind(apiVersion, kind));
      const operation = [
        ...parameters.map((name) => message(8, [message(1, [queryParameter(name)])])),
        message(9, []),
        message(13, identity),
      ];
      paths.push(message(2, [text(1, pathOf(apiVersion, kind)), message(2, [message(8, operation)])]));
    }
    for (const [name, schema] of schemasOf(apiVersion, kinds)) {
      if (!definitions.has(name)) definitions.set(name, namedSchema(name, schema));
    }
  }
  const info = message(DOCUMENT.info, [text(1, 'Kubernetes'), text(2, 'v1')]);
  return document([
    text(DOCUMENT.swagger, '2.0'),
    info,
    message(DOCUMENT.paths, paths),
    message(DOCUMENT.definitions, [...definitions.values()]),
  ]);
}

type PathOf = (apiVersion: string, kind: KindDefinition) => string;

/** Parameter.non_body_parameter.query_parameter_sub_schema: in, name, type. */
function queryParameter(name: string): ProtobufField {
  return message(2, [message(3, [text(2, 'query'), text(4, name), text(6, name === 'force' ? 'boolean' : 'string')])]);
}

/** NamedAny; its value is YAML text, and JSON is YAML. */
function extension(name: string, value: unknown): ProtobufField[] {
  return [text(1, name), message(2, [text(2, JSON.stringify(value))])];
}

/** A member of Definitions.additional_properties or Properties.additional_properties. */
function namedSchema(name: string, schema: JsonSchema): ProtobufField {
  return message(1, [text(1, name), message(2, schemaFields(schema))]);
}

function schemaFields(schema: JsonSchema): ProtobufField[] {
  const { $ref, format, description, type, items, properties, additionalProperties, required = [], minimum, maximum } = schema;
  const fields: ProtobufField[] = [];
  if ($ref !== undefined) fields.push(text(SCHEMA.ref, `#/definitions/${$ref}`));
  if (format !== undefined) fields.push(text(SCHEMA.format, format));
  if (description !== undefined) fields.push(text(SCHEMA.description, description));
  if (schema.default !== undefined) fields.push(message(SCHEMA.default, [text(2, JSON.stringify(schema.default))]));
  if (maximum !== undefined) fields.push(number(SCHEMA.maximum, maximum));
  if (minimum !== undefined) fields.push(number(SCHEMA.minimum, minimum));
  for (const name of required) fields.push(text(SCHEMA.required, name));
  for (const value of schema.enum ?? []) fields.push(message(SCHEMA.enum, [text(2, JSON.stringify(value))]));
  if (additionalProperties !== undefined)
    fields.push(message(SCHEMA.additionalProperties, [message(1, schemaFields(additionalProperties))]));
  if (type !== undefined) fields.push(message(SCHEMA.type, [text(1, type)]));
  if (items !== undefined) fields.push(message(SCHEMA.items, [message(1, schemaFields(items))]));
  if (properties !== undefined) {
    const named = Object.entries(properties).map(([name, property]) => namedSchema(name, property));
    fields.push(message(SCHEMA.properties, named));
  }
  for (const [name, value] of Object.entries(schema)) {
    if (name.startsWith('x-kubernetes-')) fields.push(message(SCHEMA.extension, extension(name, value)));
  }
  return fields;
}
