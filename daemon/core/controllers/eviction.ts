import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { controllerObject, isDeleting, isReady } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { partitionPolicy } from '../heirs/policy.ts';
import { disrupted } from '../disruption.ts';
import { whyUnschedulable } from '../scheduler/place.ts';
import { claimKeysOf } from '../storage/claims.ts';
import { createSlotPod, updateKith } from './slot-pod.ts';
import { bumpedSlot, slotStanding, withSlots } from './slots.ts';

/** Kinds whose pods are each as good as another. A Job's would do its work twice, a numbered one has its name to itself. */
const REPLACED_FIRST: readonly string[] = ['ReplicaSet', 'ReplicationController'];

/**
 * An eviction that stops nothing before something else serves: the slot of the pod goes to its next generation, and the pod ends, as any that is superseded, once that one is ready.
 * @returns undefined: it is to be deleted at once, as nothing would be won, or no node could take its replacement while it runs. Empty: that was decided before
 */
export function planEviction(view: ClusterIndex, pod: DesiredObject, wallMs: number): Mutation[] | undefined {
  const owner = controllerObject(view, pod);
  const filled = pod.object.kith?.slot;
  if (owner === undefined || filled === undefined || isDeleting(owner) || isDeleting(pod)) return undefined;
  if (!REPLACED_FIRST.includes(owner.object.kind) || !isReady(view, pod)) return undefined;
  const standing = slotStanding(view, pod);
  const state = owner.object.kith?.slots?.[String(filled.slot)];
  if (state === undefined) return undefined;
  if (standing === 'superseded' && state.claim === undefined) return [];
  if (standing !== 'kept' || state.claim !== undefined) return undefined;
  // The other copy would wait for the lease of this one, or for its data.
  if (partitionPolicy(view, pod) === 'majority' || claimKeysOf(pod).length > 0) return undefined;
  const slot = { slot: filled.slot, state: bumpedSlot(state) };
  const { key, object } = createSlotPod(owner, slot, wallMs);
  const replacement: DesiredObject = { key, life: 1, uid: '', object, heads: [], conflicts: [] };
  if (whyUnschedulable(view, replacement) !== undefined) return undefined;
  return [updateKith(owner, withSlots(owner.object.kith, [slot])), updateKith(pod, disrupted(pod.object, 'eviction', formatTime(wallMs)))];
}
