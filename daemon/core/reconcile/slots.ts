import type { DesiredObject, SlotState } from '../../../protocol/objects.ts';
import { controllerObject } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { standingIn } from '../controllers/slots.ts';
import { isMajority, reconcilePolicy } from '../heirs/policy.ts';
import { isReadyOn } from './readiness.ts';

/** How a pod stands to its owner's slots, as merged. Never judged by `spec.replicas`. */
export type SlotStanding = { is: 'free' } | { is: 'kept' } | { is: 'surplus' | 'superseded'; stop: boolean; why: string };

/**
 * `surplus`: its slot is retired. `superseded`: another generation fills its slot; it is stopped once that one is ready, so that something serves meanwhile.
 * Where the heal may put the original back, it says which copy stays, by the slot or by a grave (core/heirs/heal.ts): until then neither is stopped.
 */
export function slotStanding(view: ClusterView, desired: DesiredObject): SlotStanding {
  const slot = desired.object.kith?.slot;
  const owner = controllerObject(view, desired);
  if (slot === undefined || owner === undefined) return { is: 'free' };
  const standing = standingIn(owner.object, desired);
  if (standing === 'surplus') return { is: 'surplus', stop: true, why: `slot ${slot.slot} of ${owner.key} is retired` };
  const state = owner.object.kith?.slots?.[String(slot.slot)];
  // Of a pod that its owner does not speak of yet the binding is the newest word: it runs.
  if (standing !== 'superseded' || state === undefined) return { is: 'kept' };
  const why = `slot ${slot.slot} of ${owner.key} is filled by generation ${state.generation}, this is ${slot.generation}`;
  if (isHealed(view, desired, state)) return { is: 'superseded', stop: false, why: `${why}: the heal decides which stays` };
  const keptReady = view.ownedBy(owner.uid).some((other) => fills(other, slot.slot, state.generation) && isReady(view, other));
  return { is: 'superseded', stop: keptReady, why: keptReady ? `${why} and that one is ready` : `${why}, which is not ready yet` };
}

/** Whether the original may yet be put back: its slot was claimed by a minority, or its owner asks for more than the claim to be looked at. */
function isHealed(view: ClusterView, desired: DesiredObject, { claim }: SlotState): boolean {
  if (claim === undefined) return false;
  const policy = reconcilePolicy(view, desired);
  return !isMajority(claim.membersSeen, claim.membersKnown) || (policy !== undefined && policy !== 'keep-replacement');
}

function fills(other: DesiredObject, slot: number, generation: number): boolean {
  const filled = other.object.kith?.slot;
  return filled?.slot === slot && filled.generation === generation;
}

function isReady(view: ClusterView, other: DesiredObject): boolean {
  const node = other.object.kith?.binding?.node;
  return node !== undefined && isReadyOn(view, other.uid, node);
}
