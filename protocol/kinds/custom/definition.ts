import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { any, boolean, integer, list, object, oneOf, string, strings } from '../../schema/build.ts';
import { childPath, invalid, required } from '../../schema/field-errors.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../../values/names.ts';
import { createdColumn, nameColumn } from '../columns.ts';
import type { FieldError, KindDefinition } from '../kind.ts';
import { storedKind } from '../stored/stored-kind.ts';
import type { JsonSchema } from './json-schema.ts';
import { checkStructural } from './schema-check.ts';

/** Definitions of kinds that Kith does not know of itself. */

export interface CustomResourceDefinitionSpec {
  group: string;
  scope: 'Cluster' | 'Namespaced';
  names: { plural: string; singular?: string; kind: string; listKind?: string; shortNames?: string[]; categories?: string[] };
  versions: CustomVersion[];
  conversion?: { strategy?: string };
}

export interface CustomVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: JsonSchema };
  subresources?: { status?: object; scale?: ScalePaths };
  additionalPrinterColumns?: PrinterColumn[];
}

export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export interface PrinterColumn {
  name: string;
  type: string;
  jsonPath: string;
  description?: string;
  format?: string;
  priority?: number;
}

export const CUSTOM_DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';

const versionSchema = object(
  'CustomResourceDefinitionVersion',
  'A version of it.',
  {
    name: string('Its name: v1, v1beta1, ...', { check: 'dns1123Label' }),
    served: boolean('Whether clients may speak it.'),
    storage: boolean('Whether objects are stored in it. One version is.'),
    deprecated: boolean('Whether a write warns of it.'),
    deprecationWarning: string('What it warns.'),
    schema: object('CustomResourceValidation', 'Its fields.', { openAPIV3Schema: any('A structural schema.') }),
    subresources: object('CustomResourceSubresources', 'Its subresources.', {
      status: any('The status is written apart from the rest.'),
      scale: object(
        'CustomResourceSubresourceScale',
        'Where its number of replicas is.',
        {
          specReplicasPath: string('Of those wanted.'),
          statusReplicasPath: string('Of those there are.'),
          labelSelectorPath: string('Of the selector, as text.'),
        },
        { required: ['specReplicasPath', 'statusReplicasPath'] },
      ),
    }),
    additionalPrinterColumns: list(
      'What `kubectl get` shows besides the name.',
      object(
        'CustomResourceColumnDefinition',
        'A column.',
        {
          name: string('Its head.'),
          type: oneOf('What it shows.', ['boolean', 'date', 'integer', 'number', 'string']),
          jsonPath: string('Where it is.'),
          description: string('What it means.'),
          format: string('How it is written.'),
          priority: integer('0 is always shown.'),
        },
        { required: ['name', 'type', 'jsonPath'] },
      ),
    ),
    selectableFields: list('Fields that can be selected by.', object('SelectableField', 'A field.', { jsonPath: string('Where it is.') }), {
      support: 'stored',
      why: 'objects can be selected by name and namespace only',
    }),
  },
  { required: ['name'] },
);

export const customResourceDefinitionKind: KindDefinition = storedKind({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  description: 'Defines a kind of your own.',
  fields: {
    spec: object(
      'CustomResourceDefinitionSpec',
      'Its names, versions and fields.',
      {
        group: string('Its API group.', { check: 'dns1123Subdomain' }),
        scope: oneOf('Whether objects are in namespaces.', ['Cluster', 'Namespaced']),
        names: object(
          'CustomResourceDefinitionNames',
          'What it is called.',
          {
            plural: string('In URLs.', { check: 'dns1123Label' }),
            singular: string('Of one of them.', { check: 'dns1123Label' }),
            kind: string('In manifests.'),
            listKind: string('Of a list.'),
            shortNames: strings('Short names for the command line.'),
            categories: strings('Names for groups of kinds.'),
          },
          { required: ['plural', 'kind'] },
        ),
        versions: list('Its versions.', versionSchema),
        conversion: object('CustomResourceConversion', 'How one version becomes another.', {
          strategy: oneOf('None: only the apiVersion changes.', ['None', 'Webhook'], {
            support: 'refused',
            why: 'no webhooks are called',
            inert: ['None'],
          }),
          webhook: any('Who converts.', { support: 'refused', why: 'no webhooks are called' }),
        }),
        preserveUnknownFields: boolean('Fields that the schema does not know are kept.', {
          support: 'refused',
          why: 'use x-kubernetes-preserve-unknown-fields in the schema',
        }),
      },
      { required: ['group', 'scope', 'names', 'versions'] },
    ),
  },
  required: ['spec'],
  status: 'Whether it is served.',
  fillDefaults: (draft) => {
    const { names, conversion } = definitionOf(draft);
    if (conversion === undefined) (draft.spec as CustomResourceDefinitionSpec).conversion = { strategy: 'None' };
    if (names?.kind === undefined) return;
    names.singular = names.singular === undefined || names.singular === '' ? names.kind.toLowerCase() : names.singular;
    names.listKind = names.listKind === undefined || names.listKind === '' ? `${names.kind}List` : names.listKind;
  },
  validate: (draft) => validateDefinition(draft),
  validateUpdate: (before, after) => validateDefinitionUpdate(before, after),
  findUnsupported: (draft) => ({
    warnings: (definitionOf(draft).versions ?? []).flatMap(
      ({ schema }, index) => checkStructural(schema?.openAPIV3Schema ?? {}, schemaPath(index)).warnings,
    ),
    refused: [],
  }),
  // Versions belong together: two sides that each change one make a conflict that is told.
  units: ['/spec'],
  allColumns: [nameColumn, createdColumn],
});

export function definitionOf(object: KubeObject | DraftObject): Partial<CustomResourceDefinitionSpec> {
  return object.spec ?? {};
}

function schemaPath(version: number): string {
  return `spec.versions[${version}].schema.openAPIV3Schema`;
}

/** Source: ValidateCustomResourceDefinition. */
function validateDefinition(draft: DraftObject): FieldError[] {
  const { group = '', names, versions = [] } = definitionOf(draft);
  const errors: FieldError[] = [];
  const expected = `${names?.plural ?? ''}.${group}`;
  if (draft.metadata.name !== expected)
    errors.push(invalid('metadata.name', draft.metadata.name, `must be spec.names.plural+"."+spec.group`));
  if (group !== '' && !group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  errors.push(...checkDnsSubdomain(group).map((message) => invalid('spec.group', group, message)));
  if (names?.kind !== undefined && !/^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$/.test(names.kind))
    errors.push(invalid('spec.names.kind', names.kind, 'must be a DNS label, in any case'));
  for (const [index, name] of (names?.shortNames ?? []).entries())
    errors.push(...checkDnsLabel(name).map((message) => invalid(`spec.names.shortNames[${index}]`, name, message)));
  const stored = versions.filter(({ storage }) => storage === true);
  if (stored.length !== 1)
    errors.push(
      invalid(
        'spec.versions',
        versions.map(({ name }) => name),
        'must have exactly one version marked as storage version',
      ),
    );
  if (new Set(versions.map(({ name }) => name)).size !== versions.length)
    errors.push(
      invalid(
        'spec.versions',
        versions.map(({ name }) => name),
        'must contain unique version names',
      ),
    );
  for (const [index, version] of versions.entries()) {
    const schema = version.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(schemaPath(index), 'schemas are required'));
    else errors.push(...checkStructural(schema, schemaPath(index)).errors);
    for (const field of ['specReplicasPath', 'statusReplicasPath'] as const) {
      const path = version.subresources?.scale?.[field];
      const root = field === 'specReplicasPath' ? '.spec.' : '.status.';
      if (path !== undefined && !path.startsWith(root))
        errors.push(
          invalid(childPath(`spec.versions[${index}].subresources.scale`, field), path, `should be a json path under ${root.slice(0, -1)}`),
        );
    }
  }
  return errors;
}

function validateDefinitionUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [definitionOf(before), definitionOf(after)];
  const errors: FieldError[] = [];
  if (old.group !== now.group) errors.push(invalid('spec.group', now.group, 'field is immutable'));
  if (old.scope !== now.scope) errors.push(invalid('spec.scope', now.scope, 'field is immutable'));
  for (const name of ['plural', 'kind'] as const)
    if (old.names?.[name] !== now.names?.[name]) errors.push(invalid(`spec.names.${name}`, now.names?.[name], 'field is immutable'));
  return errors;
}
