import type { DraftObject, KubeObject } from '../objects.ts';
import { any, object, stringMap } from '../schema/build.ts';
import { required } from '../schema/field-errors.ts';
import type { PodSpec, ReplicationController, ReplicationControllerSpec } from '../types.ts';
import { ageColumn, nameColumn, showLabels, workloadColumns } from './columns.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podTemplateSpecSchema } from './pod-spec.ts';
import { findUnsupportedInPod, validateServingTemplate } from './pod-validation.ts';
import { minReadySecondsField, replicaCountColumns, replicasField } from './replica-count.ts';
import { typeMetaFields } from './type-meta.ts';
import { noMatch } from './workload-selector.ts';

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
        minReadySeconds: minReadySecondsField,
        selector: stringMap("Labels of its pods; the template's by default.", { atomic: true }),
        replicas: replicasField,
        // The one template that may be missing: a pointer in Go.
        template: { ...podTemplateSpecSchema, default: undefined },
      },
      { default: {} },
    ),
    status: any('How many pods there are.'),
  }),
  mergeUnits: { members: ['/spec'] },
  fillDefaults,
  validate: (object) => validate(object),
  findUnsupported: (object) => findUnsupportedInPod(templateSpec(object), 'spec.template.spec'),
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

/** Source: ValidateReplicationControllerSpec (behaviour and wording). */
function validate(draft: DraftObject): FieldError[] {
  const { selector = {}, template } = draft.spec as ReplicationControllerSpec;
  const entries = Object.entries(selector);
  const errors: FieldError[] = entries.length === 0 ? [required('spec.selector')] : [];
  if (template === undefined) return [...errors, required('spec.template')];
  const labels = template.metadata?.labels;
  if (entries.some(([key, value]) => labels?.[key] !== value)) errors.push(noMatch(labels));
  return [...errors, ...validateServingTemplate(template, 'spec.template', 'ReplicationController')];
}

function templateSpec(draft: DraftObject): PodSpec {
  return (draft.spec as ReplicationControllerSpec).template?.spec ?? { containers: [] };
}
