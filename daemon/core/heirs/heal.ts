import type { DesiredObject, SlotState } from '../../../protocol/objects.ts';
import { parseTime } from '../../../protocol/values/time.ts';
import { asPod, boundNode, isReady, isTerminal, reportOf, saysUnready } from '../cluster/pods.ts';
import type { ClusterIndex, ClusterView, MemberView } from '../cluster/view.ts';
import type { ReconcilePolicy } from '../../../protocol/policies.ts';
import { isDisruptedBy } from '../disruption.ts';
import { isMajority, partitionPolicy, reconcilePolicy } from './policy.ts';

/** How long a node that came back may take to say what still runs there. */
export const RETURN_REPORT_MS = 10_000;
/**
 * What is held here is compared with what a node holds that is heard again, before anything is decided by it. Where nothing can be compared, others have heard from it
 * within this time, and told.
 */
export const UNCOMPARED_MS = 30_000;
/** Between two looks whether that is done. */
export const COMPARING_MS = 250;

/**
 * What becomes of a pod whose slot was claimed while its node was out of sight. `wait`: nothing yet. `restore`: it goes back into its slot. `bury`: the
 * replacement stays, and this one goes.
 */
export type HealVerdict = {
  verdict: 'wait' | 'restore' | 'bury';
  reason: string;
  lookAgainAt?: number;
  compareWith?: { peer: string; since: number };
};

/**
 * The copy that a majority started stays; else the original, if it still runs; an annotation overrides both, but not a lease. A replacement that has no node yet is
 * given up for the original, running or not. Nothing is stopped before the copy that stays is ready.
 * @param kept the replacement; undefined while it is unknown here
 * @param monotonic ms
 */
export function judgeOriginal(
  view: ClusterIndex,
  original: DesiredObject,
  kept: DesiredObject | undefined,
  claim: NonNullable<SlotState['claim']>,
  monotonic: number,
): HealVerdict {
  const node = boundNode(original);
  const member = node === undefined ? undefined : view.memberOfNode(node);
  const serves = member?.state === 'alive' && !saysUnready(view.nodeReport(member.spec.nodeName));
  const asked = reconcilePolicy(view, original);
  const policy = asked ?? (isMajority(claim.membersSeen, claim.membersKnown) ? 'keep-replacement' : undefined);
  // A replacement that is kept, whatever the node says, and serves needs no word of it.
  const isDecided = policy === 'keep-replacement' && kept !== undefined && isReady(view, kept);
  const uncompared = member !== undefined && serves && !isDecided ? notYetCompared(view, member, monotonic) : undefined;
  if (uncompared !== undefined) return uncompared;
  const wins = member !== undefined && serves ? whyRestored(view, original, kept, member) : undefined;
  if (wins !== undefined) return { verdict: 'restore', reason: wins };
  if (policy === 'keep-replacement') return replacementStays(view, kept, 'its replacement is kept');
  if (member === undefined) return replacementStays(view, kept, `its node ${node ?? ''} is no member any more`);
  if (!serves) return { verdict: 'wait', reason: `${member.spec.nodeName} may still run it` };
  if (isTerminal(view, original)) return replacementStays(view, kept, 'it has ended');
  const runningSince = view.isCurrentReport(original.uid, member.spec.nodeName) ? containersSince(view, original) : undefined;
  if (runningSince === undefined) {
    // A refutation makes all older words of it void, this node's own, too, until they are said again. One that is suspected now and then has time for it all the same.
    const { since, backSince, incarnationSince } = member;
    const lookAgainAt = Math.max(incarnationSince + RETURN_REPORT_MS, Math.min(since + RETURN_REPORT_MS, backSince + UNCOMPARED_MS));
    if (monotonic < lookAgainAt) return { verdict: 'wait', reason: `${member.spec.nodeName} has not said whether it runs`, lookAgainAt };
    return replacementStays(view, kept, `it does not run on ${member.spec.nodeName} any more`);
  }
  return originalStays(view, policy, runningSince, kept)
    ? {
        verdict: 'restore',
        reason: `it still runs on ${member.spec.nodeName}, and ${claim.membersSeen} of ${claim.membersKnown} members saw its node dead`,
      }
    : replacementStays(view, kept, 'it was started again since');
}

/**
 * The same of a pod from before the one that was claimed last: its node was out of sight as well. It goes back into its slot only where what fills that would wait for it for ever.
 * @param kept what fills its slot
 * @param claim of what fills its slot; without one another may be wanted in its place, as after an eviction that is not all here yet
 */
export function judgeEarlier(
  view: ClusterIndex,
  earlier: DesiredObject,
  kept: DesiredObject | undefined,
  claim: SlotState['claim'],
  monotonic: number,
): HealVerdict {
  if (isTerminal(view, earlier) || (kept !== undefined && isReady(view, kept)))
    return { verdict: 'bury', reason: 'another pod fills its slot' };
  const member = view.memberOfNode(boundNode(earlier) ?? '');
  const serves = member?.state === 'alive' && !saysUnready(view.nodeReport(member.spec.nodeName));
  const isWanted = !isDisruptedBy(earlier.object, 'eviction') && (claim !== undefined || partitionPolicy(view, earlier) === 'majority');
  const wins = member === undefined || !serves || !isWanted ? undefined : whyRestored(view, earlier, kept, member);
  if (member === undefined || wins === undefined) return { verdict: 'wait', reason: 'what fills its slot is not ready yet' };
  return notYetCompared(view, member, monotonic) ?? { verdict: 'restore', reason: wins };
}

/** Why the replacement would wait for ever, were it kept. Of an original whose node serves. */
function whyRestored(
  view: ClusterIndex,
  original: DesiredObject,
  kept: DesiredObject | undefined,
  { spec: { nodeName } }: MemberView,
): string | undefined {
  if (kept === undefined) return undefined;
  // Nothing of the replacement ever ran, and the room that it lacks may be what the original still counts for.
  if (boundNode(kept) === undefined && !isTerminal(view, original)) return `${nodeName} is back, and no node was found for its replacement`;
  // It has the lease that its replacement would need to become ready: whichever is asked for, the other would wait for ever.
  if (!isReady(view, kept) && holdsLease(view, original)) return `it runs on ${nodeName} under its lease, and its replacement has none`;
  return undefined;
}

function notYetCompared(view: ClusterIndex, member: MemberView, monotonic: number): HealVerdict | undefined {
  if (isKnownAnew(view, member) || monotonic >= member.backSince + UNCOMPARED_MS) return undefined;
  const reason = `${member.spec.nodeName} has just been heard again`;
  return { verdict: 'wait', reason, lookAgainAt: monotonic + COMPARING_MS, compareWith: { peer: member.peer, since: member.backSince } };
}

/**
 * What a node and its side of a cut held and said before tells nothing of now: of what runs there, or was deleted there. One that is suspected now and then was not cut off
 * from here each time.
 */
function isKnownAnew(view: ClusterIndex, { peer, backSince }: MemberView): boolean {
  return peer === view.self.peer || (view.comparedAt(peer) ?? Number.NEGATIVE_INFINITY) >= backSince;
}

/** It may run at most once, and by what its node says now something of it runs: its lease is given back when nothing does. */
function holdsLease(view: ClusterView, original: DesiredObject): boolean {
  const node = boundNode(original);
  if (node === undefined || partitionPolicy(view, original) !== 'majority' || !view.isCurrentReport(original.uid, node)) return false;
  const { containerStatuses = [], initContainerStatuses = [] } = reportOf(view, original)?.status ?? {};
  return [...containerStatuses, ...initContainerStatuses].some(({ state }) => state?.running !== undefined);
}

function originalStays(
  view: ClusterView,
  policy: ReconcilePolicy | undefined,
  runningSince: number,
  kept: DesiredObject | undefined,
): boolean {
  if (policy === 'keep-original' || kept === undefined) return true;
  if (policy === 'longest-running') return runningSince <= (containersSince(view, kept) ?? Number.POSITIVE_INFINITY);
  return runningSince <= (parseTime(kept.object.metadata.creationTimestamp) ?? 0);
}

function replacementStays(view: ClusterView, kept: DesiredObject | undefined, reason: string): HealVerdict {
  if (kept !== undefined && isReady(view, kept)) return { verdict: 'bury', reason };
  return { verdict: 'wait', reason: `${reason}, but is not ready yet` };
}

/** Milliseconds since 1970 when the last of its containers started; undefined unless all run. */
function containersSince(view: ClusterView, pod: DesiredObject): number | undefined {
  const status = reportOf(view, pod)?.status;
  if (status?.phase !== 'Running') return undefined;
  const statuses = status.containerStatuses ?? [];
  if (statuses.length < asPod(pod).spec.containers.length) return undefined;
  let newest = 0;
  for (const { state } of statuses) {
    const startedAt = parseTime(state?.running?.startedAt ?? '');
    if (startedAt === undefined) return undefined;
    newest = Math.max(newest, startedAt);
  }
  return newest;
}
