import type { DraftObject, KubeObject } from '../objects.ts';
import { any, object, stringMap } from '../schema/build.ts';
import { invalid, required } from '../schema/field-errors.ts';
import type { PodSpec, ReplicationController, ReplicationControllerSpec } from '../types.ts';
import { checkLabelValue } from '../values/names.ts';
import { ageColumn, nameColumn, showLabels, workloadColumns } from './columns.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema, validateLabels } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podTemplateSpecSchema } from './pod-spec.ts';
import { findUncountedResources, validateServingTemplate } from './pod-validation.ts';
import { minReadySecondsField, replicaCountColumns, replicasField } from './replica-count.ts';
import { typeMetaFields } from './type-meta.ts';

export const replicationControllerKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  namespaced: true,
  categories: ['all'],
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status', 'scale'],
  schema: object('ReplicationController', 'Keeps a number of equal pods running. The elder brother of the ReplicaSet.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: object(
      'ReplicationControllerSpec',
      'How many pods, and which.',
      {
        replicas: replicasField,
        minReadySeconds: minReadySecondsField,
        selector: stringMap("Labels of its pods; the template's by default.", { atomic: true }),
        template: podTemplateSpecSchema,
      },
      { default: {} },
    ),
    status: any('How many pods there are.'),
  }),
  mergeUnits: { members: ['/spec'] },
  fillDefaults,
  validate: (object) => validate(object),
  findUnsupported: (object) => findUncountedResources(templateSpec(object), 'spec.template.spec'),
  columns: [
    nameColumn,
    ...replicaCountColumns,
    ageColumn,
    ...workloadColumns((object: KubeObject) => showLabels((object as Partial<ReplicationController>).spec?.selector)),
  ],
};

function fillDefaults(draft: DraftObject): void {
  const spec = draft.spec as ReplicationControllerSpec;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined && Object.keys(labels).length > 0) {
    if (spec.selector === undefined || Object.keys(spec.selector).length === 0) spec.selector = { ...labels };
    if (draft.metadata.labels === undefined || Object.keys(draft.metadata.labels).length === 0) draft.metadata.labels = { ...labels };
  }
  if (spec.template?.spec !== undefined) fillPodSpecDefaults(spec.template.spec);
}

function validate(draft: DraftObject): FieldError[] {
  const spec = draft.spec as ReplicationControllerSpec;
  const selector = Object.entries(spec.selector ?? {});
  const errors: FieldError[] = [];
  if (selector.length === 0) errors.push(required('spec.selector'));
  errors.push(...validateLabels(spec.selector, 'spec.selector'));
  const labels = spec.template?.metadata?.labels ?? {};
  const selectable = selector.every(([, value]) => checkLabelValue(value).length === 0);
  if (spec.template !== undefined && selectable && selector.some(([key, value]) => labels[key] !== value)) {
    errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  errors.push(...validateServingTemplate(spec.template, 'spec.template', 'ReplicationController'));
  return errors;
}

function templateSpec(draft: DraftObject): PodSpec {
  return (draft.spec as ReplicationControllerSpec).template?.spec ?? { containers: [] };
}
