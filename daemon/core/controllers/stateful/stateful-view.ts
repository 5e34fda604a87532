import type { DesiredObject, ObjectKey } from '../../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../../protocol/objects.ts';
import type { StatefulSetSpec } from '../../../../protocol/types.ts';
import { resolveIntOrPercent } from '../../../../protocol/values/int-or-percent.ts';
import { isActive, isDeleting, isReady } from '../../cluster/pods.ts';
import type { ClusterView } from '../../cluster/view.ts';
import { availableAt } from '../../status/availability.ts';
import { REVISION_HASH_LABEL, revisionName } from '../revisions.ts';

/** The revision that pods below the partition are of: `kith.facts.currentRevision`; the newest once all pods are of it. */
export const CURRENT_REVISION_FACT = 'currentRevision';

/** A number of a StatefulSet with the pod that bears it. */
export interface Ordinal {
  ordinal: number;
  key: ObjectKey;
  pod: DesiredObject | undefined;
  /** There, and neither ended nor on its way out. */
  alive: boolean;
  ready: boolean;
  /** Ready for long enough: who comes after it may go on. */
  healthy: boolean;
  /** Name of the revision that the pod is of. */
  revision: string | undefined;
}

export interface StatefulView {
  owner: DesiredObject;
  spec: StatefulSetSpec;
  /** The numbers that are asked for, ascending. */
  wanted: readonly Ordinal[];
  /** Pods beyond them, the highest first. */
  condemned: readonly Ordinal[];
  updateRevision: string;
  currentRevision: string;
  partition: number;
  maxUnavailable: number;
}

export function viewStatefulSet(view: ClusterView, owner: DesiredObject, wallMs: number): StatefulView {
  const spec = owner.object.spec as StatefulSetSpec & { ordinals?: { start?: number } };
  const { replicas = 1, ordinals, updateStrategy } = spec;
  const start = ordinals?.start ?? 0;
  const { name, namespace = '' } = owner.object.metadata;
  const wanted = Array.from({ length: replicas }, (_, index): Ordinal => {
    const key = objectKey('pods', namespace, `${name}-${start + index}`);
    const pod = view.get(key);
    return ordinalOf(view, owner, start + index, key, isOwn(owner, pod) ? pod : undefined, wallMs);
  });
  const condemned: Ordinal[] = [];
  for (const pod of view.ownedBy(owner.uid)) {
    const ordinal = ordinalIn(pod, name);
    if (ordinal !== undefined && (ordinal < start || ordinal >= start + replicas))
      condemned.push(ordinalOf(view, owner, ordinal, pod.key, pod, wallMs));
  }
  condemned.sort((left, right) => right.ordinal - left.ordinal);
  const updateRevision = revisionName(owner);
  const fact = owner.object.kith?.facts?.[CURRENT_REVISION_FACT];
  const rolling = updateStrategy?.rollingUpdate;
  return {
    owner,
    spec,
    wanted,
    condemned,
    updateRevision,
    currentRevision: typeof fact === 'string' ? fact : updateRevision,
    partition: start + (rolling?.partition ?? 0),
    maxUnavailable: Math.max(1, resolveIntOrPercent(rolling?.maxUnavailable ?? 1, replicas, 'up')),
  };
}

function isOwn(owner: DesiredObject, pod: DesiredObject | undefined): boolean {
  return pod?.object.metadata.ownerReferences?.some(({ uid, controller }) => uid === owner.uid && controller === true) === true;
}

function ordinalIn({ key }: DesiredObject, name: string): number | undefined {
  const { resource, name: own } = parseObjectKey(key);
  if (resource !== 'pods' || !own.startsWith(`${name}-`)) return undefined;
  const number = own.slice(name.length + 1);
  return /^\d+$/.test(number) ? Number(number) : undefined;
}

function ordinalOf(
  view: ClusterView,
  owner: DesiredObject,
  ordinal: number,
  key: ObjectKey,
  pod: DesiredObject | undefined,
  wallMs: number,
): Ordinal {
  const { minReadySeconds = 0 } = owner.object.spec as StatefulSetSpec;
  const alive = pod !== undefined && isActive(view, pod);
  const at = alive ? availableAt(view, pod, minReadySeconds) : undefined;
  return {
    ordinal,
    key,
    pod,
    alive,
    ready: pod !== undefined && !isDeleting(pod) && isReady(view, pod),
    healthy: at !== undefined && at <= wallMs,
    revision: pod?.object.metadata.labels?.[REVISION_HASH_LABEL],
  };
}
