import type { Container, PodSpec } from '../../../protocol/types.ts';
import { isSidecar, ownContainers } from './containers.ts';
import { compareQuantities, memoryBytes, parseQuantity } from '../../../protocol/values/quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

/** Kubernetes' quality of service class. Source: pkg/apis/core/v1/helper/qos/qos.go. Requests default to limits. */
export function qosClass(spec: PodSpec): QosClass {
  let any = false;
  let guaranteed = true;
  for (const { resources } of ownContainers(spec)) {
    for (const name of COUNTED) {
      const limit = positive(resources?.limits?.[name]);
      const request = positive(resources?.requests?.[name]) ?? limit;
      if (request !== undefined || limit !== undefined) any = true;
      if (limit === undefined || request === undefined || compareQuantities(limit, request) !== 0) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(quantity: string | undefined): string | undefined {
  const value = quantity === undefined ? undefined : parseQuantity(quantity);
  return value === undefined || value.nanos <= 0n ? undefined : quantity;
}

const GUARANTEED_SCORE = -997;
const BEST_EFFORT_SCORE = 1000;
const NODE_CRITICAL = 'system-node-critical';

/**
 * Which containers the kernel ends first when the node has no memory left: those that asked for none, then those that take more than they asked for; never the engine or kithd for them.
 * Source: GetContainerOOMScoreAdjust in pkg/kubelet/qos/policy.go.
 * @param capacity the memory of the node
 */
export function oomScoreAdj(spec: PodSpec, container: Container, capacity: string | undefined): number | undefined {
  if (spec.priorityClassName === NODE_CRITICAL) return GUARANTEED_SCORE;
  const quality = qosClass(spec);
  if (quality === 'Guaranteed') return GUARANTEED_SCORE;
  if (quality === 'BestEffort') return BEST_EFFORT_SCORE;
  const total = capacity === undefined ? 0 : memoryBytes(capacity);
  if (total <= 0) return undefined;
  const score = ({ resources }: Container): number => {
    const requested = resources?.requests?.['memory'] ?? resources?.limits?.['memory'];
    return BEST_EFFORT_SCORE - Math.floor((1000 * (requested === undefined ? 0 : memoryBytes(requested))) / total);
  };
  // A sidecar does not go before those that it is beside.
  const own = isSidecar(container) ? Math.min(score(container), Math.max(...spec.containers.map(score))) : score(container);
  return Math.min(Math.max(own, BEST_EFFORT_SCORE + GUARANTEED_SCORE), BEST_EFFORT_SCORE - 1);
}
