import type { PodSpec } from '../../../protocol/types.ts';
import { ownContainers } from './containers.ts';
import { compareQuantities, parseQuantity } from '../../../protocol/values/quantity.ts';

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
