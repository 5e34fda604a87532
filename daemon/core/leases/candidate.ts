/**
 * One pod's way to its lease, and how it keeps it. First it asks whether a majority would grant it (a round that promises nothing, so that who can't win disturbs
 * nobody), then for the votes themselves, then again every renewMs. Its deadline counts from when the round was sent. What a round came to late counts for nothing.
 */
import {
  majorityOf,
  TERMS_PER_ELECTORATE,
  type Electorate,
  type LeaseSettings,
  type Verdict,
  type VoteRequest,
} from '../../../protocol/leases.ts';

export interface Candidacy {
  readonly resource: string;
  /** Uid. */
  readonly pod: string;
  /** Of the lease that is or was held; 0: none yet. A copy that starts bears it as its token. */
  readonly term: number;
  /** End of the lease on the holder's clock. Undefined: it holds none. */
  readonly heldUntil?: number;
  /** The greatest term heard of or asked for. */
  readonly seenTerm: number;
  /** Its lease is over: it asks for nothing more. Whoever finds no process left begins a new candidacy. */
  readonly lost: boolean;
  /** Number of the last round. */
  readonly rounds: number;
  /** When the next round opens. */
  readonly nextAt: number;
  readonly round?: Round;
  /** Why the last round failed, for people. */
  readonly refusal?: Refusal;
}

export interface Round {
  readonly number: number;
  readonly dry: boolean;
  readonly term: number;
  readonly sentAt: number;
  readonly electorate: Electorate;
  readonly granted: readonly string[];
  readonly refused: readonly string[];
  /** Of those that refused: because another holds it. */
  readonly held: number;
}

/** How many of the electors granted, refused, and refused because another holds it; the others did not answer. */
export interface Refusal {
  electors: number;
  granted: number;
  refused: number;
  held: number;
}

export type CandidateDecision =
  | { do: 'ask'; round: Round; vote: VoteRequest; to: readonly string[] }
  /** Gives votes back that won nothing. */
  | { do: 'release'; release: VoteRequest; to: readonly string[] };

export interface CandidateStep {
  candidacy: Candidacy;
  decisions: CandidateDecision[];
}

export interface CandidateWorld {
  electorate: Electorate;
  /** On the holder's clock, ms. */
  now: number;
  settings: LeaseSettings;
  /** Uniform in [0, 1). */
  chance: number;
}

/** @param rounds numbers of rounds that earlier candidacies here have used: a late answer to one of theirs must not count */
export function newCandidacy(resource: string, pod: string, now: number, rounds: number): Candidacy {
  return { resource, pod, term: 0, seenTerm: 0, lost: false, rounds, nextAt: now };
}

/** The lease of a pod that an earlier run of this daemon held, as the guard knows it. */
export function resumedCandidacy(resource: string, pod: string, term: number, heldUntil: number, now: number): Candidacy {
  return { ...newCandidacy(resource, pod, now, 0), term, seenTerm: term, heldUntil };
}

export function isHeld({ heldUntil, lost }: Candidacy, now: number): boolean {
  return !lost && heldUntil !== undefined && now < heldUntil;
}

/** Opens rounds and ends them, as time goes. */
export function tickCandidate(before: Candidacy, world: CandidateWorld): CandidateStep {
  const { now, settings, electorate } = world;
  if (before.lost) return { candidacy: before, decisions: [] };
  // Its processes may be dying still, so nothing is given back here.
  if (before.heldUntil !== undefined && now >= before.heldUntil) return { candidacy: lose(before), decisions: [] };
  let candidacy = before;
  const decisions: CandidateDecision[] = [];
  const { round } = candidacy;
  if (round !== undefined && (now >= round.sentAt + settings.roundMs || round.electorate.version !== electorate.version)) {
    const ended = endRound(candidacy, round, world);
    candidacy = ended.candidacy;
    decisions.push(...ended.decisions);
  }
  if (candidacy.round !== undefined || now < candidacy.nextAt || electorate.version === 0) return { candidacy, decisions };
  const opened = openRound(candidacy, candidacy.heldUntil === undefined, world);
  return { candidacy: opened.candidacy, decisions: [...decisions, ...opened.decisions] };
}

/** @param number of the round that the answer is to */
export function takeVerdict(before: Candidacy, number: number, from: string, verdict: Verdict, world: CandidateWorld): CandidateStep {
  const { round } = before;
  if (before.lost || round === undefined || round.number !== number) return { candidacy: before, decisions: [] };
  if (!round.electorate.members.includes(from) || round.granted.includes(from) || round.refused.includes(from))
    return { candidacy: before, decisions: [] };
  const counted: Round = verdict.granted
    ? { ...round, granted: [...round.granted, from] }
    : { ...round, refused: [...round.refused, from], held: round.held + (verdict.why === 'held' ? 1 : 0) };
  const candidacy = { ...before, seenTerm: Math.max(before.seenTerm, verdict.term), round: counted };
  const electors = round.electorate.members.length;
  if (counted.granted.length >= majorityOf(electors)) return win(candidacy, counted, world);
  if (candidacy.heldUntil !== undefined && counted.held >= majorityOf(electors)) return { candidacy: lose(candidacy), decisions: [] };
  return counted.refused.length > electors - majorityOf(electors) ? endRound(candidacy, counted, world) : { candidacy, decisions: [] };
}

function win(candidacy: Candidacy, round: Round, world: CandidateWorld): CandidateStep {
  const { now, settings } = world;
  if (round.dry) return openRound(candidacy, false, world);
  const heldUntil = round.sentAt + settings.leaseMs;
  // The votes came too late to be a lease; one that it had before is over, too.
  if (now >= heldUntil)
    return candidacy.heldUntil === undefined ? endRound(candidacy, round, world) : { candidacy: lose(candidacy), decisions: [] };
  // Who answers later has granted all the same; nothing hangs on it.
  const held = { ...candidacy, term: round.term, heldUntil, round: undefined, refusal: undefined };
  return { candidacy: { ...held, nextAt: Math.max(now, round.sentAt + settings.renewMs) }, decisions: [] };
}

function openRound(candidacy: Candidacy, dry: boolean, { now, electorate }: CandidateWorld): CandidateStep {
  const { resource, pod } = candidacy;
  const isRenewal = candidacy.heldUntil !== undefined && candidacy.seenTerm <= candidacy.term;
  const term = isRenewal ? candidacy.term : Math.max(candidacy.seenTerm, electorate.version * TERMS_PER_ELECTORATE) + 1;
  const rounds = candidacy.rounds + 1;
  const round: Round = { number: rounds, dry, term, sentAt: now, electorate, granted: [], refused: [], held: 0 };
  const seenTerm = dry ? candidacy.seenTerm : Math.max(candidacy.seenTerm, term);
  return {
    candidacy: { ...candidacy, rounds, seenTerm, round },
    decisions: [{ do: 'ask', round, vote: { resource, pod, term }, to: electorate.members }],
  };
}

/** The round won nothing. What it was granted is given back at once, unless a copy runs under the lease before it. */
function endRound(candidacy: Candidacy, round: Round, { now, settings, chance }: CandidateWorld): CandidateStep {
  const { resource, pod } = candidacy;
  const { granted, refused, held, electorate } = round;
  const refusal: Refusal = { electors: electorate.members.length, granted: granted.length, refused: refused.length, held };
  const holds = candidacy.heldUntil !== undefined;
  const nextAt = now + (holds ? settings.retryMs / 4 : settings.retryMs * (1 + chance));
  const ended = { ...candidacy, round: undefined, refusal, nextAt };
  if (round.dry || holds) return { candidacy: ended, decisions: [] };
  return { candidacy: ended, decisions: [{ do: 'release', release: { resource, pod, term: round.term }, to: electorate.members }] };
}

function lose(candidacy: Candidacy): Candidacy {
  return { ...candidacy, lost: true, heldUntil: undefined, round: undefined };
}
