import type { ReplicaSetCondition } from 'kubernetes-types/apps/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { admitPodSpec, boundsCreations } from '../admission/creations.ts';
import { QUOTAS, quotaRefusal } from '../admission/quota.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { createSlotPod } from '../controllers/slot-pod.ts';
import { activeSlots } from '../controllers/slots.ts';

/**
 * `ReplicaFailure` of a ReplicaSet or ReplicationController: a slot has no pod, and what bounds the namespace refuses one now. Derived, so that every peer tells it alike; since when
 * nobody remembers, so it is told from the youngest that can have brought it about. Source: calculateStatus in pkg/controller/replicaset.
 */
export function replicaFailure(view: ClusterIndex, owner: DesiredObject): ReplicaSetCondition | undefined {
  if (isDeleting(owner) || !boundsCreations(view)) return undefined;
  const pods = view.ownedBy(owner.uid);
  const filled = new Set(pods.map(({ object: { kith } }) => `${kith?.slot?.slot}/${kith?.slot?.generation}`));
  const missing = activeSlots(owner.object).find(({ slot, state }) => !filled.has(`${slot}/${state.generation}`));
  if (missing === undefined) return undefined;
  const { name, namespace = '', creationTimestamp } = owner.object.metadata;
  const pod = createSlotPod(owner, missing, 0).object as Pod;
  const admitted = admitPodSpec(view, namespace, pod.spec);
  const refusal =
    'refusal' in admitted ? admitted.refusal : quotaRefusal(view, { namespace, resource: 'pods', object: { ...pod, spec: admitted.spec } });
  if (refusal === undefined) return undefined;
  const quotas = view.list(QUOTAS).filter(({ object }) => object.metadata.namespace === namespace);
  const times = [...pods, ...quotas].map(({ object }) => object.metadata.creationTimestamp);
  return {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    message: `pods "${pod.metadata.name ?? name}" is forbidden: ${refusal}`,
    lastTransitionTime: times.reduce((latest, each) => (each > latest ? each : latest), creationTimestamp),
  };
}
