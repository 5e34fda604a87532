import type { KubeObject } from '../../objects.ts';
import { boolean, integer, intOrString, list, map, object, oneOf, quantity, string, strings } from '../../schema/build.ts';
import { forbidden, invalid } from '../../schema/field-errors.ts';
import { checkPathSegment } from '../../values/names.ts';
import { column, createdColumn, fieldColumn, fieldOf, integerColumn, nameColumn } from '../columns.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import {
  fillLimitDefaults,
  validateBudget,
  validateClass,
  validateLimits,
  validateQuota,
  validateQuotaUpdate,
  type LimitRangeSpec,
} from './policy-validation.ts';
import { storedKind } from './stored-kind.ts';

/** Bounds on what people may ask for, and how important it is. */

const amounts = map('Amounts by resource.', quantity('An amount.'));

function used(object: KubeObject, isLimit: boolean): string {
  const hard = (fieldOf(object, 'status.hard') ?? fieldOf(object, 'spec.hard') ?? {}) as Record<string, string>;
  const taken = (fieldOf(object, 'status.used') ?? {}) as Record<string, string>;
  return Object.keys(hard)
    .filter((name) => name.startsWith('limits') === isLimit)
    .sort()
    .map((name) => `${name}: ${taken[name] ?? '0'}/${hard[name]}`)
    .join(', ');
}

export const resourceQuotaKind = storedKind({
  group: '',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  description: 'How much a namespace may hold.',
  fields: {
    spec: object(
      'ResourceQuotaSpec',
      'The bounds.',
      {
        hard: amounts,
        scopes: strings('What is counted.'),
        scopeSelector: object('ScopeSelector', 'What is counted.', {
          matchExpressions: list(
            'Conditions.',
            object(
              'ScopedResourceSelectorRequirement',
              'A condition.',
              {
                operator: string('How it is compared: In, NotIn, Exists or DoesNotExist.', { missing: 'zero' }),
                scopeName: string('The scope.', { missing: 'zero' }),
                values: strings('With what.'),
              },
              { required: ['operator', 'scopeName'] },
            ),
          ),
        }),
      },
      { default: {} },
    ),
  },
  status: 'How much is used.',
  validate: (draft) => validateQuota(draft.spec ?? {}),
  validateUpdate: (before, after) => validateQuotaUpdate(before.spec ?? {}, after.spec ?? {}),
  units: ['/spec', '/spec/hard'],
  columns: [
    column('Request', 'Counted by request.', (object) => used(object, false)),
    column('Limit', 'Counted by limit.', (object) => used(object, true)),
  ],
});

export const limitRangeKind = storedKind({
  group: '',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  description: 'Bounds and defaults for each container, pod or claim of a namespace.',
  fields: {
    spec: object(
      'LimitRangeSpec',
      'The bounds.',
      {
        limits: list(
          'By type.',
          object(
            'LimitRangeItem',
            'Of a type.',
            {
              type: string('Container, Pod or PersistentVolumeClaim.', { missing: 'zero' }),
              max: amounts,
              min: amounts,
              defaultRequest: amounts,
              default: amounts,
              maxLimitRequestRatio: amounts,
            },
            { required: ['type'] },
          ),
        ),
      },
      { default: {} },
    ),
  },
  fillDefaults: (draft) => fillLimitDefaults((draft.spec as LimitRangeSpec).limits ?? []),
  validate: (draft) => validateLimits((draft.spec as LimitRangeSpec).limits ?? []),
  // Upstream shows when it was made instead of its age.
  allColumns: [nameColumn, createdColumn],
});

export const podDisruptionBudgetKind = storedKind({
  group: 'policy',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  shortNames: ['pdb'],
  description: 'How many pods may be evicted at once.',
  fields: {
    spec: object(
      'PodDisruptionBudgetSpec',
      'Which pods, and how many.',
      {
        minAvailable: intOrString('Pods that stay.'),
        maxUnavailable: intOrString('Pods that may be missing.'),
        selector: labelSelectorSchema,
        unhealthyPodEvictionPolicy: oneOf('Whether pods that are not ready count.', ['AlwaysAllow', 'IfHealthyBudget']),
      },
      { default: {} },
    ),
  },
  status: 'How many may be evicted now.',
  checkName: checkPathSegment,
  validate: (draft) => validateBudget(draft.spec ?? {}),
  columns: [
    fieldColumn('Min Available', 'spec.minAvailable', 'Pods that stay.', 'N/A'),
    fieldColumn('Max Unavailable', 'spec.maxUnavailable', 'Pods that may be missing.', 'N/A'),
    fieldColumn('Allowed Disruptions', 'status.disruptionsAllowed', 'Pods that may be evicted now.', 0),
  ],
});

export const priorityClassKind = storedKind({
  group: 'scheduling.k8s.io',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  description: 'Importance of pods, by name.',
  fields: {
    value: integer('The importance.', { default: 0 }),
    globalDefault: boolean('Taken by pods that name none.'),
    description: string('When to take it.'),
    preemptionPolicy: oneOf('Whether its pods push others out.', ['PreemptLowerPriority', 'Never'], { default: 'PreemptLowerPriority' }),
  },
  units: [],
  validate: ({ metadata: { name = '' }, value, globalDefault }) => validateClass(name, Number(value ?? 0), globalDefault === true),
  validateUpdate: (before, after) => [
    ...(before['value'] === after['value'] ? [] : [forbidden('value', 'may not be changed in an update.')]),
    ...(before['preemptionPolicy'] === after['preemptionPolicy']
      ? []
      : [invalid('preemptionPolicy', after['preemptionPolicy'] ?? null, 'field is immutable')]),
  ],
  columns: [
    integerColumn('Value', 'The importance.', (object) => Number(object['value'] ?? 0)),
    column('Global-Default', 'Taken by pods that name none.', (object) => object['globalDefault'] === true, { type: 'boolean' }),
  ],
  lastColumns: [fieldColumn('PreemptionPolicy', 'preemptionPolicy', 'Whether its pods push others out.')],
});
