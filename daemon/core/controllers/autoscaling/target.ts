import type { DesiredObject, ObjectKey } from '../../../../protocol/objects.ts';
import { objectKey } from '../../../../protocol/objects.ts';
import type { HorizontalPodAutoscalerSpec } from '../../../../protocol/types.ts';
import type { ClusterView } from '../../cluster/view.ts';

/** When an autoscaler last changed its target: RFC 3339; the later wins a merge. */
export const LAST_SCALE_FACT = 'lastScaleTime';
export const AUTOSCALERS = 'horizontalpodautoscalers.autoscaling';

/** What can be scaled, with the groups that clients name it under. */
const SCALABLE: Readonly<Record<string, { groups: readonly string[]; resource: string }>> = {
  Deployment: { groups: ['apps', 'extensions', ''], resource: 'deployments.apps' },
  ReplicaSet: { groups: ['apps', 'extensions', ''], resource: 'replicasets.apps' },
  StatefulSet: { groups: ['apps', ''], resource: 'statefulsets.apps' },
  ReplicationController: { groups: [''], resource: 'replicationcontrollers' },
};

export interface ScaleTarget {
  desired: DesiredObject;
  /** `spec.replicas`: the decision that is persisted. */
  replicas: number;
}

export function autoscalerSpec({ object }: DesiredObject): HorizontalPodAutoscalerSpec {
  return object.spec as HorizontalPodAutoscalerSpec;
}

/** Undefined when it names a kind that has no scale. */
export function targetKey(autoscaler: DesiredObject): ObjectKey | undefined {
  const { kind, name, apiVersion = '' } = autoscalerSpec(autoscaler).scaleTargetRef;
  const scalable = Object.hasOwn(SCALABLE, kind) ? SCALABLE[kind] : undefined;
  if (scalable?.groups.includes(groupOf(apiVersion)) !== true) return undefined;
  return objectKey(scalable.resource, autoscaler.object.metadata.namespace ?? '', name);
}

/** The target, or why there is none: upstream's words. */
export function findTarget(view: ClusterView, autoscaler: DesiredObject): ScaleTarget | { problem: string } {
  const key = targetKey(autoscaler);
  const { kind, name, apiVersion = '' } = autoscalerSpec(autoscaler).scaleTargetRef;
  if (key === undefined) {
    return {
      problem: `unable to determine resource for scale target reference: no matches for kind "${kind}" in group "${groupOf(apiVersion)}"`,
    };
  }
  const desired = view.get(key);
  if (desired === undefined) return { problem: `${key.slice(0, key.indexOf('/'))} "${name}" not found` };
  return { desired, replicas: (desired.object.spec as { replicas?: number } | undefined)?.replicas ?? 1 };
}

export function lastScaled({ object }: DesiredObject): string | undefined {
  const fact = object.kith?.facts?.[LAST_SCALE_FACT];
  return typeof fact === 'string' ? fact : undefined;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
