import type { DesiredObject } from '../../../protocol/objects.ts';
import {
  PARTITION_ANNOTATION,
  PARTITION_POLICIES,
  RECONCILE_ANNOTATION,
  RECONCILE_POLICIES,
  type PartitionPolicy,
  type ReconcilePolicy,
} from '../../../protocol/policies.ts';
import { controllerObject, controllerOf } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/** A pod, its controller, and that one's controller. */
const MAX_DEPTH = 3;

/** Unless it is told otherwise, a StatefulSet's pod runs where a majority is. */
export function partitionPolicy(view: ClusterView, pod: DesiredObject): PartitionPolicy {
  const value = annotationOf(view, pod, PARTITION_ANNOTATION);
  const known = PARTITION_POLICIES.find((policy) => policy === value);
  return known ?? (controllerOf(pod)?.kind === 'StatefulSet' ? 'majority' : 'any');
}

/** Undefined: by what the claim's author saw. */
export function reconcilePolicy(view: ClusterView, pod: DesiredObject): ReconcilePolicy | undefined {
  const value = annotationOf(view, pod, RECONCILE_ANNOTATION);
  return RECONCILE_POLICIES.find((policy) => policy === value);
}

/** The pod's own annotation, else that of the nearest controller above it that has one. */
function annotationOf(view: ClusterView, pod: DesiredObject, name: string): string | undefined {
  let desired: DesiredObject | undefined = pod;
  for (let depth = 0; depth < MAX_DEPTH && desired !== undefined; depth += 1) {
    const value: string | undefined = desired.object.metadata.annotations?.[name];
    if (value !== undefined) return value;
    desired = controllerObject(view, desired);
  }
  return undefined;
}

/** Whether the author of a claim or move saw more than half of the members. */
export function isMajority(membersSeen: number, membersKnown: number): boolean {
  return membersSeen * 2 > membersKnown;
}
