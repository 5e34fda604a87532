import type { PodDisruptionBudgetStatus } from 'kubernetes-types/policy/v1.js';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { isAbout, permitsEviction } from '../core/status/budget-status.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { existing } from './reading.ts';
import { ApiError } from './status.ts';

/** What disruption budgets say of evictions. Source: pkg/registry/core/pod/storage/eviction.go (behaviour and wording). */

const BUDGETS = 'poddisruptionbudgets.policy';

/** The budget that the pod is under; undefined: none, or the pod runs nothing that it could keep. */
export function budgetOf(call: ObjectCall, deps: ApiDeps): KubeObject | undefined {
  const pod = existing(call, deps) as Pod;
  const phase = pod.status?.phase;
  if (pod.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return undefined;
  const [budget, other] = deps.objects.list(BUDGETS, call.namespace).items.filter((object) => isAbout({ object }, { object: pod }));
  if (other !== undefined) {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new ApiError('InternalError', message);
  }
  return budget;
}

/** @throws ApiError `TooManyRequests` while the budget has no room */
export function checkBudget(call: ObjectCall, deps: ApiDeps): void {
  const budget = budgetOf(call, deps);
  if (budget === undefined) return;
  const status = budget['status'] as PodDisruptionBudgetStatus;
  const pod = existing(call, deps) as Pod;
  const isReady = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  if (permitsEviction(status, budget.spec ?? {}, isReady)) return;
  const { currentHealthy, desiredHealthy } = status;
  const { name } = budget.metadata;
  const message = `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const causes = [{ reason: 'DisruptionBudget', message }];
  throw new ApiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", { causes });
}
