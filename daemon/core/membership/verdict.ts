import type { DeathRecord, Silence } from '../../../protocol/observed.ts';
import type { Now } from '../decisions.ts';
import type { DetectorState, KernelSign, PeerTrack } from './state.ts';
import { isDeclared, lastSign } from './state.ts';

/** When a silence becomes a death, and which of the silences it is. */
export interface Verdict {
  how: Silence;
  /** Monotonic ms. */
  at: number;
}

/**
 * The three silences, and the fourth. A kernel that answers is a sign that the host lives: then the daemon alone is away, which lasts longer before it is a death.
 * A host that stops to answer after that is silent from then on.
 */
export function verdictOf(state: DetectorState, track: PeerTrack, now: number): Verdict {
  const { settings } = state;
  if (!track.seen) return { how: 'unseen', at: track.countFrom + settings.unseenDeadMs };
  const heard = lastSign(track);
  const silentMs = settings.silentDeadMs * stretchOf(state, now);
  const kernel = newestKernel(track);
  if (kernel === undefined || kernel.at <= heard) return { how: 'silent', at: heard + silentMs };
  const quietAt = kernel.at + silentMs;
  const limitAt = heard + (kernel.answer === 'refused' ? settings.refusedDeadMs : settings.muteDeadMs);
  return limitAt <= quietAt ? { how: kernel.answer === 'refused' ? 'refused' : 'mute', at: limitAt } : { how: 'silent', at: quietAt };
}

/** When the same verdict is due where all other observers agree, monotonic ms; infinite where their word hastens nothing. */
export function agreedVerdictAt(state: DetectorState, { how, at }: Verdict, now: number): number {
  const { silentDeadMs, agreedDeadMs } = state.settings;
  return how === 'silent' ? at - (silentDeadMs - agreedDeadMs) * stretchOf(state, now) : Infinity;
}

function newestKernel(track: PeerTrack): KernelSign | undefined {
  const { kernel, relayedKernel } = track;
  if (kernel === undefined || relayedKernel === undefined) return kernel ?? relayedKernel;
  return kernel.at >= relayedKernel.at ? kernel : relayedKernel;
}

/** By how much this peer doubts itself: its loop's lag, questions that plainly live peers left unanswered, and hearing nobody at all. */
export function stretchOf(state: DetectorState, now: number): number {
  const { settings } = state;
  const lag = Math.min(1, state.lagMs / settings.beatIntervalMs);
  const doubt = 1 + lag + state.selfDoubt / settings.maxSelfDoubt;
  return isIsolated(state, now) ? Math.max(doubt, settings.isolatedStretch) : doubt;
}

/**
 * With one other peer there is no telling who is cut off, so this needs two; in a wide cluster those that are observed stand for all, unless most answer when they are called:
 * few that do are on the same side of a cut.
 */
export function isIsolated(state: DetectorState, now: number): boolean {
  const { suspectAfterMs } = state.settings;
  const isHeard = (track: PeerTrack): boolean => now - track.directAt < suspectAfterMs;
  const near = state.peers.near();
  // Others are near that are the matter of others' words: that such a one answers tells nothing of those that are observed.
  if (near.some((track) => track.observed && isHeard(track)) || !near.some((track) => track.observed && !isDeclared(track))) return false;
  const all = state.peers.values();
  const answered = all.filter(isHeard).length;
  return (1 + answered) * 2 <= all.length + 1 && all.filter((track) => !isDeclared(track)).length >= 2;
}

/** The record that the observer signs. */
export function deathRecord(state: DetectorState, track: PeerTrack, how: Silence, now: Now): DeathRecord {
  let membersSeen = 1;
  for (const other of state.peers.values()) if (other.state === 'alive') membersSeen += 1;
  return {
    kind: 'death',
    peerId: track.peer,
    node: track.node,
    incarnation: track.incarnation,
    how,
    lastSeen: new Date(now.wall - (now.monotonic - lastSign(track))).toISOString(),
    at: new Date(now.wall).toISOString(),
    membersSeen,
    membersKnown: state.peers.size + 1,
  };
}
