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
  const rest = isLost ? state.peers.values().filter((track) => !track.observed && track.state !== 'dead') : [];
  if (rest.length === 0) return { state, decisions: [] };
  let { peers } = state;
  const decisions: DetectorDecision[] = [];
  for (const track of rest) {
    peers = peers.with(presume(state, track, 'unseen', now));
    decisions.push({ do: 'changed', peer: track.peer, state: 'dead', reason: 'presumed: this peer hears none of those that it observes' });
  }
  return { state: { ...state, peers }, decisions };
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
