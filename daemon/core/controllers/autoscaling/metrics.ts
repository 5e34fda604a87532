import type { DesiredObject } from '../../../../protocol/objects.ts';
import type { HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget } from '../../../../protocol/types.ts';
import { cpuMillis, memoryBytes, parseQuantity } from '../../../../protocol/values/quantity.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { groupPods, type PodMetrics, requestOf, type Resource } from './pod-metrics.ts';
import { countReplicas, DEFAULT_TOLERANCE, type Goal } from './replica-calculator.ts';
import { autoscalerSpec, type ScaleTarget } from './target.ts';

export interface MetricFinding {
  /** Pods that this metric asks for. */
  replicas: number;
  /** Upstream's words for it. */
  name: string;
  current: { averageUtilization?: number; averageValue: string };
}

export interface MetricFailure {
  condition: string;
  /** `cpu resource metric value` */
  value: string;
  problem: string;
}

/** What one metric asks for, or upstream's condition and words on why it says nothing. */
export function judgeMetric(
  view: ClusterView,
  autoscaler: DesiredObject,
  target: ScaleTarget,
  metric: MetricSpec,
  wallMs: number,
): MetricFinding | MetricFailure {
  const source = metric.resource ?? metric.containerResource;
  const condition = `FailedGet${metric.type}Metric`;
  if (source === undefined) {
    const named = metric.pods ?? metric.object ?? metric.external;
    return {
      condition,
      value: `${metric.type.toLowerCase()} metric value`,
      problem: `unable to get metric ${named?.metric.name ?? ''}: only usage of cpu and memory is measured here`,
    };
  }
  const resource: Resource = { name: source.name, container: metric.containerResource?.container };
  const isShare = source.target.averageUtilization !== undefined;
  const failed = (problem: string): MetricFailure => ({
    condition,
    value: `${source.name} ${metric.containerResource === undefined ? 'resource' : 'container'} metric value`,
    problem: `failed to get ${source.name} ${isShare ? 'utilization' : 'usage'}: ${problem}`,
  });
  if (source.name !== 'cpu' && source.name !== 'memory')
    return failed(`unable to get metrics for resource ${source.name}: it is not measured`);
  const metrics = groupPods(view, target.desired, resource, wallMs);
  if (metrics.used.size === 0) {
    return failed(
      metrics.unready.length > 0
        ? 'did not receive metrics for targeted pods (pods might be unready)'
        : `unable to get metrics for resource ${source.name}: no metrics returned from resource metrics API`,
    );
  }
  const goal = goalOf(autoscalerSpec(autoscaler), resource, source.target, metrics);
  if (typeof goal === 'string') return failed(goal);
  const kind = metric.containerResource === undefined ? 'resource' : 'container resource';
  return {
    replicas: countReplicas(target.replicas, metrics, goal),
    name: `${source.name} ${kind}${isShare ? ' utilization (percentage of request)' : ''}`,
    current: currentOf(metrics, resource, isShare),
  };
}

function goalOf(spec: HorizontalPodAutoscalerSpec, resource: Resource, target: MetricTarget, { pods }: PodMetrics): Goal | string {
  const tolerance = { up: toleranceOf(spec.behavior?.scaleUp), down: toleranceOf(spec.behavior?.scaleDown) };
  const { averageUtilization: percent, averageValue } = target;
  if (percent === undefined) {
    if (averageValue === undefined) return 'invalid resource metric source: neither an average utilization nor an average value was set';
    const each = resource.name === 'cpu' ? cpuMillis(averageValue) : memoryBytes(averageValue);
    return { goal: () => each, assumed: () => each, tolerance };
  }
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const request = requestOf(pod, resource);
    if (typeof request === 'string') return request;
    requests.set(pod.uid, request);
  }
  const share = (uid: string, per: number): number => ((requests.get(uid) ?? 0) * per) / 100;
  return { goal: (uid) => share(uid, percent), assumed: (uid) => share(uid, Math.max(100, percent)), tolerance };
}

/** Newer than the types of clients. */
function toleranceOf(rules: object | undefined): number {
  const quantity = parseQuantity((rules as { tolerance?: string } | undefined)?.tolerance ?? '');
  return quantity === undefined ? DEFAULT_TOLERANCE : Number(quantity.nanos) / 1e9;
}

function currentOf({ used, pods }: PodMetrics, resource: Resource, isShare: boolean): MetricFinding['current'] {
  const total = [...used.values()].reduce((sum, amount) => sum + amount, 0);
  const average = Math.floor(total / used.size);
  const averageValue = resource.name === 'cpu' ? `${average}m` : String(average);
  if (!isShare) return { averageValue };
  const requests = pods.filter(({ uid }) => used.has(uid)).map((pod) => Number(requestOf(pod, resource)));
  const requested = requests.reduce((sum, request) => sum + request, 0);
  return { averageValue, averageUtilization: requested === 0 ? 0 : Math.floor((total * 100) / requested) };
}
