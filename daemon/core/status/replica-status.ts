import type { DesiredObject } from '../../../protocol/objects.ts';
import type { PodTemplateSpec, ReplicaSetSpec, ReplicaSetStatus } from '../../../protocol/types.ts';
import { matchesSelector, selectorOf } from '../../../protocol/values/label-selector.ts';
import { isActive, isDeleting, readySince } from '../cluster/pods.ts';
import type { ClusterIndex, ClusterView } from '../cluster/view.ts';
import { standingIn } from '../controllers/slots.ts';
import { replicaFailure } from './replica-failure.ts';

/** What the pods of a ReplicaSet or ReplicationController are, counted. */
export interface ReplicaCount {
  replicas: number;
  fullyLabeled: number;
  ready: number;
  available: number;
  /** Milliseconds since 1970 at which each available pod became so, ascending. */
  availableSince: readonly number[];
  /** Ditto, when the next of those that are ready becomes available; undefined when none will by itself. */
  nextAvailableAt: number | undefined;
}

/** @param wallMs milliseconds since 1970: a pod is available once it has been ready for `minReadySeconds`. */
export function countReplicas(view: ClusterView, owner: DesiredObject, wallMs: number): ReplicaCount {
  const spec = owner.object.spec as (ReplicaSetSpec & { template?: PodTemplateSpec }) | undefined;
  const minReadyMs = (spec?.minReadySeconds ?? 0) * 1000;
  const wantedLabels = selectorOf({ matchLabels: spec?.template?.metadata?.labels });
  let [replicas, fullyLabeled, ready] = [0, 0, 0];
  let nextAvailableAt: number | undefined;
  const availableSince: number[] = [];
  let standIns: ReadonlyMap<number, number> | undefined;
  for (const pod of view.ownedBy(owner.uid)) {
    if (!isCounted(view, owner, pod)) continue;
    replicas += 1;
    if (matchesSelector(wantedLabels, pod.object.metadata.labels)) fullyLabeled += 1;
    const since = readySince(view, pod) ?? (standIns ??= standInsOf(view, owner)).get(pod.object.kith?.slot?.slot ?? -1);
    if (since === undefined) continue;
    ready += 1;
    // With nothing to wait for, a node's clock that runs ahead of ours must not delay it.
    const at = since + minReadyMs;
    if (minReadyMs === 0 || at <= wallMs) availableSince.push(at);
    else nextAvailableAt = Math.min(nextAvailableAt ?? at, at);
  }
  availableSince.sort((left, right) => left - right);
  return { replicas, fullyLabeled, ready, available: availableSince.length, availableSince, nextAvailableAt };
}

/** What serves in a slot until the pod that fills it does, as of one that was evicted: ms since 1970 when it became ready, by slot. */
function standInsOf(view: ClusterView, owner: DesiredObject): ReadonlyMap<number, number> {
  const standIns = new Map<number, number>();
  for (const pod of view.ownedBy(owner.uid)) {
    if (isDeleting(pod) || standingIn(owner.object, pod) !== 'superseded') continue;
    const since = readySince(view, pod);
    if (since !== undefined) standIns.set(pod.object.kith?.slot?.slot ?? -1, since);
  }
  return standIns;
}

/** Pods that fill a slot, or none at all, and are not on their way out. */
function isCounted(view: ClusterView, owner: DesiredObject, pod: DesiredObject): boolean {
  const standing = standingIn(owner.object, pod);
  return (standing === 'kept' || standing === 'free') && isActive(view, pod);
}

/** Status of a ReplicaSet or ReplicationController. */
export function replicaStatus(view: ClusterIndex, owner: DesiredObject, wallMs: number): ReplicaSetStatus {
  const { replicas, fullyLabeled, ready, available } = countReplicas(view, owner, wallMs);
  const failure = replicaFailure(view, owner);
  return {
    replicas,
    fullyLabeledReplicas: fullyLabeled,
    readyReplicas: ready,
    availableReplicas: available,
    observedGeneration: owner.object.metadata.generation ?? 1,
    ...(failure === undefined ? {} : { conditions: [failure] }),
  };
}
