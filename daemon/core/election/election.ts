/**
 * Who leads: an accelerator, never a mutex. No votes: whoever is first in rank announces the next term, the greatest term wins everywhere, ties go to the lowest peer
 * id. Two sides of a cut have one leader each; after the heal the greater term is followed and the other steps down. Terms are not persisted: a starting peer listens
 * first, and one that knows too low a term is answered with the greater one.
 */
import type { LeaderAnnouncement, LivenessSettings } from '../../../protocol/liveness.ts';
import type { LeaderView } from '../cluster/view.ts';
import { rankByRendezvous } from '../membership/rendezvous.ts';

export interface ElectionState {
  readonly self: string;
  readonly settings: LivenessSettings;
  /** Monotonic ms; `Infinity` before the start. */
  readonly startedAt: number;
  /** Whether this peer has a full state: one without never leads. */
  readonly eligible: boolean;
  /** The greatest heard of; a `leader` of '' is none in that term. */
  readonly term: number;
  readonly leader: string;
  /** Since when we follow it, monotonic ms. */
  readonly followedAt: number;
  readonly candidates: Candidates;
  /** When we stand for the next term, unless somebody else did; and why. */
  readonly standing: { readonly at: number; readonly forTerm: number; readonly reason: string } | undefined;
  readonly announcedAt: number;
}

/** What the detector believes. */
export interface Candidates {
  /** Peers heard since our start and not suspected, ourselves included. Asked for by who stands for a term: seldom. */
  live(): readonly string[];
  /** Since when (monotonic ms) those that are suspected are silent. */
  readonly silentSince: ReadonlyMap<string, number>;
  /** Declared dead, or no members. Whoever is in none of the three may live. */
  readonly gone: ReadonlySet<string>;
  /** There is no other member: nobody to listen to. */
  readonly alone: boolean;
}

export type ElectionEvent =
  /** `from` said it of what it believes itself, or with `relayed` passed on what another said. */
  | { type: 'heard'; from: string; relayed: boolean; announcement: LeaderAnnouncement }
  | { type: 'candidates'; candidates: Candidates }
  | { type: 'eligible'; eligible: boolean }
  | { type: 'tick' };

export type ElectionDecision =
  /** Tell everybody; the state says whom. */
  | { do: 'announce'; announcement: LeaderAnnouncement; reason: string }
  /** Whom we follow is another. */
  | { do: 'follow'; leader: LeaderView; reason: string };

export interface ElectionStep {
  readonly state: ElectionState;
  readonly decisions: ElectionDecision[];
}

export function initialElection(self: string, settings: LivenessSettings, now: number): ElectionState {
  const candidates: Candidates = { live: () => [self], silentSince: new Map(), gone: new Set(), alone: false };
  const nobody = { term: 0, leader: '', followedAt: -Infinity };
  return { self, settings, startedAt: now, eligible: false, ...nobody, candidates, standing: undefined, announcedAt: -Infinity };
}

export function leaderView(state: ElectionState): LeaderView {
  const isSelf = state.leader === state.self;
  // Named by others from before our restart, we do not lead until we have announced a term in this life.
  if (isSelf && state.announcedAt === -Infinity) return { term: state.term, peer: '', isSelf: false };
  return { term: state.term, peer: state.leader, isSelf };
}

export function reduceElection(state: ElectionState, event: ElectionEvent, now: number): ElectionStep {
  switch (event.type) {
    case 'heard':
      return hear(state, event, now);
    case 'candidates':
      return advance({ ...state, candidates: event.candidates }, now);
    case 'eligible':
      return setEligible(state, event.eligible, now);
    case 'tick':
      return advance(state, now);
  }
}

function hear(state: ElectionState, event: ElectionEvent & { type: 'heard' }, now: number): ElectionStep {
  const { from, announcement: heard } = event;
  if (beats(heard, state)) {
    const next: ElectionState = { ...state, term: heard.term, leader: heard.leader, followedAt: now, standing: undefined };
    const reason = `${from} says that ${heard.leader} leads term ${heard.term}`;
    return { state: next, decisions: [{ do: 'follow', leader: leaderView(next), reason }] };
  }
  // The leader itself says that it does not lead, having stepped down or started anew: no need to wait for its silence.
  if (from === state.leader && heard.leader === '' && (heard.term === state.term || (!event.relayed && !mayBeOld(state, heard, now)))) {
    const next: ElectionState = { ...state, leader: '' };
    return withFirst({ do: 'follow', leader: leaderView(next), reason: `${from} stepped down` }, advance(next, now));
  }
  return { state, decisions: [] };
}

/** Said before it stood, and overtaken by its announcement: its beats are handed over in batches. Who started anew says it again. */
function mayBeOld({ term, followedAt, settings }: ElectionState, heard: LeaderAnnouncement, now: number): boolean {
  return heard.term < term && now - followedAt < settings.missedAfterMs;
}

/** Greatest term first, then the lowest peer id; no leader at all beats nobody. */
function beats(heard: LeaderAnnouncement, state: ElectionState): boolean {
  if (heard.leader === '' || heard.term < state.term) return false;
  return heard.term > state.term || (state.leader !== '' && heard.leader < state.leader);
}

function setEligible(state: ElectionState, eligible: boolean, now: number): ElectionStep {
  if (eligible || state.leader !== state.self) return advance({ ...state, eligible }, now);
  const next: ElectionState = { ...state, eligible, leader: '' };
  const reason = 'this peer no longer holds the whole state';
  return {
    state: next,
    decisions: [
      { do: 'follow', leader: leaderView(next), reason },
      { do: 'announce', announcement: { term: next.term, leader: '' }, reason },
    ],
  };
}

function advance(state: ElectionState, now: number): ElectionStep {
  const lost = lossOf(state, now);
  if (lost === undefined) return repeat({ ...state, standing: undefined }, now);
  const listens = !state.candidates.alone && now - state.startedAt < state.settings.electionListenMs;
  if (!state.eligible || listens) return { state: { ...state, standing: undefined }, decisions: [] };
  const standing = state.standing?.forTerm === state.term + 1 ? state.standing : stand(state, lost, now);
  if (now < standing.at) return { state: { ...state, standing }, decisions: [] };
  const next: ElectionState = { ...state, term: standing.forTerm, leader: state.self, standing: undefined, announcedAt: now };
  return {
    state: next,
    decisions: [
      { do: 'follow', leader: leaderView(next), reason: standing.reason },
      { do: 'announce', announcement: { term: next.term, leader: next.leader }, reason: standing.reason },
    ],
  };
}

/** Why there is nobody to follow, or undefined. */
function lossOf(state: ElectionState, now: number): string | undefined {
  const { leader, candidates, settings } = state;
  if (leader === '') return 'no leader is known';
  // Named by others from before our restart: we take up the role again only as a new term.
  if (leader === state.self) return state.announcedAt > -Infinity ? undefined : 'others still follow our former self';
  if (candidates.gone.has(leader)) return `leader ${leader} is dead`;
  const since = candidates.silentSince.get(leader);
  if (since !== undefined && now - since >= settings.leaderLostMs) return `leader ${leader} is silent for ${Math.round(now - since)} ms`;
  return undefined;
}

function stand(state: ElectionState, reason: string, now: number): NonNullable<ElectionState['standing']> {
  const forTerm = state.term + 1;
  const ranked = rankByRendezvous(`term ${forTerm}`, new Set([state.self, ...state.candidates.live()]));
  const steps = Math.min(ranked.indexOf(state.self), state.settings.maxCandidateSteps);
  return { at: now + steps * state.settings.candidateStepMs, forTerm, reason };
}

/** Announcements get lost; beats reach observers only. */
function repeat(state: ElectionState, now: number): ElectionStep {
  if (state.leader !== state.self || now - state.announcedAt < state.settings.announceIntervalMs) return { state, decisions: [] };
  const announcement = { term: state.term, leader: state.leader };
  return {
    state: { ...state, announcedAt: now },
    decisions: [{ do: 'announce', announcement, reason: 'repeated: announcements get lost' }],
  };
}

function withFirst(decision: ElectionDecision, step: ElectionStep): ElectionStep {
  return { state: step.state, decisions: [decision, ...step.decisions] };
}
