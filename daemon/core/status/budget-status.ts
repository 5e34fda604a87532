import type { PodDisruptionBudgetSpec, PodDisruptionBudgetStatus } from 'kubernetes-types/policy/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { resolveIntOrPercent } from '../../../protocol/values/int-or-percent.ts';
import { labelSelectorMatches } from '../../../protocol/values/label-selector.ts';
import { controllerObject, isDeleting, isReady, isTerminal } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/** Status of a PodDisruptionBudget, derived from the pods that it is about. Source: pkg/controller/disruption. */
export function budgetStatus(view: ClusterView, budget: DesiredObject): PodDisruptionBudgetStatus {
  const spec = (budget.object.spec ?? {}) as PodDisruptionBudgetSpec;
  const pods = view.list('pods').filter((pod) => isAbout(budget, pod) && !isTerminal(view, pod));
  const currentHealthy = pods.filter((pod) => !isDeleting(pod) && isReady(view, pod)).length;
  const { expected, desired } = wantedOf(view, spec, pods);
  const disruptionsAllowed = Math.max(0, expected === 0 ? 0 : currentHealthy - desired);
  const isAllowed = disruptionsAllowed > 0;
  return {
    observedGeneration: budget.object.metadata.generation ?? 1,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy: desired,
    expectedPods: expected,
    conditions: [
      {
        type: 'DisruptionAllowed',
        status: isAllowed ? 'True' : 'False',
        reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        lastTransitionTime: budget.object.metadata.creationTimestamp,
      },
    ],
  };
}

/** Whether a pod that it is about may be evicted now. What serves nobody may go while there are as many as are wanted. Source: pkg/registry/core/pod/storage/eviction.go. */
export function allowsEviction(view: ClusterView, budget: DesiredObject, isReadyPod: boolean): boolean {
  return permitsEviction(budgetStatus(view, budget), budget.object.spec ?? {}, isReadyPod);
}

export function permitsEviction(
  { disruptionsAllowed, currentHealthy, desiredHealthy }: PodDisruptionBudgetStatus,
  { unhealthyPodEvictionPolicy }: PodDisruptionBudgetSpec,
  isReadyPod: boolean,
): boolean {
  if (disruptionsAllowed > 0) return true;
  return !isReadyPod && (unhealthyPodEvictionPolicy === 'AlwaysAllow' || (currentHealthy >= desiredHealthy && desiredHealthy > 0));
}

/** Whether the budget bounds the evictions of the pod. Without a selector it is about none, with an empty one about all of its namespace. */
export function isAbout({ object }: Pick<DesiredObject, 'object'>, pod: Pick<DesiredObject, 'object'>): boolean {
  const { selector } = (object.spec ?? {}) as PodDisruptionBudgetSpec;
  const { namespace, labels } = pod.object.metadata;
  return selector !== undefined && namespace === object.metadata.namespace && labelSelectorMatches(selector, labels);
}

function wantedOf(
  view: ClusterView,
  { minAvailable, maxUnavailable }: PodDisruptionBudgetSpec,
  pods: readonly DesiredObject[],
): { expected: number; desired: number } {
  if (maxUnavailable !== undefined) {
    const expected = scaleOf(view, pods);
    return { expected, desired: Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected, 'up')) };
  }
  if (typeof minAvailable === 'string') {
    const expected = scaleOf(view, pods);
    return { expected, desired: resolveIntOrPercent(minAvailable, expected, 'up') };
  }
  return { expected: pods.length, desired: minAvailable ?? 1 };
}

/** How many pods their controllers are to have; of those that are not scaled, how many there are. */
function scaleOf(view: ClusterView, pods: readonly DesiredObject[]): number {
  const controllers = new Map<string, number>();
  let alone = 0;
  for (const pod of pods) {
    const direct = controllerObject(view, pod);
    const top = direct === undefined ? undefined : (controllerObject(view, direct) ?? direct);
    const replicas = (top?.object.spec as { replicas?: number } | undefined)?.replicas;
    if (top === undefined || replicas === undefined) alone += 1;
    else controllers.set(top.uid, replicas);
  }
  return [...controllers.values()].reduce((sum, replicas) => sum + replicas, alone);
}
