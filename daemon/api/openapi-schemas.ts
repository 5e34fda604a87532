import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { ObjectSchema, Schema } from '../../protocol/schema/schema.ts';

/** JSON schemas of the kinds of one apiVersion, as OpenAPI documents hold them. Read off the table that decoding reads, so that they can't differ. */
export interface JsonSchema {
  $ref?: string;
  allOf?: JsonSchema[];
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: readonly string[];
  required?: readonly string[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema;
  minimum?: number;
  maximum?: number;
  [extension: `x-kubernetes-${string}`]: unknown;
}

export interface GroupVersionKind {
  group: string;
  kind: string;
  version: string;
}

const META_TYPES: readonly string[] = [
  'ObjectMeta',
  'OwnerReference',
  'LabelSelector',
  'LabelSelectorRequirement',
  'ManagedFieldsEntry',
  'Condition',
];
const META_PREFIX = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Every named type of an apiVersion's kinds, by its name. References are names alone. */
export function schemasOf(apiVersion: string, kinds: readonly KindDefinition[]): Map<string, JsonSchema> {
  const collector = new SchemaCollector(apiVersion);
  for (const kind of kinds) collector.addKind(kind, groupVersionKind(apiVersion, kind));
  return collector.found;
}

/** The kind as this apiVersion calls it: an older name of a kind is a kind of its own to clients. */
export function groupVersionKind(apiVersion: string, kind: KindDefinition): GroupVersionKind {
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), kind: kind.kind, version: apiVersion.slice(slash + 1) };
}

class SchemaCollector {
  readonly found = new Map<string, JsonSchema>();
  private readonly prefix: string;

  constructor(apiVersion: string) {
    const [group = '', version] = apiVersion.split('/');
    this.prefix = version === undefined ? `io.k8s.api.core.${group}` : `io.k8s.api.${group.split('.')[0] ?? group}.${version}`;
  }

  addKind(kind: KindDefinition, identity: GroupVersionKind): void {
    if (kind.schema.type !== 'object') return;
    const name = `${this.prefix}.${kind.kind}`;
    this.found.set(name, { ...this.objectSchema(kind.schema), 'x-kubernetes-group-version-kind': [identity] });
  }

  private fieldSchema(schema: Schema): JsonSchema {
    const { description } = schema;
    switch (schema.type) {
      case 'string':
        return { type: 'string', description, ...stringDetails(schema) };
      case 'integer': {
        const { minimum, maximum, format = 'int32' } = schema;
        return { type: 'integer', format, description, ...defined({ default: schema.default, minimum, maximum }) };
      }
      case 'intOrString':
        return { type: 'string', format: 'int-or-string', description };
      case 'number':
        return { type: 'number', format: 'double', description };
      case 'boolean':
        return { type: 'boolean', description, ...defined({ default: schema.default }) };
      case 'array':
        return { type: 'array', description, items: this.fieldSchema(schema.items), ...listDetails(schema) };
      case 'map':
        return { type: 'object', description, additionalProperties: this.fieldSchema(schema.values), ...mapDetails(schema) };
      case 'object':
        return this.reference(schema);
      case 'any':
        return { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true };
    }
  }

  private reference(schema: ObjectSchema): JsonSchema {
    if (schema.typeName === undefined) return this.objectSchema(schema);
    const name = `${META_TYPES.includes(schema.typeName) ? META_PREFIX : this.prefix}.${schema.typeName}`;
    if (!this.found.has(name)) {
      // A place for it first: types may hold themselves.
      this.found.set(name, {});
      // Each use says what it is for: `kubectl explain` would print the type's own words after the same words there.
      const { description: _ofUse, ...type } = this.objectSchema(schema);
      this.found.set(name, type);
    }
    return { $ref: name, description: schema.description, ...defined({ default: schema.default }) };
  }

  private objectSchema(schema: ObjectSchema): JsonSchema {
    const properties = Object.fromEntries(Object.entries(schema.fields).map(([name, field]) => [name, this.fieldSchema(field)]));
    const { description, required = [] } = schema;
    return { type: 'object', description, properties, ...(required.length === 0 ? {} : { required }) };
  }
}

function stringDetails(schema: Extract<Schema, { type: 'string' }>): JsonSchema {
  const format = schema.format === 'time' ? 'date-time' : schema.format === 'byte' ? 'byte' : undefined;
  return defined({ format, enum: schema.enum, default: schema.default });
}

function listDetails({ patchMergeKey, listMapKeys, patchMerge }: Extract<Schema, { type: 'array' }>): JsonSchema {
  const merges = patchMergeKey !== undefined || patchMerge === true;
  const listType = listMapKeys !== undefined ? 'map' : patchMerge === true ? 'set' : 'atomic';
  return {
    'x-kubernetes-list-type': listType,
    ...(listMapKeys === undefined ? {} : { 'x-kubernetes-list-map-keys': listMapKeys }),
    ...(patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': patchMergeKey }),
    ...(merges ? { 'x-kubernetes-patch-strategy': 'merge' } : {}),
  };
}

function mapDetails(schema: Schema): JsonSchema {
  return schema.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {};
}

function defined(details: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}
