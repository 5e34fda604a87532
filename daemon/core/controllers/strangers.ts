import type { ObjectKey } from '../../../protocol/objects.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex, MemberView } from '../cluster/view.ts';
import type { Pass } from './slot-pass.ts';
import { standingIn, withSlots } from './slots.ts';

/** Pods of which their owner's slots do not speak, by the owner's uid: monotonic ms since when. */
export type StrangerMemory = Map<string, Map<ObjectKey, number>>;

/** Longer than the owner's change takes to come, wherever its pod has come from, ms. */
export const STRANGER_MS = 60_000;
/** So many members are asked, and others a second later. One that has nothing new costs about 5 KB: a thousand are asked within some two minutes, for 5 MB. */
export const ASKED_AT_ONCE = 8;
export const ASK_NEXT_MS = 1_000;
/** Between two looks whether one that is away is back, ms. */
const ASK_AGAIN_MS = 10_000;
/** Owners that are remembered. */
const MOST_OWNERS = 10_000;

/** Since when this peer has held all that the member holds. */
function comparedAt(view: ClusterIndex, { peer }: MemberView): number {
  return peer === view.self.peer ? Number.POSITIVE_INFINITY : (view.comparedAt(peer) ?? Number.NEGATIVE_INFINITY);
}

/** The same of all members: who is away may be the one that has what is looked for. */
function allComparedAt(view: ClusterIndex): number {
  return view.members().reduce((earliest, member) => Math.min(earliest, comparedAt(view, member)), Number.POSITIVE_INFINITY);
}

/**
 * Asks those whose turn it is, which are the same for whatever is looked for, and who does not answer is not asked again before all others. What a heal waits for comes in
 * between.
 */
function askNext({ view, owner, now, wakes }: Pass, since: number): void {
  const mayHold = (member: MemberView): boolean => member.state === 'alive' && comparedAt(view, member) < since;
  const members = view.members();
  const turn = Math.floor(now.monotonic / ASK_NEXT_MS);
  const first = (turn % Math.ceil(members.length / ASKED_AT_ONCE)) * ASKED_AT_ONCE;
  for (const { peer } of members.slice(first, first + ASKED_AT_ONCE).filter(mayHold)) wakes.push({ do: 'compare', peer, since });
  const lookAgainAt = members.some(mayHold) ? (turn + 1) * ASK_NEXT_MS : now.monotonic + ASK_AGAIN_MS;
  wakes.push({ do: 'wake', key: owner.key, at: lookAgainAt });
}

/**
 * A pod was made by a change of its owner that is lost: the disk that alone had it was damaged, and kept the pod. Its slot is taken to have been there, so that it is judged
 * like any other. If the change comes after all, it wins: it names a later generation of the same epoch.
 */
export function settleStrangers(pass: Pass, memory: StrangerMemory): void {
  const { view, owner, now } = pass;
  const known = memory.get(owner.uid);
  const since = new Map<ObjectKey, number>();
  let [asksSince, heldSince]: [number | undefined, number | undefined] = [undefined, undefined];
  for (const pod of view.ownedBy(owner.uid)) {
    const filled = pod.object.kith?.slot;
    if (filled === undefined || isDeleting(pod) || standingIn(owner.object, pod) !== 'unknown') continue;
    const at = known?.get(pod.key) ?? now.monotonic;
    since.set(pod.key, at);
    const due = at + STRANGER_MS;
    if (now.monotonic < due) {
      pass.wakes.push({ do: 'wake', key: owner.key, at: due });
      continue;
    }
    heldSince ??= allComparedAt(view);
    if (heldSince < at) {
      asksSince = Math.max(asksSince ?? at, at);
      continue;
    }
    const state = pass.kith?.slots?.[String(filled.slot)];
    const seen = { ...state, epoch: Math.max(state?.epoch ?? 0, filled.generation), generation: state?.generation ?? filled.generation };
    pass.kith = withSlots(pass.kith, [{ slot: filled.slot, state: seen }]);
    pass.reasons.push(`${pod.object.metadata.name} is of a change of slot ${filled.slot} that nobody holds`);
  }
  // For all of them at once.
  if (asksSince !== undefined) askNext(pass, asksSince);
  memory.delete(owner.uid);
  if (since.size === 0) return;
  if (memory.size >= MOST_OWNERS) memory.clear();
  memory.set(owner.uid, since);
}
