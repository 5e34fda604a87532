import type { DesiredObject } from '../../../../protocol/objects.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { judgeMetric, type MetricFailure, type MetricFinding } from './metrics.ts';
import { autoscalerSpec, type ScaleTarget } from './target.ts';

/** What an autoscaler makes of its target, and why. Any peer comes to the same: it follows from the view. */
export type Recommendation =
  /** There are to be none: somebody has switched it off so. */
  | { kind: 'disabled' }
  /** Outside of the bounds: that is put right whatever the load is. */
  | { kind: 'bound'; replicas: number; reason: string }
  /** Metrics can not be had, or those that can would make fewer pods than the others may need: the size stays. */
  | ({ kind: 'unknown'; findings: readonly (MetricFinding | undefined)[] } & MetricFailure)
  /** By load, bounds and pace not yet seen to. */
  | { kind: 'load'; replicas: number; metric: string; findings: readonly (MetricFinding | undefined)[] };

/** Source: reconcileAutoscaler in pkg/controller/podautoscaler/horizontal.go, whose words these are. @param wallMs milliseconds since 1970 */
export function recommend(view: ClusterView, autoscaler: DesiredObject, target: ScaleTarget, wallMs: number): Recommendation {
  const { replicas } = target;
  const { minReplicas = 1, maxReplicas, metrics = [] } = autoscalerSpec(autoscaler);
  if (replicas === 0) return { kind: 'disabled' };
  if (replicas > maxReplicas) return { kind: 'bound', replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' };
  if (replicas < minReplicas) return { kind: 'bound', replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' };
  const judged = metrics.map((metric) => judgeMetric(view, autoscaler, target, metric, wallMs));
  const findings = judged.map((each) => ('problem' in each ? undefined : each));
  const most = findings.reduce((left, right) => ((right?.replicas ?? -1) > (left?.replicas ?? -1) ? right : left), undefined);
  const failed = judged.find((each) => 'problem' in each);
  if (failed !== undefined && (most === undefined || most.replicas < replicas)) return { kind: 'unknown', ...failed, findings };
  return { kind: 'load', replicas: most?.replicas ?? replicas, metric: most?.name ?? '', findings };
}
