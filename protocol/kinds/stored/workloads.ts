import { jsonEqual } from '../../json.ts';
import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { any, integer, intOrString, list, object, oneOf, string } from '../../schema/build.ts';
import { forbidden, invalid, required } from '../../schema/field-errors.ts';
import type { DaemonSetSpec, PodSpec, PodTemplateSpec, StatefulSetSpec } from '../../types.ts';
import { ageColumn, column, fieldColumn, fieldOf, nameColumn, showLabels, showLabelSelector, workloadColumns } from '../columns.ts';
import { checkIntOrPercent } from '../int-or-percent.ts';
import type { FieldError } from '../kind.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { fillPodSpecDefaults } from '../pod-defaults.ts';
import { podTemplateSpecSchema } from '../pod-spec.ts';
import { findUncountedResources, validateServingTemplate } from '../pod-validation.ts';
import { minReadySecondsField, replicasField } from '../replica-count.ts';
import { validateSelectorUnchanged, validateWorkloadSelector } from '../workload-selector.ts';
import { persistentVolumeClaimKind } from './storage.ts';
import { storedKind } from './stored-kind.ts';

/** Workloads besides Deployments and Jobs, and what they were. */

const revisionHistoryLimit = integer('Old revisions that are kept.', { default: 10, minimum: 0 });

export const daemonSetKind = storedKind({
  group: 'apps',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  description: 'Keeps a pod running on every node.',
  fields: {
    spec: object(
      'DaemonSetSpec',
      'Which pods, and how they are replaced.',
      {
        selector: labelSelectorSchema,
        template: podTemplateSpecSchema,
        minReadySeconds: minReadySecondsField,
        revisionHistoryLimit,
        updateStrategy: object(
          'DaemonSetUpdateStrategy',
          'How old pods are replaced.',
          {
            type: oneOf('How.', ['OnDelete', 'RollingUpdate'], { default: 'RollingUpdate' }),
            rollingUpdate: object('RollingUpdateDaemonSet', 'Bounds.', {
              maxSurge: intOrString('Pods that there may be too many.'),
              maxUnavailable: intOrString('Pods that may be missing.'),
            }),
          },
          { default: {} },
        ),
      },
      { default: {} },
    ),
  },
  status: 'How many pods there are.',
  fillDefaults: (draft) => {
    const { updateStrategy, template } = draft.spec as DaemonSetSpec;
    if (updateStrategy?.type === 'RollingUpdate')
      updateStrategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...updateStrategy.rollingUpdate };
    if (template?.spec !== undefined) fillPodSpecDefaults(template.spec);
  },
  validate: (draft) => [...validateWorkload(draft, 'DaemonSet'), ...validateDaemonBounds(draft.spec as DaemonSetSpec)],
  validateUpdate: validateSelectorUnchanged,
  findUnsupported: (draft) => findUncountedResources(podOf(draft), 'spec.template.spec'),
  allColumns: [
    nameColumn,
    fieldColumn('Desired', 'status.desiredNumberScheduled', 'Nodes that are to have a pod.', 0),
    fieldColumn('Current', 'status.currentNumberScheduled', 'Nodes that have one.', 0),
    fieldColumn('Ready', 'status.numberReady', 'Nodes whose pod is ready.', 0),
    fieldColumn('Up-to-date', 'status.updatedNumberScheduled', 'Nodes with a pod of the newest template.', 0),
    fieldColumn('Available', 'status.numberAvailable', 'Nodes whose pod is ready for long enough.', 0),
    column('Node Selector', 'Which nodes.', (object) => showLabels(podOf(object).nodeSelector)),
    ageColumn,
    ...workloadColumns(showLabelSelector),
  ],
});

export const statefulSetKind = storedKind({
  group: 'apps',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  description: 'Keeps numbered pods running, each with its own name and storage.',
  fields: {
    spec: object(
      'StatefulSetSpec',
      'Which pods, how many, and how they are replaced.',
      {
        replicas: replicasField,
        selector: labelSelectorSchema,
        template: podTemplateSpecSchema,
        serviceName: string('Service that names its pods.'),
        podManagementPolicy: oneOf('Whether pods start one after the other.', ['OrderedReady', 'Parallel'], { default: 'OrderedReady' }),
        minReadySeconds: minReadySecondsField,
        revisionHistoryLimit,
        volumeClaimTemplates: list('Storage of each pod.', persistentVolumeClaimKind.schema),
        persistentVolumeClaimRetentionPolicy: object(
          'StatefulSetPersistentVolumeClaimRetentionPolicy',
          'What becomes of the storage.',
          {
            whenDeleted: oneOf('When the set is deleted.', ['Delete', 'Retain'], { default: 'Retain' }),
            whenScaled: oneOf('When it shrinks.', ['Delete', 'Retain'], { default: 'Retain' }),
          },
          { default: {} },
        ),
        ordinals: object('StatefulSetOrdinals', 'Numbers of the pods.', { start: integer('The first.', { minimum: 0 }) }),
        updateStrategy: object(
          'StatefulSetUpdateStrategy',
          'How old pods are replaced.',
          {
            type: oneOf('How.', ['OnDelete', 'RollingUpdate'], { default: 'RollingUpdate' }),
            rollingUpdate: object('RollingUpdateStatefulSetStrategy', 'Bounds.', {
              partition: integer('The first number that is replaced.', { minimum: 0 }),
              maxUnavailable: intOrString('Pods that may be missing.'),
            }),
          },
          { default: {} },
        ),
      },
      { default: {} },
    ),
  },
  status: 'How many pods there are.',
  subresources: ['scale'],
  fillDefaults: (draft) => {
    const { updateStrategy, template } = draft.spec as StatefulSetSpec;
    if (updateStrategy?.type === 'RollingUpdate') updateStrategy.rollingUpdate = { partition: 0, ...updateStrategy.rollingUpdate };
    if (template?.spec !== undefined) fillPodSpecDefaults(template.spec);
  },
  validate: (draft) => validateWorkload(draft, 'StatefulSet'),
  validateUpdate: validateStatefulSetUpdate,
  findUnsupported: (draft) => findUncountedResources(podOf(draft), 'spec.template.spec'),
  allColumns: [
    nameColumn,
    column('Ready', 'Pods that are ready, of those wanted.', (object) => {
      const ready = fieldOf(object, 'status.readyReplicas');
      return `${typeof ready === 'number' ? ready : 0}/${(object.spec as Partial<StatefulSetSpec> | undefined)?.replicas ?? 0}`;
    }),
    ageColumn,
    ...workloadColumns(() => '').filter(({ name }) => name !== 'Selector'),
  ],
});

export const controllerRevisionKind = storedKind({
  group: 'apps',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  description: 'An earlier version of a workload.',
  fields: { data: any('What it was.'), revision: { type: 'integer', format: 'int64', description: 'Its number.' } },
  units: [],
  validateUpdate: (before, after) =>
    jsonEqual(before['data'] ?? null, after['data'] ?? null) ? [] : [forbidden('data', 'field is immutable')],
  columns: [
    column('Controller', 'Whose it is.', ({ metadata }) => {
      const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
      return owner === undefined ? '<none>' : `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0] ?? ''}/${owner.name}`;
    }),
    fieldColumn('Revision', 'revision', 'Its number.', 0),
  ],
});

export const leaseKind = storedKind({
  group: 'coordination.k8s.io',
  kind: 'Lease',
  plural: 'leases',
  description: 'Who holds something, and until when.',
  noEffect: 'versions are compared at one peer only, so that two sides of a split may each hold it',
  fields: {
    spec: object('LeaseSpec', 'The holder.', {
      holderIdentity: string('The holder.'),
      leaseDurationSeconds: integer('Seconds.', { minimum: 1 }),
      acquireTime: string('Since when.', { format: 'time' }),
      renewTime: string('When it was renewed last.', { format: 'time' }),
      leaseTransitions: integer('How often it changed hands.', { minimum: 0 }),
      preferredHolder: string('Who is to hold it.'),
      strategy: string('How holders are chosen.'),
    }),
  },
  // Holder and times belong together.
  units: [],
  columns: [fieldColumn('Holder', 'spec.holderIdentity', 'The holder.')],
});

function podOf(object: KubeObject | DraftObject): PodSpec {
  return (object.spec as Partial<StatefulSetSpec> | undefined)?.template?.spec ?? { containers: [] };
}

/** What its containers may mount includes what is claimed for each pod. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  if (template?.spec === undefined || volumeClaimTemplates.length === 0) return template;
  const { volumes = [] } = template.spec;
  const names = volumeClaimTemplates.flatMap(({ metadata }) => metadata?.name ?? []);
  const claimed = names
    .filter((name) => !volumes.some((volume) => volume.name === name))
    .map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...volumes, ...claimed] } };
}

function validateWorkload(draft: DraftObject, kind: string): FieldError[] {
  const template = withClaims(draft.spec as StatefulSetSpec);
  return [...validateWorkloadSelector(draft, kind.toLowerCase()), ...validateServingTemplate(template, 'spec.template', kind)];
}

/** Source: ValidateRollingUpdateDaemonSet. */
function validateDaemonBounds({ updateStrategy }: DaemonSetSpec): FieldError[] {
  const { maxUnavailable = 1, maxSurge = 0 } = updateStrategy?.rollingUpdate ?? {};
  const path = 'spec.updateStrategy.rollingUpdate';
  const bad = (['maxUnavailable', 'maxSurge'] as const).flatMap((field) => {
    const value = updateStrategy?.rollingUpdate?.[field];
    return value === undefined ? [] : checkIntOrPercent(value, `${path}.${field}`);
  });
  if (bad.length > 0 || updateStrategy?.type !== 'RollingUpdate') return bad;
  const isZero = (value: number | string): boolean => value === 0 || value === '0%';
  if (!isZero(maxUnavailable) && !isZero(maxSurge))
    return [invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')];
  return isZero(maxUnavailable) && isZero(maxSurge) ? [required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')] : [];
}

const CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

/** Source: ValidateStatefulSetUpdate. */
function validateStatefulSetUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const fixed = (object: StoredObject | DraftObject): Record<string, unknown> =>
    Object.fromEntries(Object.entries(object.spec as object).filter(([name]) => !CHANGEABLE.includes(name)));
  if (jsonEqual(fixed(before), fixed(after))) return [];
  const names = CHANGEABLE.map((name) => `'${name}'`).join(', ');
  return [forbidden('spec', `updates to statefulset spec for fields other than ${names} are forbidden`)];
}
