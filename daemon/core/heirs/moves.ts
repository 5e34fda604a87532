import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject, SlotState } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { asPod, controllerObject, isGated } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import { movedSince } from '../desired/moved.ts';
import type { Now } from '../decisions.ts';
import { createSlotPod, templateFor, updateKith } from '../controllers/slot-pod.ts';
import { bumpedSlot, withSlots } from '../controllers/slots.ts';

/** The batch that puts a pod in another's place, and the new one's name. */
export interface Move {
  mutations: Mutation[];
  name: string;
}

/**
 * The next pod of the slot, with the claim that a heal judges it by. The old pod is superseded by it, and stays until that one is ready.
 * @param heir undefined: the scheduler finds a node
 */
export function moveSlotPod(view: ClusterIndex, orphan: DesiredObject, heir: Binding | undefined, now: Now): Move | undefined {
  const owner = controllerObject(view, orphan);
  const filled = orphan.object.kith?.slot;
  const state = owner?.object.kith?.slots?.[String(filled?.slot)];
  if (owner === undefined || filled === undefined || state === undefined) return undefined;
  // A template with gates makes pods that wait for whoever lifts them, as the first one did.
  const binding = isGated(templateFor(owner.object, filled.slot)?.spec ?? {}) ? undefined : heir;
  const claim: SlotState['claim'] = {
    from: filled.generation,
    ...(binding === undefined ? {} : { node: binding.node }),
    membersSeen: view.membersSeen,
    membersKnown: view.membersKnown,
  };
  const slot = { slot: filled.slot, state: bumpedSlot(state, claim) };
  const creation = createSlotPod(owner, slot, now.wall, binding);
  const mutations = [updateKith(owner, withSlots(owner.object.kith, [slot])), creation];
  return { mutations, name: parseObjectKey(creation.key).name };
}

/** A pod that nobody controls, or one of a StatefulSet: its life ends, and the next one of the same key begins elsewhere. */
export function moveBarePod(orphan: DesiredObject, binding: Binding | undefined, now: Now): Move {
  const { metadata, kith, spec, ...pod } = asPod(orphan);
  // Who looked at the old one does not look at this one.
  const { ephemeralContainers: _added, ...own } = spec;
  const { binding: _old, ...rest } = kith ?? {};
  const kept = { ...rest, facts: { ...rest.facts, ...movedSince(orphan) } };
  const object = {
    ...pod,
    spec: own,
    metadata: { ...metadata, uid: '', generation: undefined, creationTimestamp: formatTime(now.wall) },
    kith: binding === undefined ? kept : { ...kept, binding },
  };
  return { mutations: [buryMutation(orphan, now.wall), { type: 'create', key: orphan.key, object }], name: metadata.name };
}
