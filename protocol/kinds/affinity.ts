import { integer, list, object, oneOf, string, strings } from '../schema/build.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { labelSelectorSchema } from './label-selector.ts';

/** Where a pod is to run, beyond its nodeSelector. */

const WEIGHT = integer('From 1 to 100.', { minimum: 1, maximum: 100, words: 'must be in the range 1-100', missing: 'zero' });
const NODE_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const;

const nodeRequirements = list(
  'Conditions; all must hold.',
  object(
    'NodeSelectorRequirement',
    'A condition.',
    {
      key: string('Label or field.', { missing: 'zero' }),
      operator: string(`How it is compared: ${NODE_OPERATORS.join(', ')}.`, { missing: 'zero' }),
      values: strings('With what.'),
    },
    { required: ['key', 'operator'] },
  ),
);

const nodeTerm = object('NodeSelectorTerm', 'A sort of node.', { matchExpressions: nodeRequirements, matchFields: nodeRequirements });

/** Of a pod, and of a volume. */
export const nodeSelectorSchema: ObjectSchema = object('NodeSelector', 'Must hold.', {
  nodeSelectorTerms: list('One of these.', nodeTerm),
});

const podTerm = object(
  'PodAffinityTerm',
  'Pods to be near to, or away from.',
  {
    labelSelector: labelSelectorSchema,
    matchLabelKeys: strings('Labels of the pod itself that are added to the selector.'),
    mismatchLabelKeys: strings('Labels of the pod itself that are excluded by the selector.'),
    namespaceSelector: labelSelectorSchema,
    namespaces: strings('Namespaces of those pods.'),
    topologyKey: string('Label of nodes that says what near is.', { missing: 'zero' }),
  },
  { required: ['topologyKey'] },
);

function podAffinity(typeName: string, description: string): ObjectSchema {
  return object(typeName, description, {
    requiredDuringSchedulingIgnoredDuringExecution: list('Must hold.', podTerm),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Had better hold.',
      object(
        'WeightedPodAffinityTerm',
        'A term and its weight.',
        {
          weight: WEIGHT,
          podAffinityTerm: { ...podTerm, missing: 'zero' },
        },
        { required: ['weight', 'podAffinityTerm'] },
      ),
    ),
  });
}

export const affinitySchema: ObjectSchema = object('Affinity', 'Nodes and pods to be near to, or away from.', {
  nodeAffinity: object('NodeAffinity', 'Nodes.', {
    requiredDuringSchedulingIgnoredDuringExecution: nodeSelectorSchema,
    preferredDuringSchedulingIgnoredDuringExecution: list(
      'Had better hold.',
      object(
        'PreferredSchedulingTerm',
        'A term and its weight.',
        {
          weight: WEIGHT,
          preference: { ...nodeTerm, missing: 'zero' },
        },
        { required: ['weight', 'preference'] },
      ),
    ),
  }),
  podAffinity: podAffinity('PodAffinity', 'Pods to be near to.'),
  podAntiAffinity: podAffinity('PodAntiAffinity', 'Pods to be away from.'),
});

export const tolerationSchema: ObjectSchema = object('Toleration', 'A taint that the pod puts up with.', {
  key: string('Key of the taint; empty means all.', { check: 'qualifiedName' }),
  operator: oneOf('Equal by default.', ['Equal', 'Exists']),
  value: string('Value of the taint.'),
  effect: oneOf('Effect of the taint; empty means all.', ['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
  tolerationSeconds: integer('Seconds after which the pod goes, nevertheless.', { format: 'int64' }),
});

export const topologySpreadConstraintSchema: ObjectSchema = object(
  'TopologySpreadConstraint',
  'How evenly pods are to be spread.',
  {
    maxSkew: integer('Greatest difference.', { minimum: 1, words: 'must be greater than zero', missing: 'zero' }),
    topologyKey: string('Label of nodes that says what a place is.', { missing: { detail: 'can not be empty' } }),
    whenUnsatisfiable: oneOf('What to do when it cannot be.', ['DoNotSchedule', 'ScheduleAnyway'], { missing: 'zero' }),
    minDomains: integer('Places there must be.', { minimum: 1, words: 'must be greater than zero' }),
    nodeAffinityPolicy: oneOf('Whether nodeAffinity counts.', ['Honor', 'Ignore'], {
      support: 'stored',
      why: 'nodes that do not suit the pod are no places',
      inert: ['Honor'],
    }),
    nodeTaintsPolicy: oneOf('Whether taints count.', ['Honor', 'Ignore'], {
      support: 'stored',
      why: 'nodes that are tainted are places',
      inert: ['Ignore'],
    }),
    matchLabelKeys: strings('Labels of the pod itself that are added to the selector.'),
    labelSelector: labelSelectorSchema,
  },
  { required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] },
);
