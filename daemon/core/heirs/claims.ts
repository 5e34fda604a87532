import type { Mutation } from '../../../protocol/desired.ts';
import type { Binding, DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { formatTime, parseTime } from '../../../protocol/values/time.ts';
import { asPod, boundNode, isActive, isReady, podName } from '../cluster/pods.ts';
import type { ClusterIndex, MemberView } from '../cluster/view.ts';
import type { Decision, Now } from '../decisions.ts';
import { NodeTable } from '../scheduler/node-table.ts';
import { COMPARING_MS } from './heal.ts';
import { moveBarePod, moveSlotPod } from './moves.ts';
import { lossOf, orphanCase } from './orphans.ts';
import { isMajority, partitionPolicy } from './policy.ts';
import { isConfirmedDead } from '../leases/confirmed.ts';
import { rankHeirs } from './ranking.ts';

/** How the heirs of a dead node's pods take turns. All times in ms. */
export interface HeirSettings {
  /** Between one heir's turn and the next one's. */
  escalationMs: number;
  /** Heirs that get a turn; after the last one's the leader schedules. */
  ranks: number;
  /** A peer that sees half of the members or fewer waits this much longer: it may be the one that is cut off. */
  doubtMs: number;
  /** Claims of one node that are not ready yet. What the host can start at once. */
  inFlight: number;
  /** A claim that is not ready after this long no longer counts as in flight: it may never be. */
  inFlightMs: number;
  /** How soon to look again when as many claims are in flight as may be. */
  queueMs: number;
  /**
   * A pod that becomes an orphan when its node is dead already was brought by news: most likely a cut is healing, and the node itself is about to be heard. It has
   * this long: what it takes to refute a death, twice. So has a node whose death a minority declared.
   */
  newsSettleMs: number;
  /**
   * Who does not observe a node, as in a cluster of more members than a node has observers, takes its death on others' word: it gives it this long to refute that. What one host says may reach few, who
   * hold it for dead and leave off telling it of themselves: what it says of them when it is heard again is no majority's word, though it saw one.
   */
  hearsayMs: number;
  /** Who has just started and has not heard yet what others hold claims nothing for this long: what heirs have claimed meanwhile it can not know. */
  catchUpMs: number;
  /**
   * A node that lives but says that its container engine is away keeps its pods this long: an engine that is restarted or upgraded is back by then, and most likely
   * its containers never stopped.
   */
  unreadyMs: number;
  /** How soon to look again for a node that takes an orphan, where none fits. */
  noHeirMs: number;
}

export const HEIR_SETTINGS: HeirSettings = {
  escalationMs: 2_000,
  ranks: 5,
  doubtMs: 10_000,
  inFlight: 10,
  inFlightMs: 60_000,
  queueMs: 500,
  newsSettleMs: 3_000,
  hearsayMs: 300,
  catchUpMs: 30_000,
  unreadyMs: 10_000,
  noHeirMs: 10_000,
};

/** What passes remember. Times are monotonic ms. */
export interface OrphanMemory {
  /** Dead nodes whose pods were looked at, and since when they are dead. */
  readonly nodes: Map<string, number>;
  /** Since when each pod is an orphan. */
  readonly since: Map<ObjectKey, number>;
  /** This peer saw half of the members or fewer when it last looked. */
  doubtful?: boolean;
  /** When that ended. */
  trustedSince?: number;
  /** When this peer began to decide: what it knew then may be from long before. */
  startedAt?: number;
  /** Whether it has held all that a complete member held since then; undefined: nobody said. */
  caughtUp?: boolean;
}

/** One pass over the orphans: running totals and how many more may be claimed. */
interface Pass {
  view: ClusterIndex;
  now: Now;
  settings: HeirSettings;
  memory: OrphanMemory | undefined;
  table: NodeTable;
  /** Claims in flight by node, this pass's own included. */
  inFlight: Map<string, number>;
  /** Who has just come back, and was not compared with since. */
  returned: readonly MemberView[];
  decisions: Decision[];
}

/**
 * What this peer does about pods of dead nodes: as an heir, claim for its own node when its turn has come; as the leader, schedule what no heir took. Safe when
 * several do it: the next pod of a slot is the same object whoever makes it, and its binding has one winner.
 * @param memory kept from pass to pass; undefined: every orphan is one since its node died
 */
export function planClaims(
  view: ClusterIndex,
  pods: readonly DesiredObject[],
  now: Now,
  settings: HeirSettings = HEIR_SETTINGS,
  memory?: OrphanMemory,
): Decision[] {
  if (memory !== undefined) noteDoubt(view, memory, now.monotonic);
  const orphans: DesiredObject[] = [];
  for (const pod of pods) {
    if (orphanCase(view, pod) !== undefined) orphans.push(pod);
    else memory?.since.delete(pod.key);
  }
  if (orphans.length === 0) return [];
  orphans.sort((left, right) => (left.key < right.key ? -1 : 1));
  const returned = justReturned(view, now.monotonic, settings);
  const pass: Pass = { view, now, settings, memory, table: new NodeTable(view), inFlight: new Map(), returned, decisions: [] };
  for (const orphan of orphans) planOrphan(pass, orphan);
  pass.table.release();
  return pass.decisions;
}

function planOrphan(pass: Pass, orphan: DesiredObject): void {
  const { view, now, settings, table } = pass;
  const kind = orphanCase(view, orphan);
  const lostSince = lostSinceOf(view, settings, boundNode(orphan) ?? '');
  if (kind === undefined || lostSince === undefined) return;
  const heirs = rankHeirs(table, orphan, settings.ranks);
  const rank = heirs.indexOf(view.self.node);
  if (partitionPolicy(view, orphan) === 'majority' && !mayWin(view, boundNode(orphan) ?? '')) {
    if (rank === 0 || (heirs.length === 0 && view.leader.isSelf)) pass.decisions.push(majorityEvent(view, orphan));
    return;
  }
  const doubtMs = isDoubtful(view) ? settings.doubtMs : refutableMs(view, settings, boundNode(orphan) ?? '');
  if (rank >= 0) doubtHearsay(pass, boundNode(orphan) ?? '');
  const settledAt = Math.max(newsSettledAt(pass, orphan, lostSince), healedAt(pass, lostSince), caughtUpAt(pass));
  const opensAt = Math.max(lostSince + doubtMs, settledAt);
  const turnAt = rank >= 0 ? opensAt + rank * settings.escalationMs : Number.POSITIVE_INFINITY;
  const endsAt = view.leader.isSelf ? opensAt + (heirs.length + 1) * settings.escalationMs : Number.POSITIVE_INFINITY;
  if (now.monotonic >= Math.min(turnAt, endsAt) && asksReturned(pass, lostSince)) {
    pass.decisions.push({ do: 'wake', key: orphan.key, at: now.monotonic + COMPARING_MS });
    return;
  }
  if (now.monotonic >= turnAt) {
    if (inFlightOn(pass, view.self.node) < settings.inFlight) claim(pass, orphan, kind, view.self.node, rank);
    else pass.decisions.push({ do: 'wake', key: orphan.key, at: now.monotonic + settings.queueMs });
    return;
  }
  if (now.monotonic >= endsAt) takeOver(pass, orphan, kind, heirs);
  else if (Number.isFinite(Math.min(turnAt, endsAt))) {
    const soonest = pass.memory?.caughtUp === false ? now.monotonic + settings.queueMs : Number.POSITIVE_INFINITY;
    pass.decisions.push({ do: 'wake', key: orphan.key, at: Math.min(turnAt, endsAt, soonest) });
  }
}

/**
 * Remembers since when the node is lost, and which of its pods were known then: those that come later are news. To be called when anything about the node has changed, also
 * where no pod of it is known yet.
 */
export function noteLoss(view: ClusterIndex, memory: OrphanMemory, node: string, settings: HeirSettings = HEIR_SETTINGS): void {
  const lostSince = lostSinceOf(view, settings, node);
  if (memory.nodes.get(node) === lostSince) return;
  if (lostSince === undefined) return void memory.nodes.delete(node);
  memory.nodes.set(node, lostSince);
  // What was buried is asked about no more.
  for (const key of [...memory.since.keys()]) if (view.get(key) === undefined) memory.since.delete(key);
  for (const pod of view.podsOnNode(node)) if (orphanCase(view, pod) !== undefined) memory.since.set(pod.key, lostSince);
}

/** Monotonic ms. */
function lostSinceOf(view: ClusterIndex, settings: HeirSettings, node: string): number | undefined {
  if (lossOf(view, node) !== 'unready') return view.nodeLostSince(node);
  const since = view.nodeUnreadySince(node);
  return since === undefined ? undefined : since + settings.unreadyMs;
}

/** For people: why its pods go elsewhere. */
function lossText(view: ClusterIndex, node: string): string {
  return lossOf(view, node) === 'unready' ? `${node} is not ready` : `${node} is dead`;
}

function newsSettledAt({ view, memory, now, settings }: Pass, orphan: DesiredObject, lostSince: number): number {
  if (memory === undefined) return lostSince;
  noteLoss(view, memory, boundNode(orphan) ?? '', settings);
  const since = memory.since.get(orphan.key) ?? now.monotonic;
  memory.since.set(orphan.key, since);
  return since > lostSince ? since + settings.newsSettleMs : lostSince;
}

function noteDoubt(view: ClusterIndex, memory: OrphanMemory, monotonic: number): void {
  const doubtful = isDoubtful(view);
  if (memory.doubtful === true && !doubtful) memory.trustedSince = monotonic;
  memory.doubtful = doubtful;
}

/** Of the peers that return after a cut one is the first to be heard. Who was cut off does not take that one and itself for the majority that survived the others. */
function healedAt({ memory, settings }: Pass, lostSince: number): number {
  const trustedSince = memory?.trustedSince ?? Number.NEGATIVE_INFINITY;
  return lostSince < trustedSince ? trustedSince + settings.newsSettleMs : Number.NEGATIVE_INFINITY;
}

/** Of a death others tell a starting peer at once, or as soon as it is connected; what heirs have claimed since comes with the first comparison. */
function caughtUpAt({ memory, settings }: Pass): number {
  if (memory?.startedAt === undefined) return Number.NEGATIVE_INFINITY;
  return memory.startedAt + (memory.caughtUp === false ? settings.catchUpMs : settings.newsSettleMs);
}

/** Who died between its claim and the word of it has it on its disk, and goes on with it. */
function justReturned(view: ClusterIndex, monotonic: number, { newsSettleMs }: HeirSettings): readonly MemberView[] {
  return view.members().filter(({ peer, state, incarnationSince }) => {
    if (peer === view.self.peer || state !== 'alive' || monotonic >= incarnationSince + newsSettleMs) return false;
    return (view.comparedAt(peer) ?? Number.NEGATIVE_INFINITY) < incarnationSince;
  });
}

/** Some that come back again and again hold nothing up for longer than doubt would. @returns whether to wait for what they hold */
function asksReturned({ now, settings, returned, decisions }: Pass, lostSince: number): boolean {
  if (now.monotonic >= lostSince + settings.doubtMs) return false;
  for (const { peer, incarnationSince } of returned) decisions.push({ do: 'compare', peer, since: incarnationSince });
  return returned.length > 0;
}

/** Two members have nobody to ask. */
function isDoubtful(view: ClusterIndex): boolean {
  return view.membersKnown > 2 && view.membersSeen * 2 <= view.membersKnown;
}

/**
 * A death that was declared by who saw half of the members or fewer: where more are seen, it is the news of a cut that heals, and the node most likely about to
 * refute it. Who hears the node itself contests it; this is for those in a wide cluster who do not. Of two members either may be the one that lives.
 */
function isMinoritysWord(view: ClusterIndex, node: string): boolean {
  const death = view.memberOfNode(node)?.death;
  return death !== undefined && death.membersKnown > 2 && !isMajority(death.membersSeen, death.membersKnown);
}

/** How long a death that others tell may still be refuted. */
function refutableMs(view: ClusterIndex, { newsSettleMs, hearsayMs }: HeirSettings, node: string): number {
  if (isMinoritysWord(view, node)) return newsSettleMs;
  return view.memberOfNode(node)?.hearsay === true ? hearsayMs : 0;
}

/** Where others may have it wrong, whose refutation may be lost, the node is asked itself. */
function doubtHearsay({ view, decisions }: Pass, node: string): void {
  const member = view.memberOfNode(node);
  if (member?.hearsay === true) decisions.push({ do: 'doubt', peer: member.peer });
}

function inFlightOn(pass: Pass, node: string): number {
  const known = pass.inFlight.get(node);
  if (known !== undefined) return known;
  const { view, now, settings } = pass;
  const count = view.podsOnNode(node).filter((pod) => {
    const claimed = pod.object.kith?.binding?.by === 'heir' && isActive(view, pod) && !isReady(view, pod);
    // Made in the future, by a clock that has jumped since: its age is unknown.
    return claimed && Math.abs(now.wall - (parseTime(pod.object.metadata.creationTimestamp) ?? 0)) < settings.inFlightMs;
  }).length;
  pass.inFlight.set(node, count);
  return count;
}

function claim(pass: Pass, orphan: DesiredObject, kind: 'slot' | 'bare', node: string, rank: number): void {
  const { view, now } = pass;
  const binding: Binding = {
    node,
    membersSeen: view.membersSeen,
    membersKnown: view.membersKnown,
    term: view.leader.term,
    by: 'heir',
    rank,
    at: formatTime(now.wall),
  };
  const from = boundNode(orphan) ?? '';
  if (!move(pass, orphan, kind, binding, `${lossText(view, from)} and ${node} is heir number ${rank + 1}`)) return;
  pass.inFlight.set(node, inFlightOn(pass, node) + 1);
  pass.table.take(orphan, node);
}

/** The heirs' turns are over: the pod goes to the scheduler. Not while heirs work through a queue: it is theirs. */
function takeOver(pass: Pass, orphan: DesiredObject, kind: 'slot' | 'bare', heirs: readonly string[]): void {
  const { settings, now } = pass;
  const from = boundNode(orphan) ?? '';
  // Nothing is won by ending what its node may yet go on with, while no other node takes it: a slot is given back to its original, a bare pod would be lost for ever.
  if (heirs.length === 0 && (kind === 'bare' || lossOf(pass.view, from) === 'unready')) {
    pass.decisions.push({ do: 'wake', key: orphan.key, at: now.monotonic + settings.noHeirMs });
    return;
  }
  if (heirs.some((heir) => inFlightOn(pass, heir) >= settings.inFlight)) {
    pass.decisions.push({ do: 'wake', key: orphan.key, at: now.monotonic + settings.escalationMs });
    return;
  }
  move(pass, orphan, kind, undefined, `${lossText(pass.view, from)} and no heir took it`);
}

function move(pass: Pass, orphan: DesiredObject, kind: 'slot' | 'bare', binding: Binding | undefined, reason: string): boolean {
  const { view, now } = pass;
  const moved = kind === 'slot' ? moveSlotPod(view, orphan, binding, now) : moveBarePod(orphan, binding, now);
  if (moved === undefined) return false;
  const mutations: Mutation[] = moved.mutations;
  pass.decisions.push({ do: 'write', mutations, reason });
  const about = asPod(orphan);
  const message = `${reason}: ${moved.name} replaces ${podName(orphan)}`;
  pass.decisions.push({ do: 'event', event: { about, type: 'Warning', reason: 'TakenOver', message, component: 'kith' } });
  return true;
}

/** Where a majority of the members is not to be seen, a copy that may run at most once would not be granted its lease (core/leases): it stays where it is. */
function mayWin(view: ClusterIndex, lost: string): boolean {
  const member = view.memberOfNode(lost);
  if (isMajority(view.membersSeen, view.membersKnown)) return true;
  // Of two one is enough where a person says that the other is off.
  return view.membersKnown === 2 && member !== undefined && isConfirmedDead(view, member.peer, member.incarnation);
}

function adviceOf(view: ClusterIndex, lost: string): string {
  if (view.membersKnown > 2) return 'Bring more of them back, or annotate the workload with kith.dev/partition=any';
  return `If the other host is really off, say so: kith confirm-dead ${lost}. So that of three hosts any may be lost, join a small one with --witness`;
}

function majorityEvent(view: ClusterIndex, orphan: DesiredObject): Decision {
  const message = `${lossText(view, boundNode(orphan) ?? '')}; the pod may run only where a majority of the members is (kith.dev/partition), and ${view.membersSeen} of ${view.membersKnown} are here. ${adviceOf(view, boundNode(orphan) ?? 'NODE')}`;
  return { do: 'event', event: { about: orphan.object, type: 'Warning', reason: 'WaitingForMajority', message, component: 'kith' } };
}
