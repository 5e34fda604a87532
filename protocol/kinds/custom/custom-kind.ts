import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { any, object } from '../../schema/build.ts';
import { decodeBySchema, type Decoded, isPlainObject } from '../../schema/decode.ts';
import { ageSince } from '../../values/duration.ts';
import { compileJsonPath } from '../../values/jsonpath.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { KindDefinition, MergeUnits, TableColumn } from '../kind.ts';
import { objectMetaSchema } from '../metadata.ts';
import { ALL_VERBS } from '../stored/stored-kind.ts';
import { typeMetaFields } from '../type-meta.ts';
import { type CustomResourceDefinitionSpec, type CustomVersion, definitionOf, type PrinterColumn } from './definition.ts';
import type { JsonSchema } from './json-schema.ts';
import { fillStructuralDefaults, prune, validateStructural } from './structural.ts';
import { fieldsOf } from './to-schema.ts';

/**
 * How objects of custom kinds merge: each member of each top-level object is one value (`spec.replicas`, `spec.template`, `status.conditions`). It may not depend on the
 * definition, which a peer may not have yet, and no deeper: what belongs together is mostly below one member.
 */
export const CUSTOM_MERGE_UNITS: MergeUnits = { members: ['/*'] };

/** The kinds that a definition makes, one a version that is served, the stored version first. */
export function customKinds(definition: StoredObject): KindDefinition[] {
  const spec = definitionOf(definition) as CustomResourceDefinitionSpec;
  const stored = spec.versions.find(({ storage }) => storage) ?? spec.versions[0];
  if (stored === undefined) return [];
  const first = customKind(definition.metadata.name, spec, stored);
  const others = spec.versions
    .filter((version) => version !== stored && version.served)
    .map((version): KindDefinition => {
      const kind = customKind(definition.metadata.name, spec, version);
      const inApiVersion = <T extends DraftObject | KubeObject>(each: T, name: string): T => ({
        ...each,
        apiVersion: `${spec.group}/${name}`,
      });
      return {
        ...kind,
        storedAs: { kind: first, to: (draft) => inApiVersion(draft, stored.name), from: (shown) => inApiVersion(shown, version.name) },
      };
    });
  return stored.served ? [first, ...others] : others;
}

function customKind(definition: string, spec: CustomResourceDefinitionSpec, version: CustomVersion): KindDefinition {
  const { group, names, scope } = spec;
  const { status, scale } = version.subresources ?? {};
  const schema = bodySchema(version.schema?.openAPIV3Schema);
  return {
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    verbs: ALL_VERBS,
    subresources: [...(status === undefined ? [] : ['status']), ...(scale === undefined ? [] : ['scale'])],
    definition,
    storesStatus: true,
    ...(scale === undefined
      ? {}
      : {
          scalePaths: {
            spec: fieldPath(scale.specReplicasPath),
            status: fieldPath(scale.statusReplicasPath),
            selector: fieldPath(scale.labelSelectorPath ?? ''),
          },
        }),
    schema: object(names.kind, version.schema?.openAPIV3Schema?.description ?? '', {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      ...fieldsOf(schema, '').fields,
    }),
    decode: (draft) => decodeCustom(schema, draft),
    fillDefaults: (draft) => fillStructuralDefaults(schema, draft),
    validate: ({ apiVersion: _version, kind: _kind, metadata: _metadata, ...body }) => validateStructural(schema, body),
    findUnsupported: () => ({ warnings: deprecation(spec, version), refused: [] }),
    mergeUnits: CUSTOM_MERGE_UNITS,
    columns: [nameColumn, ...(version.additionalPrinterColumns?.map(printerColumn) ?? [ageColumn])],
  };
}

/** Without what every object has, which has a schema of its own. */
function bodySchema(schema: JsonSchema = {}): JsonSchema {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...properties } = schema.properties ?? {};
  const required = schema.required?.filter((name) => !['apiVersion', 'kind', 'metadata'].includes(name));
  return { ...schema, properties, ...(required === undefined ? {} : { required }) };
}

const METADATA = object('', '', { metadata: objectMetaSchema });
const ANYTHING = any('');

function decodeCustom(schema: JsonSchema, draft: unknown): Decoded {
  const { apiVersion, kind, metadata, ...body } = isPlainObject(draft) ? draft : {};
  const meta = decodeBySchema(METADATA, metadata === undefined ? {} : { metadata });
  // Bounds hold for what is kept unread, too.
  const bounded = decodeBySchema(ANYTHING, body);
  const unknown: string[] = [];
  const kept = prune(schema, bounded.value, unknown) as object;
  return {
    value: { apiVersion, kind, ...(meta.value as object), ...kept },
    unknown: [...meta.unknown, ...unknown],
    errors: [...meta.errors, ...bounded.errors],
  };
}

function deprecation({ group, names }: CustomResourceDefinitionSpec, { name, deprecated, deprecationWarning }: CustomVersion): string[] {
  return deprecated === true ? [deprecationWarning ?? `${group}/${name} ${names.kind} is deprecated`] : [];
}

/** `.spec.replicas` as `spec.replicas`. */
function fieldPath(path: string): string {
  return path.replace(/^\./, '');
}

function printerColumn({ name, type, jsonPath, description = '', format, priority = 0 }: PrinterColumn): TableColumn {
  const read = compileJsonPath(`{${jsonPath}}`);
  return {
    name,
    type: type === 'number' ? 'string' : (type as TableColumn['type']),
    ...(format === undefined ? {} : { format }),
    description,
    priority: priority > 0 ? 1 : 0,
    cell: (shown, now) => cellOf(read(shown), type, now),
  };
}

function cellOf(text: string, type: string, now: number): string | number | boolean {
  if (type === 'date') return text === '' ? '' : ageSince(text, now);
  if (type === 'integer' && /^-?[0-9]+$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
