/**
 * A peer that hears nobody, of two or more others. Most likely it is itself that is cut off, so it takes longer for its verdicts, and keeps them to itself: whom it can not
 * hear is *presumed* dead here, so that this side of a cut goes on (heirs wait, see `core/heirs`), but no death record says so. When it hears somebody again, the time in
 * which it heard nobody tells nothing of the others: their silence counts anew, and only who stays silent then is declared dead.
 */
import type { Silence } from '../../../protocol/observed.ts';
import type { Now } from '../decisions.ts';
import type { DetectorDecision, DetectorState, DetectorStep, PeerTrack } from './state.ts';
import { isDeclared } from './state.ts';
import { deathRecord, isIsolated } from './verdict.ts';

/** Dead as far as this peer can tell, which hears nobody: nobody is told. */
export function presume(state: DetectorState, track: PeerTrack, how: Silence, now: Now): PeerTrack {
  return { ...track, state: 'dead', since: now.monotonic, death: deathRecord(state, track, how, now), presumed: true, round: undefined };
}

/** Whom others observe is lost, too, for a peer that lost all whom it observes itself: it must not take itself for the majority. */
export function presumeRest(state: DetectorState, now: Now): DetectorStep {
  const isLost = state.peers.near().some((track) => track.observed && track.presumed) && isIsolated(state, now.monotonic);
  const { answeredMs } = state.settings;
  const isThere = ({ directAt }: PeerTrack): boolean => now.monotonic - directAt < answeredMs;
  const rest = isLost ? state.peers.values().filter((track) => !track.observed && track.state !== 'dead' && !isThere(track)) : [];
  if (rest.length === 0) return { state, decisions: [] };
  let { peers } = state;
  const decisions: DetectorDecision[] = [];
  for (const track of rest) {
    peers = peers.with(presume(state, track, 'unseen', now));
    decisions.push({ do: 'changed', peer: track.peer, state: 'dead', reason: 'presumed: this peer hears none of those that it observes' });
  }
  return { state: { ...state, peers }, decisions };
}

/**
 * None of those that it observes is heard: of many members others may be, who are on the same side of a cut and observe each other as little. They are called, each the others,
 * and so know who is there.
 */
export function callRest(state: DetectorState, now: number): DetectorStep {
  const { suspectAfterMs, callIntervalMs, wideCalls, answeredMs } = state.settings;
  const observed = state.peers.near().filter((track) => track.observed && !isDeclared(track));
  const isLost = observed.some(({ seen }) => seen) && observed.every(({ directAt }) => now - directAt >= suspectAfterMs);
  if (!isLost) return { state: state.calls === 0 ? state : { ...state, calls: 0 }, decisions: [] };
  if (now - state.calledAt < callIntervalMs) return { state, decisions: [] };
  const isWide = state.calls < wideCalls || state.calls % (2 * wideCalls) === 0;
  const decisions = state.peers
    .values()
    .filter((track) => !track.observed && !isDeclared(track) && (isWide || now - track.directAt < answeredMs))
    .map(({ peer }): DetectorDecision => ({
      do: 'probe',
      peer,
      via: 'datagram',
      reason: 'none of those that this peer observes is heard',
    }));
  return { state: { ...state, calls: state.calls + 1, calledAt: now }, decisions };
}

/** Somebody is heard again: the others get as much time as after a stall of our own. */
export function endIsolation(state: DetectorState, now: number): DetectorStep {
  let { peers } = state;
  const decisions: DetectorDecision[] = [];
  let forgiven = false;
  for (const track of state.peers.values()) {
    if (!deservesChance(state, track, now)) continue;
    forgiven = true;
    const anew: PeerTrack = { ...track, countFrom: now, round: undefined };
    // Of those that others observe, these will tell.
    if (!track.presumed || track.observed) peers = peers.with(anew);
    else {
      peers = peers.with(unpresumed(track, now));
      decisions.push({ do: 'changed', peer: track.peer, state: 'suspected', reason: 'others are heard again' });
    }
  }
  if (!forgiven) return { state, decisions: [] };
  return { state: { ...state, peers, graceUntil: now + state.settings.stalledGraceMs }, decisions };
}

/** Presumed dead, and now others observe it. */
export function unpresumed(track: PeerTrack, now: number): PeerTrack {
  return { ...track, state: 'suspected', since: now, countFrom: now, presumed: false, death: undefined, round: undefined };
}

/** Bounded, so that a path which comes and goes does not keep a dead peer for ever. Who is presumed dead is kept alive by nothing. */
function deservesChance({ settings }: DetectorState, track: PeerTrack, now: number): boolean {
  if (isDeclared(track)) return false;
  if (track.presumed) return true;
  const silentMs = now - Math.max(track.directAt, track.relayedAt);
  return track.seen && silentMs >= settings.missedAfterMs && silentMs < settings.muteDeadMs;
}
