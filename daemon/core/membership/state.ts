import type { AboutAnswer, KernelAnswer, LivenessSettings } from '../../../protocol/liveness.ts';
import type { DeathRecord } from '../../../protocol/observed.ts';
import type { MemberState } from '../cluster/view.ts';
import { PeerTracks } from './tracks.ts';

/** All that the failure detector knows. Times are this peer's monotonic ms; -Infinity is never. */
export interface DetectorState {
  readonly self: string;
  readonly settings: LivenessSettings;
  /** Our own incarnation: only a higher one refutes our death. */
  readonly incarnation: number;
  readonly refutedAt: number;
  readonly peers: PeerTracks;
  /** Until then nobody is accused: our own loop was stalled or frozen. */
  readonly graceUntil: number;
  /** Unanswered questions to peers that are plainly alive, less the answered ones. */
  readonly selfDoubt: number;
  readonly lagMs: number;
  /** Calls to those that it does not observe since it hears none of those that it does, and the last one's monotonic ms. */
  readonly calls: number;
  readonly calledAt: number;
  /** Grows whenever the members that are not dead are others, and with them who observes whom. */
  readonly grouping: number;
}

export interface PeerTrack {
  readonly peer: string;
  readonly node: string;
  /** The greatest heard of, 0 when none. */
  readonly incarnation: number;
  readonly state: MemberState['state'];
  readonly since: number;
  /** Whether we are one of its observers: others' words decide about those that we don't observe. */
  readonly observed: boolean;
  /** Whether there was any sign of life since our own start. */
  readonly seen: boolean;
  /** Its silence counts from here at the earliest: it became a member, we became its observer, or we ourselves were away. */
  readonly countFrom: number;
  /** Signs of life at first hand, and at second hand. */
  readonly directAt: number;
  readonly relayedAt: number;
  readonly kernel: KernelSign | undefined;
  readonly relayedKernel: KernelSign | undefined;
  readonly asked: AskedTimes;
  readonly round: OpinionRound | undefined;
  readonly death: DeathRecord | undefined;
  /** That is the word of others alone: we did not observe it, or not long enough. */
  readonly hearsay: boolean;
  /** When somebody here last had it asked whether that is true. */
  readonly doubtedAt: number;
  /** A death that others tell of it though we hear it, and since when: believed only when it is not refuted soon. */
  readonly contested: { readonly record: DeathRecord; readonly at: number } | undefined;
  /** We published its death, so we withdraw it. */
  readonly declaredHere: boolean;
  /** Dead only by what this peer saw while it heard nobody at all: no record says so, and any sign of life ends it. See `isolation.ts`. */
  readonly presumed: boolean;
}

/** What a suspect's other observers are asked. */
export interface OpinionRound {
  readonly askedAt: number;
  /** Who was asked. */
  readonly asked: readonly string[];
  /** Whom we still wait for. */
  readonly waiting: readonly string[];
  /** Who answered that it knew the suspect in this incarnation, and does not hear it any more. */
  readonly agreed: readonly string[];
}

export interface KernelSign {
  readonly answer: 'refused' | 'accepted';
  readonly at: number;
}

/** When each means of finding out was last used. */
export interface AskedTimes {
  readonly datagram: number;
  readonly stream: number;
  readonly connect: number;
  readonly indirect: number;
  readonly reconnect: number;
  readonly accuse: number;
}

export const NEVER: AskedTimes = {
  datagram: -Infinity,
  stream: -Infinity,
  connect: -Infinity,
  indirect: -Infinity,
  reconnect: -Infinity,
  accuse: -Infinity,
};

export type DetectorEvent =
  | { type: 'members'; members: readonly { peer: string; node: string }[] }
  /** A sign of life at first hand, `at` its time of arrival. */
  | { type: 'heard'; peer: string; at: number; incarnation: number }
  | { type: 'kernel'; peer: string; at: number; answer: KernelAnswer }
  /** `from` answered what it knows of `about`. */
  | { type: 'opinion'; from: string; about: string; answer: AboutAnswer }
  /** `from` did not answer what it knows of `about`. */
  | { type: 'unanswered'; from: string; about: string }
  | { type: 'death'; record: DeathRecord }
  /** A record signed by the peer in this incarnation exists. */
  | { type: 'incarnation'; peer: string; incarnation: number }
  /** Somebody here would act on others' word that it is dead. */
  | { type: 'doubted'; peer: string }
  /** Somebody suspects this incarnation of us, or holds it dead. */
  | { type: 'accused'; by: string; incarnation: number }
  /** Somebody knows this incarnation of us. */
  | { type: 'known'; incarnation: number }
  /** `lagMs`: how much later than due. */
  | { type: 'tick'; lagMs: number };

export type DetectorDecision =
  | { do: 'probe'; peer: string; via: 'datagram' | 'stream' | 'connect'; reason: string }
  /** Ask `helper` what it knows of `about`; with `probe`, it finds out first. */
  | { do: 'ask'; helper: string; about: string; probe: boolean; reason: string }
  /** Tell the peer that this incarnation of it is suspected or held dead, so that it can refute. */
  | { do: 'accuse'; peer: string; incarnation: number; reason: string }
  | { do: 'reconnect'; peer: string; reason: string }
  /** It is heard again: connect now, not when its turn comes. */
  | { do: 'dial'; peer: string; reason: string }
  | { do: 'declare'; record: DeathRecord; reason: string }
  /** Our own record of its death no longer holds. */
  | { do: 'withdraw'; peer: string; reason: string }
  /** We live in this incarnation from now on: persist it, and tell everybody. */
  | { do: 'refute'; incarnation: number; reason: string }
  /** What `members()` answers is another. */
  | { do: 'changed'; peer: string; state: MemberState['state'] | 'removed'; reason: string };

export interface DetectorStep {
  readonly state: DetectorState;
  readonly decisions: DetectorDecision[];
}

export function initialDetector(self: string, incarnation: number, settings: LivenessSettings): DetectorState {
  return {
    self,
    settings,
    incarnation,
    refutedAt: -Infinity,
    peers: PeerTracks.of([]),
    graceUntil: -Infinity,
    selfDoubt: 0,
    calls: 0,
    calledAt: -Infinity,
    lagMs: 0,
    grouping: 0,
  };
}

/** Dead by a death record. */
export function isDeclared(track: PeerTrack): boolean {
  return track.state === 'dead' && !track.presumed;
}

/** The incarnation of it that a death record names. */
export function declaredIncarnation(track: PeerTrack): number | undefined {
  return track.presumed ? undefined : track.death?.incarnation;
}

/** The last sign of life at any hand, and what stands for one. */
export function lastSign(track: PeerTrack): number {
  return Math.max(track.countFrom, track.directAt, track.relayedAt);
}

export function withPeer(state: DetectorState, track: PeerTrack): DetectorState {
  return { ...state, peers: state.peers.with(track) };
}
