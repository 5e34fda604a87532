import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { isDeleting, isReady, saysUnready } from '../cluster/pods.ts';
import { isMajority } from '../heirs/policy.ts';
import { nodesShortFor } from '../scheduler/place.ts';
import { allowsEviction, isAbout } from '../status/budget-status.ts';
import { end, type Pass } from './slot-pass.ts';

/** Between two looks whether what replaces an evicted pod still finds no room, and between two pods that end by one budget, ms. */
const ROOM_LOOK_MS = 1_000;
/** How long it waits for room before the evicted pod goes first, ms. */
const ROOM_WAIT_MS = 10_000;
/** A node that is away for so long does not come back with its room in a moment, ms. */
const LONG_AWAY_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/** Monotonic ms. */
export interface RoomMemory {
  /** Since when replacements of evicted pods wait for room. */
  readonly waiting: Map<ObjectKey, number>;
  /** When a pod of each budget was ended last. */
  readonly ended: Map<ObjectKey, number>;
}

/**
 * The replacements of evicted pods had room when those were evicted. Where others have taken that, the evicted goes first, as it would have gone then: both would wait for each
 * other. One at a time, as budgets allow, and only where all nodes can be seen: a node that is away for a moment has room, too.
 * @param pairs evicted pods, and what replaces each and has no node yet
 */
export function makeRoom(pass: Pass, pairs: readonly (readonly [evicted: DesiredObject, kept: DesiredObject])[], memory: RoomMemory): void {
  if (pairs.length === 0) return;
  const { view, owner, now } = pass;
  pass.wakes.push({ do: 'wake', key: owner.key, at: now.monotonic + ROOM_LOOK_MS });
  const due = pairs.filter(([, kept]) => now.monotonic - sinceIn(memory.waiting, kept.key, now.monotonic) >= ROOM_WAIT_MS);
  if (due.length === 0 || pass.mutations.length > 0 || view.ownedBy(owner.uid).some(isDeleting) || !areAllSeen(pass)) return;
  for (const [evicted, kept] of due) {
    const short = nodesShortFor(view, kept);
    // What ends there makes room as it is.
    if (short.length === 0 || short.some((node) => view.podsOnNode(node).some(isDeleting))) continue;
    if (!mayEnd(pass, evicted, memory)) continue;
    pass.reasons.push(`no node has room for the replacement of ${evicted.object.metadata.name} beside it`);
    return end(pass, evicted);
  }
}

function sinceIn(times: Map<ObjectKey, number>, key: ObjectKey, now: number): number {
  const since = times.get(key) ?? now;
  if (times.size >= MOST_REMEMBERED) times.clear();
  times.set(key, since);
  return since;
}

/** What others ended a moment ago by the same budget, it does not count yet. */
function mayEnd({ view, now }: Pass, evicted: DesiredObject, { ended }: RoomMemory): boolean {
  const budgets = view.list('poddisruptionbudgets.policy').filter((budget) => isAbout(budget, evicted));
  for (const budget of budgets) {
    if (now.monotonic - (ended.get(budget.key) ?? Number.NEGATIVE_INFINITY) < ROOM_LOOK_MS) return false;
    if (!allowsEviction(view, budget, isReady(view, evicted))) return false;
  }
  for (const { key } of budgets) {
    if (ended.size >= MOST_REMEMBERED) ended.clear();
    ended.set(key, now.monotonic);
  }
  return true;
}

/** No node is away but those that have long been. Of two members nobody can tell who is. */
function areAllSeen({ view, now }: Pass): boolean {
  if (view.membersKnown > 2 && !isMajority(view.membersSeen, view.membersKnown)) return false;
  return view.members().every(({ state, since, spec }) => {
    const awaySince = state === 'alive' ? view.nodeUnreadySince(spec.nodeName) : since;
    const isAway = state !== 'alive' || saysUnready(view.nodeReport(spec.nodeName));
    return !isAway || (state !== 'suspected' && now.monotonic - (awaySince ?? now.monotonic) >= LONG_AWAY_MS);
  });
}
