import type { DesiredObject, KithFields, ObjectKey, SlotState, StoredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import { slotPodName } from '../../../protocol/identity.ts';
import { jobFact, podBaseName } from './jobs/facts.ts';
import { controllerObject, controllerOf } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';

/**
 * Slots of ReplicaSets, ReplicationControllers and Jobs: which pods there should be, as merged. Everything that two sides of a cut may do at once goes through these
 * few functions, so that both name the same pods.
 */

/** Kinds that keep slots, by resource. */
export const SLOT_RESOURCES: readonly string[] = ['replicasets.apps', 'replicationcontrollers', 'jobs.batch'];
const SLOT_KINDS: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'Job']);

export interface Slot {
  slot: number;
  state: SlotState;
}

/**
 * `free`: fills no slot. `kept`: fills an active one. `surplus`: its slot is retired. `superseded`: another generation fills its slot. `unknown`: its owner's
 * slots, as they are known here, do not speak of it yet: it must be left alone.
 */
export type SlotStanding = 'free' | 'kept' | 'surplus' | 'superseded' | 'unknown';

/** Open slots, ascending. */
export function activeSlots(owner: StoredObject): Slot[] {
  const retired = new Set(owner.kith?.retired ?? []);
  return Object.entries(owner.kith?.slots ?? {})
    .map(([slot, state]) => ({ slot: Number(slot), state }))
    .filter(({ slot }) => !retired.has(slot))
    .sort((left, right) => left.slot - right.slot);
}

export function slotPodKey(owner: DesiredObject, slot: number, generation: number): ObjectKey {
  const { namespace } = owner.object.metadata;
  return objectKey('pods', namespace ?? '', slotPodName(podBaseName(owner.object, slot), owner.uid, slot, generation));
}

export function slotStanding(view: ClusterView, pod: DesiredObject): SlotStanding {
  const controller = controllerOf(pod);
  if (pod.object.kith?.slot === undefined || controller === undefined || !SLOT_KINDS.has(controller.kind)) return 'free';
  const owner = controllerObject(view, pod);
  return owner === undefined ? 'unknown' : standingIn(owner.object, pod);
}

/** How a pod stands to the slots of its owner. */
export function standingIn(owner: StoredObject, pod: DesiredObject): SlotStanding {
  const filled = pod.object.kith?.slot;
  if (filled === undefined) return 'free';
  const state = owner.kith?.slots?.[String(filled.slot)];
  if (state === undefined) return 'unknown';
  // What has come to its end wins every merge, also over what was made of the slot elsewhere since.
  if (jobFact(owner).end !== undefined || (state.done !== undefined && filled.generation !== state.generation)) return 'surplus';
  // A generation never exceeds its slot's epoch: this pod was made by a change of the owner that has not come here yet.
  if (filled.generation > state.epoch) return 'unknown';
  if (owner.kith?.retired?.includes(filled.slot) === true) return 'surplus';
  return filled.generation === state.generation ? 'kept' : 'superseded';
}

/** Opens slots until there are `count` more: the lowest retired first, with a new generation, then the next numbers. */
export function openSlots(kith: KithFields | undefined, count: number): { kith: KithFields; opened: Slot[] } {
  const slots = { ...kith?.slots };
  const retired = [...(kith?.retired ?? [])].sort((left, right) => left - right);
  const opened: Slot[] = [];
  let next = Math.max(-1, ...Object.keys(slots).map(Number), ...retired) + 1;
  while (opened.length < count) {
    const reopened = retired.shift();
    const slot = reopened ?? next++;
    const epoch = (slots[String(slot)]?.epoch ?? 0) + 1;
    const state: SlotState = { epoch, generation: epoch };
    slots[String(slot)] = state;
    opened.push({ slot, state });
  }
  return { kith: { ...kith, slots, retired }, opened };
}

export function retireSlots(kith: KithFields | undefined, slots: readonly number[]): KithFields {
  const retired = [...new Set([...(kith?.retired ?? []), ...slots])].sort((left, right) => left - right);
  return { ...kith, retired };
}

/** The next pod for a slot. */
export function bumpedSlot(state: SlotState, claim?: SlotState['claim']): SlotState {
  const epoch = state.epoch + 1;
  return { ...failuresOf(state), epoch, generation: epoch, ...(claim === undefined ? {} : { claim }) };
}

/** An earlier pod put back into its slot. */
export function restoredSlot(state: SlotState, generation: number): SlotState {
  return { ...failuresOf(state), epoch: state.epoch + 1, generation };
}

function failuresOf({ failures }: SlotState): Pick<SlotState, 'failures'> {
  return failures === undefined ? {} : { failures };
}

export function withSlots(kith: KithFields | undefined, changed: readonly Slot[]): KithFields {
  const slots = { ...kith?.slots };
  for (const { slot, state } of changed) slots[String(slot)] = state;
  return { ...kith, slots };
}
