import type { DesiredObject } from '../../../protocol/objects.ts';
import { controllerObject } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/** Whether a workload runs on every side of a cut, or only where a majority is. */
export const PARTITION_ANNOTATION = 'kith.dev/partition';
export type PartitionPolicy = 'any' | 'majority';

/** Which copy a heal keeps, whatever the claim saw. */
export const RECONCILE_ANNOTATION = 'kith.dev/reconcile';
export type ReconcilePolicy = 'keep-replacement' | 'keep-original' | 'longest-running';

/** A pod, its controller, and that one's controller. */
const MAX_DEPTH = 3;

export function partitionPolicy(view: ClusterView, pod: DesiredObject): PartitionPolicy {
  return annotationOf(view, pod, PARTITION_ANNOTATION) === 'majority' ? 'majority' : 'any';
}

/** Undefined: by what the claim's author saw. */
export function reconcilePolicy(view: ClusterView, pod: DesiredObject): ReconcilePolicy | undefined {
  const value = annotationOf(view, pod, RECONCILE_ANNOTATION);
  return value === 'keep-replacement' || value === 'keep-original' || value === 'longest-running' ? value : undefined;
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
