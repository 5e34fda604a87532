import type { AboutAnswer } from '../../../protocol/liveness.ts';
import type { DeathRecord } from '../../../protocol/observed.ts';
import type { DetectorDecision, DetectorState, DetectorStep, PeerTrack } from './state.ts';
import { contest } from './hearsay.ts';
import { declaredIncarnation, isDeclared, lastSign, withPeer } from './state.ts';

/** A sign of life at first hand. One of an incarnation that is dead does not raise it: the peer is told, and refutes with a higher one. */
export function heard(state: DetectorState, track: PeerTrack, at: number, incarnation: number, now: number): DetectorStep {
  if (incarnation < track.incarnation) return { state, decisions: [] };
  // Most of what is ever heard: one more beat of a peer with which nothing is the matter.
  if (incarnation === track.incarnation && isWell(track))
    return { state: withPeer(state, { ...track, directAt: Math.max(track.directAt, at) }), decisions: [] };
  const contested = refuted(track, incarnation);
  const fresher = { ...track, seen: true, directAt: Math.max(track.directAt, at), incarnation, contested };
  if (incarnation <= (declaredIncarnation(track) ?? -1)) return remindDead(state, fresher, now);
  return enliven(state, fresher, now, incarnation > track.incarnation ? `heard in incarnation ${incarnation}` : 'heard');
}

function isWell({ state, seen, death, contested, round, declaredHere, presumed }: PeerTrack): boolean {
  return state === 'alive' && seen && !death && !contested && !round && !declaredHere && !presumed;
}

/** What remains of the contested death of a peer that is known in this incarnation now. */
function refuted({ contested }: PeerTrack, incarnation: number): PeerTrack['contested'] {
  return contested !== undefined && contested.record.incarnation < incarnation ? undefined : contested;
}

/** Tells a peer that is heard in an incarnation declared dead, now and then, until it refutes. */
function remindDead(state: DetectorState, track: PeerTrack, now: number): DetectorStep {
  if (track.hearsay) return contest(state, track, now);
  if (now - track.asked.accuse < state.settings.connectIntervalMs) return { state: withPeer(state, track), decisions: [] };
  return {
    state: withPeer(state, { ...track, asked: { ...track.asked, accuse: now } }),
    decisions: [
      { do: 'accuse', peer: track.peer, incarnation: track.incarnation, reason: 'heard, but this incarnation was declared dead' },
    ],
  };
}

/** Alive again, whatever it was before. */
function enliven(state: DetectorState, track: PeerTrack, now: number, reason: string): DetectorStep {
  const decisions: DetectorDecision[] = [];
  if (track.declaredHere) decisions.push({ do: 'withdraw', peer: track.peer, reason });
  if (track.state !== 'alive') decisions.push({ do: 'changed', peer: track.peer, state: 'alive', reason });
  if (track.state === 'dead') decisions.push({ do: 'dial', peer: track.peer, reason });
  const next: PeerTrack = {
    ...track,
    state: 'alive',
    since: track.state === 'alive' ? track.since : now,
    death: undefined,
    hearsay: false,
    declaredHere: false,
    presumed: false,
    round: undefined,
  };
  return { state: withPeer(state, next), decisions };
}

/** Second-hand evidence: an observer that heard the peer within the window vetoes its death, by moving its last sign of life. */
export function opinion(state: DetectorState, from: string, about: string, answer: AboutAnswer, now: number): DetectorStep {
  const calmer = { ...state, selfDoubt: Math.max(0, state.selfDoubt - 1) };
  const waited = withoutWaiting(calmer.peers.get(about), from);
  if (waited === undefined) return { state: calmer, decisions: [] };
  const track = withAgreement(waited, from, answer);
  if (answer.incarnation < track.incarnation) return { state: withPeer(calmer, track), decisions: [] };
  const kernelAt = answer.kernel && now - answer.kernel.agoMs;
  const relayedKernel =
    answer.kernel && kernelAt !== null && kernelAt > (track.relayedKernel?.at ?? -Infinity)
      ? { answer: answer.kernel.answer, at: kernelAt }
      : track.relayedKernel;
  if (answer.heardAgoMs === null) return { state: withPeer(calmer, { ...track, relayedKernel }), decisions: [] };
  const relayedAt = Math.max(track.relayedAt, now - answer.heardAgoMs);
  // What it heard before we began to count is no sign of life since our start.
  const seen = track.seen || relayedAt > track.countFrom;
  const contested = refuted(track, answer.incarnation);
  const told: PeerTrack = { ...track, relayedKernel, relayedAt, seen, incarnation: answer.incarnation, contested };
  if (answer.incarnation <= (declaredIncarnation(track) ?? -1)) return { state: withPeer(calmer, told), decisions: [] };
  // Old news does not raise a suspect: only what is within the window does.
  if (!isDeclared(track) && now - relayedAt >= state.settings.suspectAfterMs) return { state: withPeer(calmer, told), decisions: [] };
  return enliven(calmer, told, now, `heard by ${from} ${answer.heardAgoMs} ms ago`);
}

/** A question that a plainly live peer left unanswered says something about us, or our network. */
export function unanswered(state: DetectorState, from: string, about: string, now: number): DetectorStep {
  const { settings } = state;
  const asked = state.peers.get(from);
  const live = asked !== undefined && asked.state === 'alive' && now - asked.directAt < settings.missedAfterMs;
  const doubting = live ? { ...state, selfDoubt: Math.min(settings.maxSelfDoubt, state.selfDoubt + 1) } : state;
  const track = withoutWaiting(doubting.peers.get(about), from);
  return { state: track ? withPeer(doubting, track) : doubting, decisions: [] };
}

function withoutWaiting(track: PeerTrack | undefined, from: string): PeerTrack | undefined {
  if (track?.round === undefined) return track;
  return { ...track, round: { ...track.round, waiting: track.round.waiting.filter((peer) => peer !== from) } };
}

/** One that hears it raises it, and ends the round with that. */
function withAgreement(track: PeerTrack, from: string, { incarnation, heardAgoMs }: AboutAnswer): PeerTrack {
  const { round } = track;
  if (round?.asked.includes(from) !== true || round.agreed.includes(from)) return track;
  if (heardAgoMs === null || incarnation !== track.incarnation) return track;
  return { ...track, round: { ...round, agreed: [...round.agreed, from] } };
}

/**
 * Every peer believes a death record, until it is refuted. Of several, all keep the same one. A peer that we hear ourselves is told first, and has time to refute: a host
 * that was cut off calls all others dead, and its word arrives before theirs when it is back.
 */
export function died(state: DetectorState, record: DeathRecord, now: number): DetectorStep {
  const track = state.peers.get(record.peerId);
  if (track === undefined || record.incarnation < track.incarnation) return { state, decisions: [] };
  if (track.death && declaredIncarnation(track) === record.incarnation && !precedes(record, track.death)) return { state, decisions: [] };
  const { contestedMs, suspectAfterMs } = state.settings;
  if (track.death === undefined && now - track.directAt < suspectAfterMs && now - (track.contested?.at ?? now) < contestedMs) {
    const next = { ...track, incarnation: record.incarnation, contested: { record, at: track.contested?.at ?? now } };
    const reason = `heard, but declared dead at ${record.at}`;
    return {
      state: withPeer(state, next),
      decisions: track.contested ? [] : [{ do: 'accuse', peer: track.peer, incarnation: record.incarnation, reason }],
    };
  }
  return believe(state, track, record, now);
}

/** What was contested, is still not refuted, and has had its time. */
export function contestedToo(state: DetectorState, now: number): DetectorStep {
  let [next, decisions]: [DetectorState, DetectorDecision[]] = [state, []];
  for (const track of state.peers.near()) {
    if (track.contested === undefined || now - track.contested.at < state.settings.contestedMs) continue;
    const step = believe(next, track, track.contested.record, now);
    [next, decisions] = [step.state, [...decisions, ...step.decisions]];
  }
  return { state: next, decisions };
}

function believe(state: DetectorState, track: PeerTrack, record: DeathRecord, now: number): DetectorStep {
  const next: PeerTrack = {
    ...track,
    state: 'dead',
    since: track.state === 'dead' ? track.since : now,
    incarnation: record.incarnation,
    death: record,
    hearsay: track.state === 'dead' ? track.hearsay : isHearsay(state, track, now),
    presumed: false,
    contested: undefined,
    round: undefined,
  };
  const reason = `${record.how}: declared dead at ${record.at}, last seen ${record.lastSeen}`;
  return { state: withPeer(state, next), decisions: [{ do: 'changed', peer: track.peer, state: 'dead', reason }] };
}

/** Who observes it since a moment ago has not found it silent either. Who was heard meanwhile has had its time. */
function isHearsay({ settings }: DetectorState, track: PeerTrack, now: number): boolean {
  return track.contested === undefined && (!track.observed || now - lastSign(track) < settings.suspectAfterMs);
}

function precedes(left: DeathRecord, right: DeathRecord): boolean {
  const order = (record: DeathRecord): string => `${record.at} ${record.lastSeen} ${record.how} ${record.membersSeen}`;
  return order(left) < order(right);
}

/**
 * A record that the peer signed in this incarnation exists. A higher one than its death's refutes it. A higher one than the known one was made after all
 * that we accuse it of, so it counts as a sign of life; the first one known may be old, and does not.
 */
export function minted(state: DetectorState, track: PeerTrack, incarnation: number, now: number): DetectorStep {
  if (incarnation <= track.incarnation) return { state, decisions: [] };
  if (track.incarnation === 0 && declaredIncarnation(track) === undefined)
    return { state: withPeer(state, { ...track, incarnation }), decisions: [] };
  return enliven(
    state,
    { ...track, incarnation, seen: true, relayedAt: now, contested: refuted(track, incarnation) },
    now,
    `it announces incarnation ${incarnation}`,
  );
}
