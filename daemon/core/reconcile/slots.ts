import type { DesiredObject, SlotState } from '../../../protocol/objects.ts';
import { controllerObject } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { isReadyOn } from './readiness.ts';

/** How a pod stands to its owner's slots, as merged. Never judged by `spec.replicas`. */
export type SlotStanding = { is: 'free' } | { is: 'kept' } | { is: 'surplus' | 'superseded'; stop: boolean; why: string };

/**
 * `surplus`: its slot is retired. `superseded`: another generation fills its slot; it is stopped once that one is ready, so that something serves meanwhile.
 * After the claim of a minority the heal decides which copy stays, by the slot or by a grave: until then neither is stopped.
 */
export function slotStanding(view: ClusterView, desired: DesiredObject): SlotStanding {
  const slot = desired.object.kith?.slot;
  const owner = controllerObject(view, desired);
  if (slot === undefined || owner === undefined) return { is: 'free' };
  const { slots, retired } = owner.object.kith ?? {};
  if (retired?.includes(slot.slot) === true) {
    return { is: 'surplus', stop: true, why: `slot ${slot.slot} of ${owner.key} is retired` };
  }
  const state = slots?.[String(slot.slot)];
  if (state === undefined || state.generation === slot.generation) return { is: 'kept' };
  const why = `slot ${slot.slot} of ${owner.key} is filled by generation ${state.generation}, this is ${slot.generation}`;
  if (isMinorityClaim(state)) return { is: 'superseded', stop: false, why: `${why}, by a minority: the heal decides` };
  const keptReady = view.ownedBy(owner.uid).some((other) => fills(other, slot.slot, state.generation) && isReady(view, other));
  return { is: 'superseded', stop: keptReady, why: keptReady ? `${why} and that one is ready` : `${why}, which is not ready yet` };
}

/** A claim whose author saw half of the members or fewer; one of two is a minority, too. */
export function isMinorityClaim(state: SlotState): boolean {
  return state.claim !== undefined && state.claim.membersSeen * 2 <= state.claim.membersKnown;
}

function fills(other: DesiredObject, slot: number, generation: number): boolean {
  const filled = other.object.kith?.slot;
  return filled?.slot === slot && filled.generation === generation;
}

function isReady(view: ClusterView, other: DesiredObject): boolean {
  const node = other.object.kith?.binding?.node;
  return node !== undefined && isReadyOn(view, other.uid, node);
}
