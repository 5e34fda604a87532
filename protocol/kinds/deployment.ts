import type { DraftObject, KubeObject } from '../objects.ts';
import { any, boolean, integer, intOrString, object, string } from '../schema/build.ts';
import { forbidden, GoStruct, invalid, notSupported } from '../schema/field-errors.ts';
import type { Deployment, DeploymentSpec } from '../types.ts';
import { ageColumn, column, integerColumn, nameColumn, showLabelSelector, workloadColumns } from './columns.ts';
import { checkAtMostAll, checkIntOrPercent, isZero } from './int-or-percent.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { objectMetaSchema } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podTemplateSpecSchema } from './pod-spec.ts';
import { findUnsupportedInPod, validateServingTemplate } from './pod-validation.ts';
import { minReadySecondsField, replicasField } from './replica-count.ts';
import { typeMetaFields } from './type-meta.ts';
import {
  fillSelectorFromTemplate,
  isRecord,
  retiredAlias,
  validateSelectorUnchanged,
  validateWorkloadSelector,
} from './workload-selector.ts';

/** What a rollout may lack or have in excess, unless it says so. */
const DEFAULT_ROLLING = '25%';
/** Defaults of extensions/v1beta1. */
const OLD_ROLLING = 1;
const UNBOUNDED = 2 ** 31 - 1;

const strategySchema = object(
  'DeploymentStrategy',
  'How old pods are replaced by new ones.',
  {
    type: string('RollingUpdate, or Recreate: all old ones end first.', { default: 'RollingUpdate' }),
    rollingUpdate: object('RollingUpdateDeployment', 'Bounds of a rolling update.', {
      maxUnavailable: intOrString('Pods that may be missing meanwhile; a percentage is rounded down.'),
      maxSurge: intOrString('Pods that there may be too many meanwhile; a percentage is rounded up.'),
    }),
  },
  { default: {} },
);

export const deploymentKind: KindDefinition = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  namespaced: true,
  categories: ['all'],
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status', 'scale'],
  aliases: [
    retiredAlias('extensions/v1beta1', 'Deployment', 'v1.8', 'v1.16', adaptExtensionsSpec),
    retiredAlias('apps/v1beta1', 'Deployment', 'v1.8', 'v1.16', (spec) => {
      spec.revisionHistoryLimit ??= 2;
      return adaptBeta1Spec(spec);
    }),
    retiredAlias('apps/v1beta2', 'Deployment', 'v1.9', 'v1.16', (spec) => {
      fillSelectorFromTemplate(spec);
      return [];
    }),
  ],
  schema: object('Deployment', 'Keeps a number of equal pods running and replaces them step by step when they change.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: object(
      'DeploymentSpec',
      'How many pods, which, and how they are replaced.',
      {
        replicas: replicasField,
        selector: labelSelectorSchema,
        template: podTemplateSpecSchema,
        strategy: strategySchema,
        minReadySeconds: minReadySecondsField,
        revisionHistoryLimit: integer('Old ReplicaSets that are kept.', { default: 10, minimum: 0 }),
        paused: boolean('Changes of the template wait.'),
        progressDeadlineSeconds: integer('Seconds without progress after which a rollout has failed.', { default: 600, minimum: 0 }),
      },
      { default: {} },
    ),
    status: any('How far it is.'),
  }),
  mergeUnits: { members: ['/spec'] },
  fillDefaults,
  validate,
  findUnsupported: (draft) =>
    findUnsupportedInPod((draft.spec as DeploymentSpec).template?.spec ?? { containers: [] }, 'spec.template.spec'),
  validateUpdate: validateSelectorUnchanged,
  columns: [
    nameColumn,
    column('Ready', 'Pods that are ready, of those wanted.', (object) => {
      const { spec, status } = object as Partial<Deployment>;
      return `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`;
    }),
    integerColumn(
      'Up-to-date',
      'Pods of the newest template.',
      (object: KubeObject) => (object as Partial<Deployment>).status?.updatedReplicas ?? 0,
    ),
    integerColumn(
      'Available',
      'Pods that are ready for long enough.',
      (object: KubeObject) => (object as Partial<Deployment>).status?.availableReplicas ?? 0,
    ),
    ageColumn,
    ...workloadColumns(showLabelSelector),
  ],
};

/** Both beta1 versions had a field that rolled back when it was written. */
function adaptBeta1Spec(spec: Record<string, unknown>): string[] {
  fillSelectorFromTemplate(spec);
  const rollsBack = spec.rollbackTo !== undefined && spec.rollbackTo !== null;
  delete spec.rollbackTo;
  return rollsBack ? ['spec.rollbackTo: is ignored: apps/v1 has no such field; apply the older template instead'] : [];
}

/** extensions/v1beta1 bounded neither history nor progress, and replaced pods one by one. */
function adaptExtensionsSpec(spec: Record<string, unknown>): string[] {
  spec.revisionHistoryLimit ??= UNBOUNDED;
  spec.progressDeadlineSeconds ??= UNBOUNDED;
  spec.strategy ??= {};
  if (isRecord(spec.strategy) && (spec.strategy.type ?? 'RollingUpdate') === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    if (isRecord(spec.strategy.rollingUpdate)) {
      spec.strategy.rollingUpdate.maxUnavailable ??= OLD_ROLLING;
      spec.strategy.rollingUpdate.maxSurge ??= OLD_ROLLING;
    }
  }
  return adaptBeta1Spec(spec);
}

function fillDefaults(draft: DraftObject): void {
  const spec = draft.spec as DeploymentSpec;
  if (spec.strategy?.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate = { maxUnavailable: DEFAULT_ROLLING, maxSurge: DEFAULT_ROLLING, ...spec.strategy.rollingUpdate };
  }
  if (spec.template?.spec !== undefined) fillPodSpecDefaults(spec.template.spec);
}

/** Source: ValidateDeploymentSpec (behaviour and wording). */
function validate(draft: DraftObject): FieldError[] {
  const spec = draft.spec as DeploymentSpec;
  const errors = validateWorkloadSelector(draft, {
    empty: 'empty selector is invalid for deployment',
    wrong: 'invalid label selector',
    // A Deployment's template is one of a ReplicaSet.
    template: (template) => validateServingTemplate(template, 'spec.template', 'ReplicaSet'),
  });
  errors.push(...validateStrategy(spec));
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateStrategy({ strategy = {} }: DeploymentSpec): FieldError[] {
  const path = 'spec.strategy.rollingUpdate';
  const { type = 'RollingUpdate', rollingUpdate: rolling } = strategy;
  if (type === 'Recreate') return rolling === undefined ? [] : [forbidden(path, "may not be specified when strategy `type` is 'Recreate'")];
  if (type !== 'RollingUpdate') {
    const bounds = rolling && new GoStruct({ MaxUnavailable: rolling.maxUnavailable ?? 0, MaxSurge: rolling.maxSurge ?? 0 });
    return [notSupported('spec.strategy', new GoStruct({ Type: type, RollingUpdate: bounds }), ['Recreate', 'RollingUpdate'])];
  }
  const { maxUnavailable = DEFAULT_ROLLING, maxSurge = DEFAULT_ROLLING } = rolling ?? {};
  const errors = [...checkIntOrPercent(maxUnavailable, `${path}.maxUnavailable`), ...checkIntOrPercent(maxSurge, `${path}.maxSurge`)];
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...checkAtMostAll(maxUnavailable, `${path}.maxUnavailable`)];
}
