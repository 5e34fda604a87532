import type { DraftObject } from '../objects.ts';
import { any, object } from '../schema/build.ts';
import type { PodSpec, ReplicaSetSpec } from '../types.ts';
import { ageColumn, nameColumn, showLabelSelector, workloadColumns } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { objectMetaSchema } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podTemplateSpecSchema } from './pod-spec.ts';
import { findUnsupportedInPod, validateServingTemplate } from './pod-validation.ts';
import { minReadySecondsField, replicaCountColumns, replicasField } from './replica-count.ts';
import { typeMetaFields } from './type-meta.ts';
import { fillSelectorFromTemplate, retiredAlias, validateSelectorUnchanged, validateWorkloadSelector } from './workload-selector.ts';

export const replicaSetKind: KindDefinition = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  namespaced: true,
  categories: ['all'],
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status', 'scale'],
  aliases: [
    retiredAlias('extensions/v1beta1', 'ReplicaSet', 'v1.8', 'v1.16', adaptOldSpec),
    retiredAlias('apps/v1beta2', 'ReplicaSet', 'v1.9', 'v1.16', adaptOldSpec),
  ],
  schema: object('ReplicaSet', 'Keeps a number of equal pods running. Usually made by a Deployment.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: object(
      'ReplicaSetSpec',
      'How many pods, and which.',
      {
        replicas: replicasField,
        minReadySeconds: minReadySecondsField,
        selector: labelSelectorSchema,
        template: podTemplateSpecSchema,
      },
      { default: {} },
    ),
    status: any('How many pods there are.'),
  }),
  mergeUnits: { members: ['/spec'] },
  fillDefaults: (draft) => {
    const { template } = draft.spec as ReplicaSetSpec;
    if (template?.spec !== undefined) fillPodSpecDefaults(template.spec);
  },
  validate: (draft) =>
    validateWorkloadSelector(draft, {
      // As Kubernetes says it.
      empty: 'empty selector is invalid for deployment',
      wrong: 'invalid label selector',
      template: (template) => validateServingTemplate(template, 'spec.template', 'ReplicaSet'),
    }),
  findUnsupported: (draft) => findUnsupportedInPod(templateSpec(draft), 'spec.template.spec'),
  validateUpdate: validateSelectorUnchanged,
  columns: [nameColumn, ...replicaCountColumns, ageColumn, ...workloadColumns(showLabelSelector)],
};

function adaptOldSpec(spec: Record<string, unknown>): string[] {
  fillSelectorFromTemplate(spec);
  return [];
}

function templateSpec(draft: DraftObject): PodSpec {
  return (draft.spec as ReplicaSetSpec).template?.spec ?? { containers: [] };
}
