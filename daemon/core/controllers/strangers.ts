import type { ObjectKey } from '../../../protocol/objects.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { Pass } from './slot-pass.ts';
import { standingIn, withSlots } from './slots.ts';

/** Pods of which their owner's slots do not speak, by the owner's uid: monotonic ms since when. */
export type StrangerMemory = Map<string, Map<ObjectKey, number>>;

/** Longer than the owner's change takes to come, wherever its pod has come from, ms. */
export const STRANGER_MS = 60_000;
/** Between two looks whether all members have been asked, ms. */
const ASK_AGAIN_MS = 10_000;
/** Owners that are remembered. */
const MOST_OWNERS = 10_000;

/** Whether this peer has held, since then, all that any member holds: who is away may be the one that has it. */
function nobodyHolds({ view, wakes }: Pass, since: number): boolean {
  const lacking = view
    .members()
    .filter(({ peer }) => peer !== view.self.peer && (view.comparedAt(peer) ?? Number.NEGATIVE_INFINITY) < since);
  for (const { peer, state } of lacking) if (state === 'alive') wakes.push({ do: 'compare', peer, since });
  return lacking.length === 0;
}

/**
 * A pod was made by a change of its owner that is lost: the disk that alone had it was damaged, and kept the pod. Its slot is taken to have been there, so that it is judged
 * like any other. If the change comes after all, it wins: it names a later generation of the same epoch.
 */
export function settleStrangers(pass: Pass, memory: StrangerMemory): void {
  const { view, owner, now } = pass;
  const known = memory.get(owner.uid);
  const since = new Map<ObjectKey, number>();
  for (const pod of view.ownedBy(owner.uid)) {
    const filled = pod.object.kith?.slot;
    if (filled === undefined || isDeleting(pod) || standingIn(owner.object, pod) !== 'unknown') continue;
    const at = known?.get(pod.key) ?? now.monotonic;
    since.set(pod.key, at);
    const due = at + STRANGER_MS;
    if (now.monotonic < due || !nobodyHolds(pass, at)) {
      pass.wakes.push({ do: 'wake', key: owner.key, at: now.monotonic < due ? due : now.monotonic + ASK_AGAIN_MS });
      continue;
    }
    const state = pass.kith?.slots?.[String(filled.slot)];
    const seen = { ...state, epoch: Math.max(state?.epoch ?? 0, filled.generation), generation: state?.generation ?? filled.generation };
    pass.kith = withSlots(pass.kith, [{ slot: filled.slot, state: seen }]);
    pass.reasons.push(`${pod.object.metadata.name} is of a change of slot ${filled.slot} that nobody holds`);
  }
  memory.delete(owner.uid);
  if (since.size === 0) return;
  if (memory.size >= MOST_OWNERS) memory.clear();
  memory.set(owner.uid, since);
}
