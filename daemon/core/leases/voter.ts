/**
 * What runs at most once: leases by votes, as in PaxosLease (Trencseni, Gazso, Reinhardt: arXiv:1209.4187), with an electorate that changes one member at a time. This
 * room decides; it reads no clock and sends nothing. It must never grant on what it does not remember.
 *
 * Why no two copies run at once. A *lease* is a round of requests, sent at s on the holder's clock, that a majority of one electorate granted; it ends on that clock at
 * s + leaseMs, and the last process is gone killMs of true time later. A voter that granted at g (it handled the request after it was sent: s <= g in true time)
 * grants to nobody else before g + withholdMs on its own clock, unless the holder itself said that no process is left, or a person that the host is off.
 *
 * 1. One electorate. Two majorities have a voter in common; it granted both. Between the two lie withholdMs on its clock: withholdMs / (1 + drift) of true time at
 *    least, and the first lease with its kill took leaseMs / (1 - drift) + killMs at most, which is less (test/protocol/leases.test.ts). Terms are not needed for it: they
 *    number the leases (fencing) and void what was delayed.
 * 2. Versions v and v + 1. They differ by one member, so their majorities have a voter in common as well; and once it granted in v + 1, it refuses v.
 * 3. Versions v and v + 2 or later. A majority Q of v + 1 decided v + 2, each settleMs after it had learned v + 1 and begun to refuse v. Every majority of v has a member
 *    in Q, so the last lease of v was granted before, and is over by then.
 * 4. One decision a version. Single-decree Paxos among the members of the version before (acceptor.ts); what it decided is never decided otherwise.
 * 5. A restart. Terms, holders, promises and the electorate are on disk before the answer leaves; times are not. A restarted voter takes every grant for renewed at its
 *    start, and its electorate for learned then: it withholds too long, never too short. So it needs no boot id, and a renewal needs no fsync.
 * 6. A person's word. Of two electors, a and b, a alone may decide that it is the electorate from now on (bereaved.ts): when a person says that b's host is off; b has
 *    answered as a voter of these two in this run of a; and a has accepted nothing else. Leases: those of the two took a's vote; b refused older ones from its
 *    answer on, so settleMs later they are over. Nothing else is decided: that takes both, or b alone. For that b would have to have gone on alone after its answer,
 *    since it answered in this electorate. But the request that it answered named a's incarnation, so that it takes a word about that one, which is running.
 * 7. Tokens. A token is the term of the lease under which a copy started. In one electorate and the next it grows by the common voter; over more by
 *    TERMS_PER_ELECTORATE.
 *
 * Assumed: clocks drift less than 1 %; a peer's disk does not go back in time; the holder's guard lives (docs/at-most-one.md says what that means).
 */
import type { Electorate, LeaseAnswer, LeaseSettings, Verdict, VoteRequest, Ballot } from '../../../protocol/leases.ts';
import { forgetFree } from './forgetting.ts';

/** What a voter granted last of one resource. */
export interface Grant {
  term: number;
  /** Uid of the pod. */
  pod: string;
  /** Peer id of its node. */
  node: string;
  incarnation: number;
  /** When, on this voter's clock. Not on disk: after a restart it is the start. */
  at: number;
  /** The holder gave it back. */
  released: boolean;
}

export interface VoterState {
  readonly self: string;
  readonly electorate: Electorate;
  /** On this voter's clock. After a restart it is the start. */
  readonly learnedAt: number;
  /** For the version after `electorate`. */
  readonly promised?: Ballot;
  readonly accepted?: { ballot: Ballot; members: readonly string[] };
  /** Terms of resources that were forgotten are at most this. */
  readonly floor: number;
  readonly grants: ReadonlyMap<string, Grant>;
}

/** Nobody votes before the first electorate is known. */
export const NO_ELECTORATE: Electorate = { version: 0, members: [] };

export function initialVoter(self: string, now: number): VoterState {
  return { self, electorate: NO_ELECTORATE, learnedAt: now, floor: 0, grants: new Map() };
}

/** A voter whose memory comes from its disk: it does not know what it granted, or renewed, a moment before it ended. */
export function restartedVoter(state: VoterState, now: number): VoterState {
  const grants = new Map([...state.grants].map(([resource, grant]) => [resource, { ...grant, at: now }]));
  return { ...state, learnedAt: now, grants };
}

export interface VoterStep {
  state: VoterState;
  answer: LeaseAnswer;
  /** The state must be on disk before the answer leaves. */
  persist: boolean;
}

/** A person said that this incarnation of the node is off. */
export type IsConfirmedDead = (node: string, incarnation: number) => boolean;

export interface Ballots {
  from: string;
  version: number;
  incarnation: number;
  dry: boolean;
  votes: readonly VoteRequest[];
}

export function vote(state: VoterState, request: Ballots, now: number, settings: LeaseSettings, isDead: IsConfirmedDead): VoterStep {
  const refusal = refuseVersion(state, request.version);
  if (refusal !== undefined) return { state, answer: refusal, persist: false };
  const grants = new Map(state.grants);
  let persist = false;
  const isOff = isDead(request.from, request.incarnation);
  const verdicts = request.votes.map((asked): Verdict => {
    const known = grants.get(asked.resource);
    // What it is granted would be over at once, for all others.
    if (isOff) return { granted: false, term: known?.term ?? state.floor, why: 'held', leftMs: 0 };
    const verdict = judge(known, asked, request, { now, settings, isDead, floor: state.floor });
    if (!verdict.granted || request.dry) return verdict;
    const { pod, term } = asked;
    persist ||= known === undefined || known.term !== term || known.incarnation !== request.incarnation;
    grants.set(asked.resource, { term, pod, node: request.from, incarnation: request.incarnation, at: now, released: false });
    return verdict;
  });
  const answer: LeaseAnswer = { type: 'verdicts', verdicts };
  if (request.dry) return { state, answer, persist: false };
  return { state: forgetFree({ ...state, grants }, now, settings), answer, persist };
}

interface Judging {
  now: number;
  settings: LeaseSettings;
  isDead: IsConfirmedDead;
  floor: number;
}

function judge(known: Grant | undefined, asked: VoteRequest, { from, dry }: Ballots, { now, settings, isDead, floor }: Judging): Verdict {
  const term = known?.term ?? floor;
  const isOwn = known !== undefined && known.node === from && known.pod === asked.pod;
  if (known !== undefined && !isOwn && !known.released && !isDead(known.node, known.incarnation)) {
    const leftMs = Math.ceil(known.at + settings.withholdMs - now);
    if (leftMs > 0) return { granted: false, term, why: 'held', leftMs };
  }
  // Which term it will be the asker decides after it has heard a majority.
  const isNewer = asked.term > term || (asked.term === term && isOwn && !known.released);
  return dry || isNewer ? { granted: true, term } : { granted: false, term, why: 'term', leftMs: 0 };
}

/** A term that was given back is never granted again, though its request may still be on the way. */
export function release(state: VoterState, from: string, releases: readonly VoteRequest[]): VoterStep {
  const grants = new Map(state.grants);
  let persist = false;
  for (const { resource, pod, term } of releases) {
    const known = grants.get(resource);
    if (known === undefined || known.released || known.node !== from || known.pod !== pod || known.term > term) continue;
    grants.set(resource, { ...known, term, released: true });
    persist = true;
  }
  return { state: { ...state, grants }, answer: { type: 'done' }, persist };
}

/** Why a request that counts on this electorate can't be taken. */
export function refuseVersion(state: VoterState, version: number): LeaseAnswer | undefined {
  const { electorate, self } = state;
  if (version < electorate.version) return { type: 'newer', electorate };
  if (version > electorate.version) return { type: 'behind', version: electorate.version };
  return electorate.members.includes(self) ? undefined : { type: 'stranger' };
}
