/**
 * A death that others declared of a peer that this one does not observe. They may have it wrong: what that peer says reaches few, or they are the few that are cut off. Its
 * refutation comes by gossip, which may be lost. So it is asked itself, for as long as heirs wait (`core/heirs`).
 */
import type { Now } from '../decisions.ts';
import type { DetectorDecision, DetectorState, DetectorStep, PeerTrack } from './state.ts';
import { withPeer } from './state.ts';

/** Whether it is asked still: one that others call dead, or one that answered and has not refuted that yet. */
function isAsked({ settings }: DetectorState, track: PeerTrack, now: number): boolean {
  if (track.contested !== undefined) return !track.observed;
  return track.hearsay && now - track.since < settings.hearsayAskMs;
}

/** By datagram each time, and at first over a stream, too, if there is one: that tells it that it is held for dead. */
export function askHearsay(state: DetectorState, now: Now): DetectorStep {
  let next = state;
  const decisions: DetectorDecision[] = [];
  for (const track of state.peers.near()) {
    if (!isAsked(state, track, now.monotonic) || now.monotonic - track.asked.datagram < state.settings.hearsayIntervalMs) continue;
    const { peer, incarnation } = track;
    const reason = 'others declared it dead, whom it may not reach';
    if (track.asked.accuse < track.since) decisions.push({ do: 'accuse', peer, incarnation, reason });
    decisions.push({ do: 'probe', peer, via: 'datagram', reason });
    const accuse = Math.max(track.asked.accuse, track.since);
    next = withPeer(next, { ...track, asked: { ...track.asked, datagram: now.monotonic, accuse } });
  }
  return { state: next, decisions };
}

/** It answers: others' word counts as little as against one that was heard all the time, until it had time to refute. */
export function contest(state: DetectorState, track: PeerTrack, now: number): DetectorStep {
  if (track.death === undefined) return { state: withPeer(state, track), decisions: [] };
  const { peer, incarnation } = track;
  const asked = { ...track.asked, accuse: now };
  const contested = { record: track.death, at: now };
  const next: PeerTrack = { ...track, state: 'alive', since: now, death: undefined, hearsay: false, contested, asked };
  const reason = 'it answers, though others declared it dead';
  return {
    state: withPeer(state, next),
    decisions: [
      { do: 'accuse', peer, incarnation, reason },
      { do: 'changed', peer, state: 'alive', reason },
    ],
  };
}
