import type { LivenessSettings } from '../../../protocol/liveness.ts';
import type { Now } from '../decisions.ts';
import { observersOf, rankByRendezvous } from './rendezvous.ts';
import type { AskedTimes, DetectorDecision, DetectorState, OpinionRound, PeerTrack } from './state.ts';
import { presume } from './isolation.ts';
import { lastSign } from './state.ts';
import { agreedVerdictAt, deathRecord, isIsolated, stretchOf, verdictOf } from './verdict.ts';

/** A peer that was never heard, or not for this many suspicion times, is probed at this slower pace: it may be away for days. */
const SLOW_AFTER_SUSPICIONS = 4;
const SLOW_FACTOR = 8;

interface TrackStep {
  track: PeerTrack;
  decisions: DetectorDecision[];
}

/** Looks at one silent peer that we observe: probes, then others' help, then suspicion, then the verdict. */
export function judgeSilence(state: DetectorState, track: PeerTrack, now: Now): TrackStep {
  const silentMs = now.monotonic - lastSign(track);
  if (silentMs < state.settings.missedAfterMs) return { track, decisions: [] };
  const probed = probe(state, track, silentMs, now.monotonic);
  if (now.monotonic < state.graceUntil) return probed;
  if (track.presumed) return isIsolated(state, now.monotonic) ? probed : joined(probed, pronounce(state, probed.track, now));
  const suspected = suspect(state, probed.track, silentMs, now.monotonic);
  if (suspected.track.state !== 'suspected') return joined(probed, suspected);
  return joined(joined(probed, suspected), pronounce(state, suspected.track, now));
}

function joined(first: TrackStep, then: TrackStep): TrackStep {
  return { track: then.track, decisions: [...first.decisions, ...then.decisions] };
}

function probe(state: DetectorState, track: PeerTrack, silentMs: number, now: number): TrackStep {
  const { settings } = state;
  const slow = (!track.seen || track.presumed) && silentMs > SLOW_AFTER_SUSPICIONS * settings.suspectAfterMs ? SLOW_FACTOR : 1;
  const decisions: DetectorDecision[] = [];
  const asked: { -readonly [Name in keyof AskedTimes]: number } = { ...track.asked };
  const due = (last: number, intervalMs: number): boolean => now - last >= intervalMs * slow;
  const reason = `nothing heard for ${Math.round(silentMs)} ms`;
  if (due(asked.datagram, settings.probeIntervalMs)) {
    decisions.push({ do: 'probe', peer: track.peer, via: 'datagram', reason });
    asked.datagram = now;
  }
  if (due(asked.stream, 2 * settings.probeIntervalMs)) {
    decisions.push({ do: 'probe', peer: track.peer, via: 'stream', reason });
    asked.stream = now;
  }
  if (silentMs >= settings.indirectAfterMs && due(asked.connect, settings.connectIntervalMs)) {
    decisions.push({ do: 'probe', peer: track.peer, via: 'connect', reason });
    asked.connect = now;
  }
  if (track.seen && silentMs >= settings.indirectAfterMs && due(asked.indirect, settings.connectIntervalMs)) {
    for (const helper of helpersFor(state, track.peer, now)) decisions.push({ do: 'ask', helper, about: track.peer, probe: true, reason });
    asked.indirect = now;
  }
  return { track: { ...track, asked }, decisions };
}

/** Peers that we hear ourselves; others each time, so that one bad helper does not decide. */
function helpersFor(state: DetectorState, about: string, now: number): string[] {
  const able: string[] = [];
  for (const other of state.peers.values()) if (other.peer !== about && other.state === 'alive' && other.seen) able.push(other.peer);
  return rankByRendezvous(`${about} ${Math.floor(now)}`, able).slice(0, state.settings.indirectHelpers);
}

function suspect(state: DetectorState, track: PeerTrack, silentMs: number, now: number): TrackStep {
  const { settings } = state;
  if (silentMs < settings.suspectAfterMs * stretchOf(state, now)) return { track, decisions: [] };
  if (track.state === 'suspected' && now - track.asked.accuse < settings.connectIntervalMs) return { track, decisions: [] };
  const reason = `nothing heard for ${Math.round(silentMs)} ms, at first hand or through others`;
  const decisions: DetectorDecision[] = [];
  const asked: { -readonly [Name in keyof AskedTimes]: number } = { ...track.asked, accuse: now };
  // Who was never heard is not told: there is no incarnation to accuse.
  if (track.seen) decisions.push({ do: 'accuse', peer: track.peer, incarnation: track.incarnation, reason });
  if (track.state === 'suspected') return { track: { ...track, asked }, decisions };
  if (track.seen && now - asked.reconnect >= settings.reconnectIntervalMs) {
    decisions.push({ do: 'reconnect', peer: track.peer, reason });
    asked.reconnect = now;
  }
  decisions.push({ do: 'changed', peer: track.peer, state: 'suspected', reason });
  return { track: { ...track, asked, state: 'suspected', since: now }, decisions };
}

/** Asks the other observers, waits for those that can speak, and declares the death if none of them heard the peer meanwhile. */
function pronounce(state: DetectorState, track: PeerTrack, now: Now): TrackStep {
  const { settings } = state;
  const verdict = verdictOf(state, track, now.monotonic);
  const { round } = track;
  const agreeFrom = agreedVerdictAt(state, verdict, now.monotonic) - settings.agreedLeadMs;
  const isFinal = round !== undefined && round.askedAt >= agreeFrom;
  const dueAt = isFinal && isUnanimous(settings, round) ? agreeFrom + settings.agreedLeadMs : verdict.at;
  // A verdict may be long due when doubts that held it back end: opinions from before that are none of now.
  const freshFrom = Math.max(dueAt, now.monotonic) - settings.opinionFreshMs;
  const isStale = round !== undefined && round.askedAt < freshFrom && now.monotonic >= dueAt - settings.opinionTimeoutMs;
  if (round === undefined || isStale || (!isFinal && now.monotonic >= agreeFrom)) return askObservers(state, track, now.monotonic);
  if (now.monotonic < dueAt || round.askedAt < freshFrom) return { track, decisions: [] };
  if (round.waiting.length > 0 && now.monotonic - round.askedAt < settings.opinionTimeoutMs) return { track, decisions: [] };
  if (isIsolated(state, now.monotonic)) {
    const reason = `presumed: nothing heard of it for ${Math.round(now.monotonic - lastSign(track))} ms, nor of anybody else`;
    return { track: presume(state, track, verdict.how, now), decisions: [{ do: 'changed', peer: track.peer, state: 'dead', reason }] };
  }
  const record = deathRecord(state, track, verdict.how, now);
  const reason = `${verdict.how}: no sign of life since ${record.lastSeen}; no other observer that answers has heard it`;
  return {
    track: {
      ...track,
      state: 'dead',
      since: track.presumed ? track.since : now.monotonic,
      death: record,
      hearsay: false,
      declaredHere: true,
      presumed: false,
      round: undefined,
    },
    decisions: [
      { do: 'declare', record, reason },
      { do: 'changed', peer: track.peer, state: 'dead', reason },
    ],
  };
}

/** All of them answered, and quickly: so it is not the network between us that loses words, and each has looked for the suspect by itself. */
function isUnanimous({ agreeingObservers }: LivenessSettings, { asked, agreed }: OpinionRound): boolean {
  return agreed.length >= agreeingObservers && agreed.length === asked.length;
}

function askObservers(state: DetectorState, track: PeerTrack, now: number): TrackStep {
  const living = [...state.peers.values()].filter((other) => other.state !== 'dead').map((other) => other.peer);
  const observers = observersOf(track.peer, [state.self, ...living], state.settings.maxObservers).filter((peer) => peer !== state.self);
  const reason = `suspected; its observers that can speak must agree`;
  return {
    track: { ...track, round: { askedAt: now, asked: observers, waiting: observers, agreed: [] } },
    decisions: observers.map((helper) => ({ do: 'ask', helper, about: track.peer, probe: false, reason })),
  };
}
