import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ReplicaSetSpec, ReplicationControllerSpec } from '../../../protocol/types.ts';
import { labelSelectorMatches } from '../../../protocol/values/label-selector.ts';
import { boundNode, isActive, isDeleting, isReady, isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import type { Decision, Now } from '../decisions.ts';
import { isDisruptedBy } from '../disruption.ts';
import { deleteMutations, isBoundToLostNode } from './deletion-world.ts';
import { makeRoom, type RoomMemory } from './eviction-room.ts';
import { BURST, decisionsOf, end, eventOf, openPass, type Pass, settleSuperseded } from './slot-pass.ts';
import { createSlotPod } from './slot-pod.ts';
import { settleStrangers, type StrangerMemory } from './strangers.ts';
import { activeSlots, bumpedSlot, openSlots, retireSlots, type Slot, slotPodKey, standingIn, withSlots } from './slots.ts';

interface SlotPod extends Slot {
  key: ObjectKey;
  pod: DesiredObject | undefined;
  /** Set when the slot needs another pod. */
  lost?: string;
}

/** What its passes remember. */
export interface ReplicaMemory {
  strangers: StrangerMemory;
  room: RoomMemory;
}

export function emptyReplicaMemory(): ReplicaMemory {
  return { strangers: new Map(), room: { waiting: new Map(), ended: new Map() } };
}

/**
 * The controller of a ReplicaSet or ReplicationController: opens and retires slots until there are as many as asked for, and sees that each is filled. Orphans of
 * dead nodes are left to their heirs. What is surplus or superseded is judged by the merged slots alone.
 */
export function planReplicas(view: ClusterIndex, key: ObjectKey, now: Now, memory: ReplicaMemory = emptyReplicaMemory()): Decision[] {
  const owner = view.get(key);
  if (owner === undefined || isDeleting(owner)) return [];
  const pass = openPass(view, owner, now);
  const filled = new Map(view.ownedBy(owner.uid).map((pod) => [fillingOf(pod), pod]));
  const slots = activeSlots(owner.object).map((slot) => inspectSlot(pass, slot, filled.get(`${slot.slot}/${slot.state.generation}`)));
  const wanted = (owner.object.spec as ReplicaSetSpec | undefined)?.replicas ?? 1;
  const victims = new Set(chooseVictims(view, slots, slots.length - wanted).slice(0, BURST));
  retire(pass, [...victims]);
  fill(
    pass,
    slots.filter((slot) => !victims.has(slot)),
    Math.min(BURST, wanted - slots.length),
  );
  makeRoom(pass, settleOthers(pass), memory.room);
  settleStrangers(pass, memory.strangers);
  return decisionsOf(pass);
}

function fillingOf({ object }: DesiredObject): string {
  return `${object.kith?.slot?.slot}/${object.kith?.slot?.generation}`;
}

/** @param known the owner's pod of that slot and generation; its name, which takes time to derive, is asked for only when there is none. */
function inspectSlot({ view, owner }: Pass, slot: Slot, known: DesiredObject | undefined): SlotPod {
  const key = known?.key ?? slotPodKey(owner, slot.slot, slot.state.generation);
  const pod = known ?? view.get(key);
  if (pod === undefined) return { ...slot, key, pod, lost: view.buriedLife(key) > 0 ? 'it was deleted' : undefined };
  if (pod.object.kith?.slot?.owner !== owner.uid) return { ...slot, key, pod: undefined, lost: 'its name is taken by another pod' };
  if (isDeleting(pod)) return { ...slot, key, pod, lost: 'it is being deleted' };
  if (isTerminal(view, pod)) return { ...slot, key, pod, lost: 'it has ended' };
  return { ...slot, key, pod, lost: selects(owner, pod) ? undefined : 'its labels do not match the selector any more' };
}

/** ReplicationControllers have a map as selector, the others a LabelSelector. */
function selects(owner: DesiredObject, pod: DesiredObject): boolean {
  const { labels } = pod.object.metadata;
  if (owner.object.kind === 'ReplicationController') {
    const { selector } = owner.object.spec as ReplicationControllerSpec;
    return selector === undefined || labelSelectorMatches({ matchLabels: selector }, labels);
  }
  const { selector } = owner.object.spec as ReplicaSetSpec;
  return labelSelectorMatches(selector, labels);
}

/** Not ready first, then the youngest. Source: upstream's ActivePodsWithRanks: what is lost, unbound, out of sight or not ready goes before what serves. */
export function chooseVictims(view: ClusterIndex, slots: readonly SlotPod[], surplus: number): SlotPod[] {
  if (surplus <= 0) return [];
  const ranked = slots.map((slot) => ({ slot, rank: victimRank(view, slot), created: slot.pod?.object.metadata.creationTimestamp ?? '' }));
  ranked.sort((left, right) => {
    if (left.rank !== right.rank) return left.rank - right.rank;
    if (left.created !== right.created) return left.created > right.created ? -1 : 1;
    return right.slot.slot - left.slot.slot;
  });
  return ranked.slice(0, surplus).map(({ slot }) => slot);
}

function victimRank(view: ClusterIndex, { pod, lost }: SlotPod): number {
  if (pod === undefined || lost !== undefined) return 0;
  const node = boundNode(pod);
  if (node === undefined) return 1;
  if (isReady(view, pod)) return 4;
  return isBoundToLostNode(view, pod) ? 2 : 3;
}

function retire(pass: Pass, victims: readonly SlotPod[]): void {
  if (victims.length === 0) return;
  const numbers = victims.map(({ slot }) => slot);
  pass.kith = retireSlots(pass.kith, numbers);
  pass.reasons.push(`slots ${numbers.join(', ')} are not asked for any more`);
  for (const { pod } of victims) {
    if (pod === undefined || isDeleting(pod)) continue;
    if (selects(pass.owner, pod)) end(pass, pod);
    else release(pass, pod);
  }
}

/** Replaces lost pods and opens `more` slots. */
function fill(pass: Pass, slots: readonly SlotPod[], more: number): void {
  const { owner, view, now } = pass;
  const bumped: Slot[] = [];
  const toCreate: Slot[] = [];
  for (const slot of slots.filter(({ pod, lost }) => pod === undefined || lost !== undefined).slice(0, BURST)) {
    if (slot.lost === undefined) {
      // Never buried and not here: its creation has not arrived, or was never made. Making it is harmless: it is the same object.
      toCreate.push(slot);
      continue;
    }
    const next = { slot: slot.slot, state: bumpedSlot(slot.state, unresolvedClaim(view, owner, slot)) };
    bumped.push(next);
    toCreate.push(next);
    pass.reasons.push(`slot ${slot.slot} needs a new pod: ${slot.lost}`);
    if (slot.pod !== undefined) release(pass, slot.pod);
  }
  if (bumped.length > 0) pass.kith = withSlots(pass.kith, bumped);
  if (more > 0) {
    const { kith, opened } = openSlots(pass.kith, more);
    pass.kith = kith;
    toCreate.push(...opened);
    pass.reasons.push(`${opened.length} more pods are asked for`);
  }
  for (const slot of toCreate) {
    tellEvicted(pass, slot);
    const creation = createSlotPod(owner, slot, now.wall);
    pass.mutations.push(creation);
    pass.events.push(eventOf(owner, 'SuccessfulCreate', `Created pod: ${parseObjectKey(creation.key).name}`));
  }
}

/** Who looks at a pod that was evicted and still runs is to know what for. */
function tellEvicted({ view, owner, events }: Pass, { slot, state }: Slot): void {
  if (state.claim !== undefined || state.generation === 1) return;
  const before = view
    .ownedBy(owner.uid)
    .find(({ object }) => object.kith?.slot?.slot === slot && object.kith.slot.generation === state.generation - 1);
  if (before === undefined || !isActive(view, before)) return;
  const { name } = parseObjectKey(slotPodKey(owner, slot, state.generation));
  events.push(eventOf(before, 'Evicted', `${name} takes its place: it is stopped once that one is ready`, 'kith'));
}

/** A claim stays with its slot as long as the pod it took over from may come back. */
function unresolvedClaim(view: ClusterIndex, owner: DesiredObject, { slot, state }: Slot): Slot['state']['claim'] {
  if (state.claim === undefined) return undefined;
  const original = view.get(slotPodKey(owner, slot, state.claim.from));
  return original !== undefined && isActive(view, original) ? state.claim : undefined;
}

/** Lets go of a pod that lost its slot: one with other labels goes on without an owner, one that has ended is cleared away. */
function release(pass: Pass, pod: DesiredObject): void {
  if (isDeleting(pod)) return;
  if (isTerminal(pass.view, pod)) {
    pass.mutations.push(...deleteMutations(pass.view, pod, pass.now.wall));
    return;
  }
  const { slot: _slot, ...kith } = pod.object.kith ?? {};
  const ownerReferences = (pod.object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== pass.owner.uid);
  const next = { ...pod.object, metadata: { ...pod.object.metadata, ownerReferences }, kith };
  pass.mutations.push({ type: 'update', key: pod.key, uid: pod.uid, base: pod.object, next });
}

/** Pods of this owner that fill no active slot. @returns those that were evicted, each with its replacement, where that has no node yet */
function settleOthers(pass: Pass): [evicted: DesiredObject, kept: DesiredObject][] {
  const { view, owner } = pass;
  const keptBySlot = new Map<number, DesiredObject>();
  const others: DesiredObject[] = [];
  for (const pod of view.ownedBy(owner.uid)) {
    const standing = standingIn(owner.object, pod);
    if (standing === 'kept') keptBySlot.set(pod.object.kith?.slot?.slot ?? -1, pod);
    else if ((standing === 'surplus' || standing === 'superseded') && !isDeleting(pod)) others.push(pod);
  }
  const waiting: [DesiredObject, DesiredObject][] = [];
  for (const pod of others.slice(0, BURST)) {
    const number = pod.object.kith?.slot?.slot ?? -1;
    if (standingIn(owner.object, pod) === 'surplus') {
      pass.reasons.push(`slot ${number} of ${pod.object.metadata.name} is retired`);
      end(pass, pod);
      continue;
    }
    const kept = keptBySlot.get(number);
    settleSuperseded(pass, pod, number, kept);
    const isClaimed = owner.object.kith?.slots?.[String(number)]?.claim !== undefined;
    if (kept !== undefined && boundNode(kept) === undefined && isDisruptedBy(pod.object, 'eviction') && !isClaimed)
      waiting.push([pod, kept]);
  }
  return waiting;
}
