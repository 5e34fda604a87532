import type { DesiredObject } from '../../../protocol/objects.ts';
import type { HorizontalPodAutoscalerStatus, MetricSpec } from '../../../protocol/types.ts';
import type { ClusterView } from '../cluster/view.ts';
import { type Recommendation, recommend } from '../controllers/autoscaling/recommendation.ts';
import type { MetricFinding } from '../controllers/autoscaling/metrics.ts';
import { autoscalerSpec, findTarget, lastScaled } from '../controllers/autoscaling/target.ts';

type Condition = NonNullable<HorizontalPodAutoscalerStatus['conditions']>[number];
type MetricStatus = NonNullable<HorizontalPodAutoscalerStatus['currentMetrics']>[number];
type Words = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Status of a HorizontalPodAutoscaler: what it makes of its target now, in upstream's words (pkg/controller/podautoscaler/horizontal.go). */
export function autoscalerStatus(view: ClusterView, autoscaler: DesiredObject, wallMs: number): HorizontalPodAutoscalerStatus {
  const target = findTarget(view, autoscaler);
  const { generation = 1, creationTimestamp } = autoscaler.object.metadata;
  const lastScaleTime = lastScaled(autoscaler);
  const shared = { observedGeneration: generation, ...(lastScaleTime === undefined ? {} : { lastScaleTime }) };
  const dated = (words: readonly Words[]) => words.map((each) => ({ ...each, lastTransitionTime: lastScaleTime ?? creationTimestamp }));
  if ('problem' in target) {
    const message = `the HPA controller was unable to get the target's current scale: ${target.problem}`;
    const conditions = dated([{ type: 'AbleToScale', status: 'False', reason: 'FailedGetScale', message }]);
    return { ...shared, currentReplicas: 0, desiredReplicas: 0, conditions };
  }
  const wanted = recommend(view, autoscaler, target, wallMs);
  const spec = autoscalerSpec(autoscaler);
  const currentMetrics = 'findings' in wanted ? metricStatuses(spec.metrics ?? [], wanted.findings) : [];
  return {
    ...shared,
    currentReplicas: target.replicas,
    desiredReplicas: wanted.kind === 'bound' ? wanted.replicas : target.replicas,
    ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
    conditions: dated(conditionsOf(wanted, target.replicas, { least: spec.minReplicas ?? 1, most: spec.maxReplicas })),
  };
}

function metricStatuses(metrics: readonly MetricSpec[], findings: readonly (MetricFinding | undefined)[]): MetricStatus[] {
  return metrics.flatMap(({ type, resource, containerResource }, index): MetricStatus[] => {
    const current = findings[index]?.current;
    if (current === undefined) return [];
    if (containerResource !== undefined) {
      return [{ type, containerResource: { container: containerResource.container, name: containerResource.name, current } }];
    }
    return [{ type, resource: { name: resource?.name ?? '', current } }];
  });
}

function conditionsOf(wanted: Recommendation, current: number, bounds: { least: number; most: number }): Words[] {
  const able = condition('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
  switch (wanted.kind) {
    case 'disabled':
      return [
        able,
        condition('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero'),
      ];
    case 'bound':
      return [able];
    case 'unknown':
      return [
        able,
        condition('ScalingActive', 'False', wanted.condition, `the HPA was unable to compute the replica count: ${wanted.problem}`),
      ];
    case 'load':
      return [
        paceCondition(Math.min(bounds.most, Math.max(bounds.least, wanted.replicas)), current),
        condition(
          'ScalingActive',
          'True',
          'ValidMetricFound',
          `the HPA was able to successfully calculate a replica count from ${wanted.metric}`,
        ),
        limitCondition(wanted.replicas, bounds),
      ];
  }
}

/** What is asked for and not yet done is waited with: by a stabilization window, or by the pace that policies allow. */
function paceCondition(wanted: number, current: number): Words {
  if (wanted === current) return condition('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
  return wanted < current
    ? condition(
        'AbleToScale',
        'True',
        'ScaleDownStabilized',
        'recent recommendations were higher than current one, applying the highest recent recommendation',
      )
    : condition(
        'AbleToScale',
        'True',
        'ScaleUpStabilized',
        'recent recommendations were lower than current one, applying the lowest recent recommendation',
      );
}

function limitCondition(wanted: number, { least, most }: { least: number; most: number }): Words {
  if (wanted > most) {
    return condition('ScalingLimited', 'True', 'TooManyReplicas', 'the desired replica count is more than the maximum replica count');
  }
  if (wanted < least) {
    return condition('ScalingLimited', 'True', 'TooFewReplicas', 'the desired replica count is less than the minimum replica count');
  }
  return condition('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string): Words {
  return { type, status, reason, message };
}
