/**
 * A death that others declared of a peer that this one does not observe. They may have it wrong: what that peer says reaches few, or they are the few that are cut off. Its
 * refutation comes by gossip, which may be lost. Who would act on it (an heir, `core/heirs`) has the peer asked itself.
 */
import type { Now } from '../decisions.ts';
import type { DetectorDecision, DetectorState, DetectorStep, PeerTrack } from './state.ts';
import { withPeer } from './state.ts';

/** Peers asked at one tick: when a wide cut heals, many are declared dead at once. */
const MOST_AT_ONCE = 32;

/** An heir waits for this death's refutation. Once for each death: who does not answer has been asked. */
export function doubt(state: DetectorState, track: PeerTrack, now: number): DetectorStep {
  if (!track.hearsay || track.doubtedAt >= track.since) return { state, decisions: [] };
  return { state: withPeer(state, { ...track, doubtedAt: now }), decisions: [] };
}

/** Asks at the next tick, and again, for as long as heirs wait. */
export function askHearsay(state: DetectorState, now: Now): DetectorStep {
  let result = state;
  const decisions: DetectorDecision[] = [];
  const isDue = ({ asked }: PeerTrack): boolean => now.monotonic - asked.datagram >= state.settings.hearsayIntervalMs;
  const due = state.peers.near().filter((track) => isAsked(state, track, now.monotonic) && isDue(track));
  for (const track of due.sort((left, right) => left.asked.datagram - right.asked.datagram).slice(0, MOST_AT_ONCE)) {
    const asked = ask(state, track, now.monotonic);
    result = withPeer(result, asked.next);
    decisions.push(...asked.decisions);
  }
  return { state: result, decisions };
}

/** One that others call dead, or one that answered and has not refuted that yet. */
function isAsked({ settings }: DetectorState, track: PeerTrack, now: number): boolean {
  if (track.contested !== undefined) return !track.observed;
  return track.hearsay && now - track.doubtedAt < settings.hearsayAskMs;
}

/** By datagram each time, and now and then over a stream, too, if there is one: that tells it that it is held for dead. */
function ask({ settings }: DetectorState, track: PeerTrack, now: number): { next: PeerTrack; decisions: DetectorDecision[] } {
  const { peer, incarnation } = track;
  const reason = 'others declared it dead, whom it may not reach';
  const decisions: DetectorDecision[] = [{ do: 'probe', peer, via: 'datagram', reason }];
  const isToldNow = now - track.asked.accuse >= settings.connectIntervalMs;
  if (isToldNow) decisions.push({ do: 'accuse', peer, incarnation, reason });
  const asked = { ...track.asked, datagram: now, accuse: isToldNow ? now : track.asked.accuse };
  return { next: { ...track, asked }, decisions };
}

/** It answers: others' word counts as little as against one that was heard all the time, until it had time to refute. */
export function contest(state: DetectorState, track: PeerTrack, now: number): DetectorStep {
  if (track.death === undefined) return { state: withPeer(state, track), decisions: [] };
  const { peer } = track;
  const contested = { record: track.death, at: now };
  const asked = ask(state, { ...track, state: 'alive', since: now, death: undefined, hearsay: false, contested }, now);
  const reason = 'it answers, though others declared it dead';
  return {
    state: withPeer(state, asked.next),
    decisions: [...asked.decisions, { do: 'changed', peer, state: 'alive', reason }, { do: 'dial', peer, reason }],
  };
}
