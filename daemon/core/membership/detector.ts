/**
 * The failure detector: who is alive. A reducer over what is heard and the time; what it decides, `daemon/peer/liveness.ts` carries out. It never reads a clock, never
 * accuses while it doubts itself, and never lets second-hand news be passed on as first-hand.
 *
 * After SWIM (Das, Gupta, Motivala, 2002) and Lifeguard (arXiv:1707.00788), with beats instead of round-robin pings.
 */
import type { AboutAnswer } from '../../../protocol/liveness.ts';
import type { MemberState } from '../cluster/view.ts';
import type { Now } from '../decisions.ts';
import type { Candidates } from '../election/election.ts';
import { contestedToo, died, heard, minted, opinion, unanswered } from './evidence.ts';
import { askHearsay, doubt } from './hearsay.ts';
import { callRest, endIsolation, presumeRest, unpresumed } from './isolation.ts';
import { observedBy, observersOf } from './rendezvous.ts';
import { judgeSilence } from './silence.ts';
import type { DetectorDecision, DetectorEvent, DetectorState, DetectorStep, PeerTrack } from './state.ts';
import { declaredIncarnation, isDeclared, lastSign, NEVER, withPeer } from './state.ts';
import { isIsolated } from './verdict.ts';
import { PeerTracks } from './tracks.ts';

export function reduceDetector(state: DetectorState, event: DetectorEvent, now: Now): DetectorStep {
  const step = apply(state, event, now);
  if (step.decisions.length === 0 && event.type !== 'members') return step;
  // Who observes whom follows from who is not declared dead. Those presumed dead still get beats, by which they hear that we are back.
  const isDead = (detector: DetectorState, peer: string): boolean => {
    const track = detector.peers.get(peer);
    return track !== undefined && isDeclared(track);
  };
  const regroup = step.decisions.some(
    (decision) => decision.do === 'changed' && isDead(state, decision.peer) !== isDead(step.state, decision.peer),
  );
  return regroup || event.type === 'members' ? { state: assignObservers(step.state, now.monotonic), decisions: step.decisions } : step;
}

function apply(state: DetectorState, event: DetectorEvent, now: Now): DetectorStep {
  switch (event.type) {
    case 'members':
      return setMembers(state, event.members, now.monotonic);
    case 'tick':
      return tick(state, event.lagMs, now);
    case 'heard':
      return heardFrom(state, event, now.monotonic);
    case 'kernel':
      return about(state, event.peer, (track) =>
        event.answer === 'silent'
          ? { state, decisions: [] }
          : { state: withPeer(state, { ...track, kernel: { answer: event.answer, at: event.at } }), decisions: [] },
      );
    case 'opinion':
      return opinion(state, event.from, event.about, event.answer, now.monotonic);
    case 'unanswered':
      return unanswered(state, event.from, event.about, now.monotonic);
    case 'death':
      return event.record.peerId === state.self
        ? refute(state, event.record.incarnation, 'declared dead', now.monotonic)
        : died(state, event.record, now.monotonic);
    case 'incarnation':
      if (event.peer === state.self) return known(state, event.incarnation, now.monotonic);
      return about(state, event.peer, (track) => minted(state, track, event.incarnation, now.monotonic));
    case 'doubted':
      return about(state, event.peer, (track) => doubt(state, track, now.monotonic));
    case 'accused':
      return refute(state, event.incarnation, `suspected by ${event.by}`, now.monotonic);
    case 'known':
      return known(state, event.incarnation, now.monotonic);
  }
}

function heardFrom(state: DetectorState, event: DetectorEvent & { type: 'heard' }, now: number): DetectorStep {
  const track = state.peers.get(event.peer);
  if (track === undefined) return { state, decisions: [] };
  const step = heard(state, track, event.at, event.incarnation, now);
  if (now - track.directAt < state.settings.suspectAfterMs || !isIsolated(state, now) || isIsolated(step.state, now)) return step;
  const ended = endIsolation(step.state, now);
  return { state: ended.state, decisions: [...step.decisions, ...ended.decisions] };
}

function about(state: DetectorState, peer: string, change: (track: PeerTrack) => DetectorStep): DetectorStep {
  const track = state.peers.get(peer);
  return track ? change(track) : { state, decisions: [] };
}

function setMembers(state: DetectorState, members: readonly { peer: string; node: string }[], now: number): DetectorStep {
  const tracks: PeerTrack[] = [];
  const decisions: DetectorDecision[] = [];
  for (const { peer, node } of members) {
    if (peer === state.self) continue;
    const before = state.peers.get(peer);
    tracks.push(before ? { ...before, node } : newTrack(peer, node, now));
    if (!before) decisions.push({ do: 'changed', peer, state: 'suspected', reason: 'a member that was not heard yet' });
  }
  const peers = PeerTracks.of(tracks);
  for (const { peer } of state.peers.values()) {
    if (!peers.has(peer)) decisions.push({ do: 'changed', peer, state: 'removed', reason: 'no member any more' });
  }
  return { state: { ...state, peers }, decisions };
}

/** Not heard yet: nothing is to be placed on it, and nothing is taken from it. */
function newTrack(peer: string, node: string, now: number): PeerTrack {
  return {
    peer,
    node,
    incarnation: 0,
    state: 'suspected',
    since: now,
    observed: false,
    seen: false,
    countFrom: now,
    directAt: -Infinity,
    relayedAt: -Infinity,
    kernel: undefined,
    relayedKernel: undefined,
    asked: NEVER,
    round: undefined,
    death: undefined,
    hearsay: false,
    doubtedAt: -Infinity,
    contested: undefined,
    declaredHere: false,
    presumed: false,
  };
}

function assignObservers(state: DetectorState, now: number): DetectorState {
  const living = [...state.peers.values()].filter((track) => !isDeclared(track)).map((track) => track.peer);
  const ours = observedBy(state.self, living, state.settings.maxObservers);
  const tracks = state.peers.values().map((track): PeerTrack => {
    const observed = ours.has(track.peer);
    if (observed === track.observed) return track;
    // A new observer has heard nothing yet; who was seen before counts as heard now.
    const countFrom = observed && track.seen ? now : track.countFrom;
    const handedOver = !observed && track.seen && track.state === 'suspected';
    const given = !observed && track.presumed ? unpresumed(track, now) : { ...track, countFrom };
    return { ...given, observed, round: undefined, ...(handedOver ? { state: 'alive', since: now } : {}) };
  });
  return { ...state, peers: PeerTracks.of(tracks), grouping: state.grouping + 1 };
}

function tick(state: DetectorState, lagMs: number, now: Now): DetectorStep {
  let next = lagMs >= state.settings.stalledLagMs ? forgive({ ...state, lagMs }, now.monotonic) : { ...state, lagMs };
  const decisions: DetectorDecision[] = [];
  for (const track of state.peers.near()) {
    const current = next.peers.get(track.peer);
    if (current === undefined || isDeclared(current)) continue;
    const step = current.observed ? judgeSilence(next, current, now) : presumeAlive(next, current, now.monotonic);
    if (step.track !== current) next = withPeer(next, step.track);
    decisions.push(...step.decisions);
  }
  const called = callRest(next, now.monotonic);
  const presumed = presumeRest(called.state, now);
  const believed = contestedToo(presumed.state, now.monotonic);
  const asked = askHearsay(believed.state, now);
  decisions.push(...called.decisions, ...presumed.decisions, ...believed.decisions, ...asked.decisions);
  return { state: asked.state, decisions };
}

/** We were away, not they: everybody's silence counts anew. */
function forgive(state: DetectorState, now: number): DetectorState {
  const tracks = state.peers.values().map((track) => (track.seen ? { ...track, countFrom: now, round: undefined } : track));
  return { ...state, peers: PeerTracks.of(tracks), graceUntil: now + state.settings.stalledGraceMs };
}

function presumeAlive(state: DetectorState, track: PeerTrack, now: number): { track: PeerTrack; decisions: DetectorDecision[] } {
  if (track.state !== 'suspected' || now - track.countFrom < state.settings.presumeAliveMs) return { track, decisions: [] };
  const reason = 'none of its observers calls it dead';
  return { track: { ...track, state: 'alive', since: now }, decisions: [{ do: 'changed', peer: track.peer, state: 'alive', reason }] };
}

function refute(state: DetectorState, accused: number, reason: string, now: number): DetectorStep {
  if (accused < state.incarnation || now - state.refutedAt < state.settings.refuteIntervalMs) return { state, decisions: [] };
  return { state: { ...state, incarnation: accused + 1, refutedAt: now }, decisions: [{ do: 'refute', incarnation: accused + 1, reason }] };
}

/** A higher incarnation of us than ours: our disk forgot it. Nobody would listen to the lower one. */
function known(state: DetectorState, incarnation: number, now: number): DetectorStep {
  if (incarnation <= state.incarnation) return { state, decisions: [] };
  return refute(state, incarnation, `known in incarnation ${incarnation}`, now);
}

/** Ourselves and every other member. */
export function memberStates(state: DetectorState, startedAt: number): MemberState[] {
  const self: MemberState = { peer: state.self, state: 'alive', since: startedAt, incarnation: state.incarnation };
  const others = [...state.peers.values()].map((track): MemberState => {
    const member = { peer: track.peer, state: track.state, since: track.since, incarnation: track.incarnation };
    if (track.death === undefined) return member;
    return { ...member, death: track.death, ...(track.hearsay ? { hearsay: true } : {}) };
  });
  return [self, ...others];
}

/** The incarnation of the peer that we suspect or hold dead, or that others do though we hear it, to tell it. */
export function accusedIncarnation(state: DetectorState, peer: string): number | undefined {
  const track = state.peers.get(peer);
  if (track === undefined) return undefined;
  const declared = declaredIncarnation(track) ?? track.contested?.record.incarnation;
  return declared ?? (track.state === 'suspected' && track.seen ? track.incarnation : undefined);
}

/** Whom our beats go to. */
export function ownObservers(state: DetectorState): string[] {
  const living = [...state.peers.values()].filter((track) => !isDeclared(track)).map((track) => track.peer);
  return observersOf(state.self, living, state.settings.maxObservers);
}

/** What our beats accuse: suspects, and those that others or we hold for dead and that we hear. The longest silent last, at most `limit`. */
export function accusations(state: DetectorState, now: number, limit: number): { peer: string; incarnation: number }[] {
  const isHeard = ({ directAt }: PeerTrack): boolean => now - directAt < state.settings.suspectAfterMs;
  const isAccused = (track: PeerTrack): boolean =>
    track.state === 'suspected' || ((track.death ?? track.contested) !== undefined && isHeard(track));
  return state.peers
    .near()
    .filter((track) => track.seen && isAccused(track))
    .sort((left, right) => lastSign(right) - lastSign(left))
    .slice(0, limit)
    .map(({ peer, incarnation }) => ({ peer, incarnation }));
}

/** What we tell others that ask about a peer: first-hand knowledge only. */
export function firstHand(state: DetectorState, peer: string, now: number): AboutAnswer {
  const track = state.peers.get(peer);
  const heardAgoMs = track && track.directAt > -Infinity ? Math.max(0, Math.round(now - track.directAt)) : null;
  const kernel = track?.kernel ? { answer: track.kernel.answer, agoMs: Math.max(0, Math.round(now - track.kernel.at)) } : null;
  return { type: 'about', incarnation: track?.incarnation ?? 0, heardAgoMs, kernel };
}

/** Whether somebody whom we watch has just missed a beat, so that it is worth looking more often. */
export function isAlert(state: DetectorState, now: number): boolean {
  for (const track of state.peers.near()) {
    if (track.observed && track.seen && track.state !== 'dead' && now - lastSign(track) >= state.settings.missedAfterMs) return true;
  }
  return false;
}

/** What the election needs to know. `followed` is gone, too, when it is no member. */
export function candidatesFrom(state: DetectorState, followed: string): Candidates {
  const silentSince = new Map<string, number>();
  const gone = new Set<string>();
  for (const track of state.peers.near()) {
    if (track.state === 'dead') gone.add(track.peer);
    else if (track.state === 'suspected') silentSince.set(track.peer, lastSign(track));
  }
  if (followed !== '' && followed !== state.self && !state.peers.has(followed)) gone.add(followed);
  return { live: () => [state.self, ...livePeers(state)], silentSince, gone, alone: state.peers.size === 0 };
}

function livePeers({ peers }: DetectorState): string[] {
  return peers
    .values()
    .filter(({ state, seen }) => state === 'alive' && seen)
    .map(({ peer }) => peer);
}
