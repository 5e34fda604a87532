import { childPath, forbidden, invalid, notSupported, required } from '../../schema/field-errors.ts';
import type { HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget } from '../../types.ts';
import { checkDnsLabel, checkPathSegment } from '../../values/names.ts';
import { compareQuantities } from '../../values/quantity.ts';
import type { FieldError } from '../kind.ts';
import { validateContainerResourceName } from '../resource-validation.ts';

/** Kubernetes' rules for autoscalers. Source: pkg/apis/autoscaling/validation/validation.go (behaviour and wording). */

type Reference = Partial<HorizontalPodAutoscalerSpec['scaleTargetRef']>;
type Rules = NonNullable<NonNullable<HorizontalPodAutoscalerSpec['behavior']>['scaleUp']>;

const MAX_WINDOW_SECONDS = 3_600;
const MAX_PERIOD_SECONDS = 1_800;
const METRIC_TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
/** Where each type says more of itself, in the order in which Kubernetes looks. */
const SOURCES = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const;

type SourceField = (typeof SOURCES)[keyof typeof SOURCES];

export function validateAutoscaler(spec: Partial<HorizontalPodAutoscalerSpec>): FieldError[] {
  const { minReplicas, maxReplicas = 0, scaleTargetRef = {}, metrics = [], behavior = {} } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  errors.push(...validateReference(scaleTargetRef, 'spec.scaleTargetRef'));
  for (const [index, metric] of metrics.entries()) errors.push(...validateMetric(metric, childPath('spec.metrics', index)));
  for (const side of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior[side];
    if (rules !== undefined) errors.push(...validateRules(rules, childPath('spec.behavior', side)));
  }
  return errors;
}

function validateReference(reference: Reference, at: string): FieldError[] {
  return (['kind', 'name'] as const).flatMap((field) => {
    const value = reference[field] ?? '';
    const path = childPath(at, field);
    return value === '' ? [required(path)] : checkPathSegment(value).map((message) => invalid(path, value, message));
  });
}

function validateMetric(metric: MetricSpec, at: string): FieldError[] {
  const { type = '' }: Partial<MetricSpec> = metric;
  const path = childPath(at, 'type');
  const errors: FieldError[] = [];
  const unknown = notSupported(path, type, METRIC_TYPES);
  if (type === '') errors.push(required(path, 'must specify a metric source type'));
  if (!METRIC_TYPES.includes(type)) errors.push(unknown);
  const given = Object.values(SOURCES).filter((field) => metric[field] !== undefined);
  // Of several sources the first one is looked at.
  if (given[0] !== undefined) errors.push(...validateSource(metric, given[0], childPath(at, given[0])));
  const expected = Object.hasOwn(SOURCES, type) ? SOURCES[type as keyof typeof SOURCES] : undefined;
  if (expected === undefined) errors.push(unknown);
  else if (metric[expected] === undefined)
    errors.push(required(childPath(at, expected), 'must populate information for the given metric source'));
  if (given.length === 1) return errors;
  const others = given.filter((field) => field !== expected);
  return [...errors, ...others.map((field) => forbidden(childPath(at, field), 'must populate the given metric source only'))];
}

function validateSource(metric: MetricSpec, field: SourceField, at: string): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  const target = metric[field]?.target ?? ({} as MetricTarget);
  const targetErrors = validateTarget(target, childPath(at, 'target'));
  const missing = (name: string, why: string): FieldError => required(`${at}.target.${name}`, why);
  const { value, averageValue, averageUtilization } = target;
  switch (field) {
    case 'object': {
      const { describedObject = {} }: { describedObject?: Reference } = object ?? {};
      if (value === undefined && averageValue === undefined)
        targetErrors.push(missing('averageValue', 'must set either a target value or averageValue'));
      return [...validateReference(describedObject, childPath(at, 'describedObject')), ...validateMetricName(object, at), ...targetErrors];
    }
    case 'external':
      if (value === undefined && averageValue === undefined)
        targetErrors.push(missing('averageValue', 'must set either a target value for metric or a per-pod target'));
      if (value !== undefined && averageValue !== undefined)
        targetErrors.push(forbidden(`${at}.target.value`, 'may not set both a target value for metric and a per-pod target'));
      return [...validateMetricName(external, at), ...targetErrors];
    case 'pods':
      if (averageValue === undefined) targetErrors.push(missing('averageValue', 'must specify a positive target averageValue'));
      return [...validateMetricName(pods, at), ...targetErrors];
    default:
      if (averageUtilization === undefined && averageValue === undefined)
        targetErrors.push(missing('averageUtilization', 'must set either a target raw value or a target utilization'));
      if (averageUtilization !== undefined && averageValue !== undefined)
        targetErrors.push(forbidden(`${at}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
      return [...validateResource({ ...resource, ...containerResource }, field, at), ...targetErrors];
  }
}

function validateResource(
  { name = '', container = '' }: { name?: string; container?: string },
  field: SourceField,
  at: string,
): FieldError[] {
  if (name === '') {
    const errors = [required(childPath(at, 'name'), 'must specify a resource name')];
    return field === 'resource' || container !== ''
      ? errors
      : [...errors, required(childPath(at, 'container'), 'must specify a container')];
  }
  if (field === 'resource') return [];
  const errors = validateContainerResourceName(name, childPath(at, 'name'));
  const path = childPath(at, 'container');
  if (container === '') return [...errors, required(path, 'must specify a container')];
  return [...errors, ...checkDnsLabel(container).map((message) => invalid(path, container, message))];
}

function validateMetricName(source: { metric?: { name?: string } } = {}, at: string): FieldError[] {
  const name = source.metric?.name ?? '';
  const path = childPath(at, 'metric.name');
  return name === ''
    ? [required(path, 'must specify a metric name')]
    : checkPathSegment(name).map((message) => invalid(path, name, message));
}

function validateTarget(target: MetricTarget, at: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization }: Partial<MetricTarget> = target;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(childPath(at, 'type'), 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(type))
    errors.push(invalid(childPath(at, 'type'), type, 'must be either Utilization, Value, or AverageValue'));
  for (const [field, amount] of Object.entries({ value, averageValue }))
    if (amount !== undefined && compareQuantities(amount, '0') <= 0) errors.push(invalid(childPath(at, field), amount, 'must be positive'));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(childPath(at, 'averageUtilization'), averageUtilization, 'must be greater than 0'));
  return errors;
}

function validateRules({ stabilizationWindowSeconds: window = 0, selectPolicy, policies, ...more }: Rules, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const path = childPath(at, 'stabilizationWindowSeconds');
  if (window < 0) errors.push(invalid(path, window, 'must be greater than or equal to zero'));
  if (window > MAX_WINDOW_SECONDS) errors.push(invalid(path, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  if (selectPolicy !== undefined && !['Disabled', 'Max', 'Min'].includes(selectPolicy))
    errors.push(notSupported(childPath(at, 'selectPolicy'), selectPolicy, ['Disabled', 'Max', 'Min']));
  // What is missing is filled in when it is written.
  if (policies?.length === 0) errors.push(required(childPath(at, 'policies'), 'must specify at least one Policy'));
  for (const [index, policy] of (policies ?? []).entries()) {
    const own = childPath(childPath(at, 'policies'), index);
    const { type = '', value = 0, periodSeconds = 0 }: Partial<typeof policy> = policy;
    if (type !== 'Pods' && type !== 'Percent') errors.push(notSupported(childPath(own, 'type'), type, ['Percent', 'Pods']));
    if (value <= 0) errors.push(invalid(childPath(own, 'value'), value, 'must be greater than zero'));
    const period = childPath(own, 'periodSeconds');
    if (periodSeconds <= 0) errors.push(invalid(period, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > MAX_PERIOD_SECONDS)
      errors.push(invalid(period, periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`));
  }
  const { tolerance } = more as { tolerance?: string };
  if (tolerance !== undefined && compareQuantities(tolerance, '0') < 0)
    errors.push(invalid(childPath(at, 'tolerance'), tolerance, 'must be greater than or equal to 0'));
  return errors;
}
