import type { Condition } from '../../protocol/conditions.ts';
import type { Json } from '../../protocol/json.ts';
import type { KithFields, StoredObject } from '../../protocol/objects.ts';

/** Who ends a pod from outside, by words that upstream's condition `DisruptionTarget` has for it. Source: pkg/apis/core/types.go and the components that set it. */
const CAUSES = {
  eviction: { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
  preemption: { reason: 'PreemptionByScheduler', message: 'default-scheduler: preempting to accommodate a higher priority pod' },
  taint: { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' },
} as const;

export type Disruption = keyof typeof CAUSES;

const FACT = 'disruption';

/** Kith's fields of a pod that is disrupted: remembered, since a Job may have to judge it by that. The first cause stays. */
export function disrupted(pod: StoredObject, by: Disruption, at: string): KithFields {
  const { facts } = pod.kith ?? {};
  const fact: Json = { by, at };
  return { ...pod.kith, facts: { [FACT]: fact, ...facts } };
}

/** Whether that is what ends it first. */
export function isDisruptedBy(pod: StoredObject, by: Disruption): boolean {
  const fact = pod.kith?.facts?.[FACT];
  return typeof fact === 'object' && fact !== null && !Array.isArray(fact) && fact['by'] === by;
}

/** The condition that tells of it. */
export function disruptionOf(pod: StoredObject): Condition | undefined {
  const fact = pod.kith?.facts?.[FACT];
  if (typeof fact !== 'object' || fact === null || Array.isArray(fact)) return undefined;
  const { by, at } = fact;
  const cause = typeof by === 'string' && Object.hasOwn(CAUSES, by) ? CAUSES[by as Disruption] : undefined;
  if (cause === undefined || typeof at !== 'string') return undefined;
  return { type: 'DisruptionTarget', status: 'True', ...cause, lastProbeTime: null, lastTransitionTime: at };
}
