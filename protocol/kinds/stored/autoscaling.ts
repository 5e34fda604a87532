import type { DraftObject, KubeObject } from '../../objects.ts';
import { integer, list, object, quantity, string } from '../../schema/build.ts';
import type { ObjectSchema, Schema } from '../../schema/schema.ts';
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus, MetricSpec, MetricTarget } from '../../types.ts';
import { column, fieldColumn, fieldOf } from '../columns.ts';
import type { FieldError, KindDefinition } from '../kind.ts';
import { labelSelectorSchema } from '../label-selector.ts';
import { validateAutoscaler } from './autoscaling-validation.ts';
import { storedKind } from './stored-kind.ts';

/** Autoscalers, in both of the versions that clients speak. autoscaling/v2 is stored. */

const DEFAULT_CPU_PERCENT = 80;
/** Where anything is said of the pace. Source: GenerateHPAScaleUpRules, GenerateHPAScaleDownRules in pkg/apis/autoscaling/v2. */
const DEFAULT_SCALE_UP = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DEFAULT_SCALE_DOWN = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
/** Where autoscaling/v1 keeps what it has no fields for. Upstream's names; the contents are those of autoscaling/v2. */
const METRICS_ANNOTATION = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR_ANNOTATION = 'autoscaling.alpha.kubernetes.io/behavior';
const UNKNOWN_TARGET = '<unknown>';

/** Its rules are asked of what is not there. */
const ZERO = { missing: 'zero' } as const;

const reference = object(
  'CrossVersionObjectReference',
  'An object.',
  { apiVersion: string('Its API version.'), kind: string('Its kind.', ZERO), name: string('Its name.', ZERO) },
  { required: ['kind', 'name'], ...ZERO },
);
const target = object(
  'MetricTarget',
  'What it is to be.',
  {
    type: string('How it is compared: Utilization, Value or AverageValue.', ZERO),
    value: quantity('In all.'),
    averageValue: quantity('Per pod.'),
    averageUtilization: integer('Per cent of the requests.'),
  },
  { required: ['type'], ...ZERO },
);
const metric = object(
  'MetricIdentifier',
  'Which metric.',
  { name: string('Its name.', ZERO), selector: labelSelectorSchema },
  { required: ['name'], ...ZERO },
);
const metricSpec: ObjectSchema = object(
  'MetricSpec',
  'A metric and its target.',
  {
    type: string('Where it comes from: ContainerResource, External, Object, Pods or Resource.', ZERO),
    object: object(
      'ObjectMetricSource',
      'Of an object.',
      { describedObject: reference, metric, target },
      { required: ['describedObject', 'metric', 'target'] },
    ),
    external: object('ExternalMetricSource', 'From outside.', { metric, target }, { required: ['metric', 'target'] }),
    pods: object('PodsMetricSource', 'Of pods.', { metric, target }, { required: ['metric', 'target'] }),
    resource: object(
      'ResourceMetricSource',
      'Of pods.',
      { name: string('cpu or memory.', ZERO), target },
      { required: ['name', 'target'] },
    ),
    containerResource: object(
      'ContainerResourceMetricSource',
      'Of a container.',
      { name: string('cpu or memory.', ZERO), container: string('The container.', ZERO), target },
      { required: ['container', 'name', 'target'] },
    ),
  },
  { required: ['type'] },
);
const scalingRules: Schema = object('HPAScalingRules', 'How quickly.', {
  stabilizationWindowSeconds: integer('Seconds that are looked back.'),
  selectPolicy: string('Which of them: Max, Min or Disabled.'),
  policies: list(
    'Bounds.',
    object(
      'HPAScalingPolicy',
      'A bound.',
      {
        type: string('Pods or Percent.', ZERO),
        value: integer('How many.', ZERO),
        periodSeconds: integer('In how many seconds.', ZERO),
      },
      { required: ['type', 'value', 'periodSeconds'] },
    ),
  ),
  tolerance: quantity('How much may be off.'),
});

const sharedFields = {
  minReplicas: integer('The fewest pods.', { default: 1 }),
  maxReplicas: integer('The most pods.', ZERO),
  scaleTargetRef: reference,
};
const shared = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  description: 'Adapts the number of pods to their load.',
  status: 'How many pods it wants.',
  validate: (draft: DraftObject): FieldError[] => validateAutoscaler(specOf(draft)),
  columns: [
    column(
      'Reference',
      'What it scales.',
      (object) => `${textAt(object, 'spec.scaleTargetRef.kind')}/${textAt(object, 'spec.scaleTargetRef.name')}`,
    ),
    column('Targets', 'Its metrics.', (object) => showTargets(object.apiVersion === 'autoscaling/v1' ? toVersion2(object) : object)),
    fieldColumn('MinPods', 'spec.minReplicas', 'The fewest pods.', '<unset>'),
    column('MaxPods', 'The most pods.', (object) => Number(fieldOf(object, 'spec.maxReplicas') ?? 0), { type: 'integer' }),
    column('Replicas', 'Pods that there are.', (object) => Number(fieldOf(object, 'status.currentReplicas') ?? 0), { type: 'integer' }),
  ],
} as const;

export const horizontalPodAutoscalerKind: KindDefinition = storedKind({
  ...shared,
  version: 'v2',
  fields: {
    spec: object(
      'HorizontalPodAutoscalerSpec',
      'What, by what, and how far.',
      {
        ...sharedFields,
        metrics: list('Metrics; the one that asks for most counts.', metricSpec),
        behavior: object('HorizontalPodAutoscalerBehavior', 'How quickly.', { scaleUp: scalingRules, scaleDown: scalingRules }),
      },
      { required: ['scaleTargetRef', 'maxReplicas'], default: {} },
    ),
  },
  fillDefaults: (draft) => {
    const spec = specOf(draft);
    if ((spec.metrics ?? []).length === 0) spec.metrics = [cpuMetric(DEFAULT_CPU_PERCENT)];
    if (spec.behavior === undefined) return;
    spec.behavior = {
      scaleUp: { ...structuredClone(DEFAULT_SCALE_UP), ...spec.behavior.scaleUp },
      scaleDown: { ...structuredClone(DEFAULT_SCALE_DOWN), ...spec.behavior.scaleDown },
    };
  },
});

export const horizontalPodAutoscalerV1Kind: KindDefinition = {
  ...storedKind({
    ...shared,
    fields: {
      spec: object(
        'HorizontalPodAutoscalerSpec',
        'What, and how far.',
        { ...sharedFields, targetCPUUtilizationPercentage: integer('Per cent of the requested CPU that pods are to use.') },
        { required: ['scaleTargetRef', 'maxReplicas'], default: {} },
      ),
    },
  }),
  storedAs: { kind: horizontalPodAutoscalerKind, to: (draft) => toVersion2(draft as KubeObject), from: toVersion1 },
};

interface Version1Spec extends Omit<HorizontalPodAutoscalerSpec, 'metrics' | 'behavior'> {
  targetCPUUtilizationPercentage?: number;
}

function specOf(object: KubeObject | DraftObject): HorizontalPodAutoscalerSpec {
  return (object.spec ?? {}) as HorizontalPodAutoscalerSpec;
}

function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function isCpuShare({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
}

function toVersion2(object: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage: percent, ...spec } = object.spec as Version1Spec;
  const { [METRICS_ANNOTATION]: others, [BEHAVIOR_ANNOTATION]: behavior, ...annotations } = object.metadata.annotations ?? {};
  const metrics = [
    ...(percent === undefined ? [] : [cpuMetric(percent)]),
    ...((parsed(others, Array.isArray) as MetricSpec[] | undefined) ?? []),
  ];
  const rules = parsed(behavior, (value) => typeof value === 'object' && value !== null);
  const status = object['status'] as (HorizontalPodAutoscalerStatus & { currentCPUUtilizationPercentage?: number }) | undefined;
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: { ...object.metadata, annotations: Object.keys(annotations).length === 0 ? undefined : annotations },
    spec: { ...spec, ...(metrics.length === 0 ? {} : { metrics }), ...(rules === undefined ? {} : { behavior: rules }) },
    ...(status === undefined ? {} : { status: version2Status(status) }),
  };
}

function version2Status(
  status: HorizontalPodAutoscalerStatus & { currentCPUUtilizationPercentage?: number },
): HorizontalPodAutoscalerStatus {
  const { currentCPUUtilizationPercentage: percent, ...rest } = status;
  if (percent === undefined) return rest;
  return { ...rest, currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: percent } } }] };
}

function toVersion1(object: KubeObject): KubeObject {
  const { metrics = [], behavior, ...spec } = specOf(object);
  const cpu = metrics.find(isCpuShare);
  const others = metrics.filter((each) => each !== cpu);
  const annotations = {
    ...object.metadata.annotations,
    ...(others.length === 0 ? {} : { [METRICS_ANNOTATION]: JSON.stringify(others) }),
    ...(behavior === undefined ? {} : { [BEHAVIOR_ANNOTATION]: JSON.stringify(behavior) }),
  };
  const percent = cpu?.resource?.target.averageUtilization;
  const status = object['status'] as HorizontalPodAutoscalerStatus | undefined;
  const { observedGeneration, lastScaleTime, currentReplicas = 0, desiredReplicas = 0 } = status ?? {};
  const cpuNow = cpu === undefined ? undefined : currentOf(cpu, status)?.averageUtilization;
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: { ...object.metadata, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
    spec: { ...spec, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) },
    ...(status === undefined
      ? {}
      : { status: { observedGeneration, lastScaleTime, currentReplicas, desiredReplicas, currentCPUUtilizationPercentage: cpuNow } }),
  };
}

/** What an annotation holds, if it is what it must be: people can write anything there. */
function parsed(text: string | undefined, check: (value: unknown) => boolean): unknown {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textAt(object: KubeObject, path: string): string {
  const value = fieldOf(object, path);
  return typeof value === 'string' ? value : '';
}

/** Source: formatHPAMetrics in pkg/printers/internalversion. */
function showTargets(object: KubeObject): string {
  const metrics = specOf(object).metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const status = object['status'] as HorizontalPodAutoscalerStatus | undefined;
  const shown = metrics.slice(0, 2).map((each) => {
    const { name, target: wanted } = targetOf(each);
    const goal = wanted?.averageUtilization === undefined ? (wanted?.averageValue ?? wanted?.value ?? '') : `${wanted.averageUtilization}%`;
    const current = currentOf(each, status);
    const now = wanted?.averageUtilization === undefined ? current?.averageValue : shareText(current?.averageUtilization);
    return `${name}${now ?? UNKNOWN_TARGET}/${goal}${wanted?.type === 'AverageValue' && name === '' ? ' (avg)' : ''}`;
  });
  return metrics.length > 2 ? `${shown.join(', ')} + ${metrics.length - 2} more...` : shown.join(', ');
}

function currentOf(
  each: MetricSpec,
  status: HorizontalPodAutoscalerStatus | undefined,
): { averageUtilization?: number; averageValue?: string } | undefined {
  const source = each.resource ?? each.containerResource;
  const found = status?.currentMetrics?.find(({ type, resource, containerResource }) => {
    const isSame = containerResource?.container === each.containerResource?.container;
    return type === each.type && isSame && (resource ?? containerResource)?.name === source?.name;
  });
  return (found?.resource ?? found?.containerResource)?.current;
}

function shareText(percent: number | undefined): string | undefined {
  return percent === undefined ? undefined : `${percent}%`;
}

function targetOf(each: MetricSpec): { name: string; target: MetricTarget | undefined } {
  const named = each.resource ?? each.containerResource;
  if (named !== undefined) return { name: `${named.name}: `, target: named.target };
  return { name: '', target: (each.pods ?? each.object ?? each.external)?.target };
}
