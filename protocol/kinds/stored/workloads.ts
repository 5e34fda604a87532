import { jsonEqual } from '../../json.ts';
import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { any, integer, intOrString, list, long, object, oneOf, string } from '../../schema/build.ts';
import { forbidden, GoStruct, invalid, notSupported, required } from '../../schema/field-errors.ts';
import type { DaemonSetSpec, PodSpec, PodTemplateSpec, StatefulSetSpec } from '../../types.ts';
import { labelSelectorMatches } from '../../values/label-selector.ts';
import { checkDnsLabel } from '../../values/names.ts';
import { ageColumn, column, fieldColumn, fieldOf, nameColumn, showLabels, showLabelSelector, workloadColumns } from '../columns.ts';
import { checkAtMostAll, checkIntOrPercent, isZero } from '../int-or-percent.ts';
import type { FieldError } from '../kind.ts';
import { labelSelectorSchema, validateLabelSelector } from '../label-selector.ts';
import { fillPodSpecDefaults } from '../pod-defaults.ts';
import { podTemplateSpecSchema } from '../pod-spec.ts';
import { findUnsupportedInPod, validatePodTemplate, validateServing, validateServingTemplate } from '../pod-validation.ts';
import { minReadySecondsField, replicasField } from '../replica-count.ts';
import { isEmpty, noMatch, shownSelector, validateSelectorUnchanged, validateWorkloadSelector } from '../workload-selector.ts';
import { persistentVolumeClaimKind } from './storage.ts';
import { namedAs, storedKind } from './stored-kind.ts';

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
        updateStrategy: object(
          'DaemonSetUpdateStrategy',
          'How old pods are replaced.',
          {
            type: string('RollingUpdate, or OnDelete.', { default: 'RollingUpdate' }),
            rollingUpdate: object('RollingUpdateDaemonSet', 'Bounds.', {
              maxSurge: intOrString('Pods that there may be too many.'),
              maxUnavailable: intOrString('Pods that may be missing.'),
            }),
          },
          { default: {} },
        ),
        revisionHistoryLimit,
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
  validate: validateDaemonSet,
  validateUpdate: validateSelectorUnchanged,
  findUnsupported: (draft) => findUnsupportedInPod(podOf(draft), 'spec.template.spec'),
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
        podManagementPolicy: oneOf('Whether pods start one after the other.', ['OrderedReady', 'Parallel'], {
          default: 'OrderedReady',
          words: "must be 'OrderedReady' or 'Parallel'",
        }),
        updateStrategy: object(
          'StatefulSetUpdateStrategy',
          'How old pods are replaced.',
          {
            type: string('RollingUpdate, or OnDelete.', { default: 'RollingUpdate' }),
            rollingUpdate: object('RollingUpdateStatefulSetStrategy', 'Bounds.', {
              partition: integer('The first number that is replaced.', { minimum: 0 }),
              maxUnavailable: intOrString('Pods that may be missing.'),
            }),
          },
          { default: {} },
        ),
        persistentVolumeClaimRetentionPolicy: object(
          'StatefulSetPersistentVolumeClaimRetentionPolicy',
          'What becomes of the storage.',
          {
            whenDeleted: oneOf('When the set is deleted.', ['Retain', 'Delete'], { default: 'Retain' }),
            whenScaled: oneOf('When it shrinks.', ['Retain', 'Delete'], { default: 'Retain' }),
          },
          { default: {} },
        ),
        replicas: replicasField,
        minReadySeconds: minReadySecondsField,
        ordinals: object('StatefulSetOrdinals', 'Numbers of the pods.', { start: integer('The first.', { minimum: 0 }) }),
        selector: labelSelectorSchema,
        template: podTemplateSpecSchema,
        volumeClaimTemplates: list('Storage of each pod.', persistentVolumeClaimKind.schema),
        serviceName: string('Service that names its pods.', { check: 'dns1123Label' }),
        revisionHistoryLimit,
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
  validate: validateStatefulSet,
  // Names of pods are made from it.
  ...namedAs(checkDnsLabel),
  validateUpdate: validateStatefulSetUpdate,
  findUnsupported: (draft) => findUnsupportedInPod(podOf(draft), 'spec.template.spec'),
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
  fields: { data: any('What it was.', { missing: { detail: 'data is mandatory' } }), revision: long('Its number.', { minimum: 0 }) },
  required: ['data'],
  units: [],
  validateUpdate: (before, after) =>
    jsonEqual(before['data'] ?? null, after['data'] ?? null) ? [] : [invalid('data', after['data'] ?? null, 'field is immutable')],
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
      leaseDurationSeconds: integer('Seconds.', { minimum: 1, words: 'must be greater than 0' }),
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

/** Source: ValidateStatefulSetSpec (behaviour and wording). */
function validateStatefulSet(draft: DraftObject): FieldError[] {
  const spec = draft.spec as StatefulSetSpec;
  const errors = validateNumberedUpdates(spec.updateStrategy ?? {});
  const rules = {
    empty: 'empty selector is invalid for statefulset',
    wrong: '',
    template: () => validatePodTemplate(withClaims(spec), 'spec.template'),
  };
  return [...errors, ...validateWorkloadSelector(draft, rules), ...validateServing(podOf(draft), 'spec.template.spec', 'StatefulSet')];
}

function validateNumberedUpdates({ type = 'RollingUpdate', rollingUpdate }: NonNullable<StatefulSetSpec['updateStrategy']>): FieldError[] {
  const path = 'spec.updateStrategy';
  const bounds = rollingUpdate && new GoStruct({ Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable });
  if (type === 'OnDelete')
    return bounds === undefined ? [] : [invalid(`${path}.rollingUpdate`, bounds, "only allowed for updateStrategy 'RollingUpdate'")];
  if (type !== 'RollingUpdate')
    return [invalid(path, new GoStruct({ Type: type, RollingUpdate: bounds }), "must be 'RollingUpdate' or 'OnDelete'")];
  const at = `${path}.rollingUpdate.maxUnavailable`;
  const { maxUnavailable } = rollingUpdate ?? {};
  if (maxUnavailable === undefined) return [];
  const errors = checkIntOrPercent(maxUnavailable, at);
  if (isZero(maxUnavailable)) errors.push(invalid(at, maxUnavailable, 'cannot be 0'));
  return [...errors, ...checkAtMostAll(maxUnavailable, at)];
}

/** Source: ValidateDaemonSetSpec (behaviour and wording). A selector that is missing matches nothing. */
function validateDaemonSet(draft: DraftObject): FieldError[] {
  const { selector, template, updateStrategy } = draft.spec as Partial<DaemonSetSpec>;
  const errors = validateLabelSelector(selector ?? {}, 'spec.selector');
  const labels = template?.metadata?.labels;
  const isMatching = selector !== undefined && labelSelectorMatches(selector, labels ?? {});
  if (errors.length === 0 && !isMatching) errors.push(noMatch(labels));
  if (selector !== undefined && isEmpty(selector))
    errors.push(invalid('spec.selector', shownSelector(selector), 'empty selector is invalid for daemonset'));
  return [...errors, ...validateServingTemplate(template, 'spec.template', 'DaemonSet'), ...validateDaemonUpdates(updateStrategy ?? {})];
}

/** Source: ValidateDaemonSetUpdateStrategy. */
function validateDaemonUpdates({ type = 'RollingUpdate', rollingUpdate }: NonNullable<DaemonSetSpec['updateStrategy']>): FieldError[] {
  if (type === 'OnDelete') return [];
  const { maxUnavailable = 1, maxSurge = 0 } = rollingUpdate ?? {};
  const path = 'spec.updateStrategy';
  if (type !== 'RollingUpdate') {
    const bounds =
      rollingUpdate && new GoStruct({ MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 });
    return [notSupported(path, new GoStruct({ Type: type, RollingUpdate: bounds }), ['RollingUpdate', 'OnDelete'])];
  }
  const [missing, surplus] = [`${path}.rollingUpdate.maxUnavailable`, `${path}.rollingUpdate.maxSurge`];
  const errors = [...checkIntOrPercent(maxUnavailable, missing), ...checkIntOrPercent(maxSurge, surplus)];
  errors.push(...checkAtMostAll(maxUnavailable, missing), ...checkAtMostAll(maxSurge, surplus));
  if (!isZero(maxUnavailable) && !isZero(maxSurge))
    errors.push(invalid(surplus, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(required(missing, 'cannot be 0 when maxSurge is 0'));
  return errors;
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
  const names = new Intl.ListFormat('en-GB').format(CHANGEABLE.map((name) => `'${name}'`));
  return [forbidden('spec', `updates to statefulset spec for fields other than ${names} are forbidden`)];
}
