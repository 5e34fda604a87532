import type { Silence } from './observed.ts';

/**
 * All times and bounds of failure detection and election, in one place. They derive from the beat: `test/protocol/liveness.test.ts` asserts the
 * relations. `…Ms` are milliseconds.
 */
export const livenessSettings = {
  /** Between two beats to an observer. */
  beatIntervalMs: 250,
  /** Observers per peer: cost per peer does not grow with the cluster. */
  maxObservers: 8,
  /** Beats that say nothing new reach the main loop within this time, several at once: each waking of a thread costs. Times of arrival stay true. */
  beatBatchMs: 80,
  /** A beat is missed when this long nothing was heard: the interval, the batch, and the worst gap that a healthy network and worker make. */
  missedAfterMs: 400,
  /** Between two probes of a burst; each goes by datagram, every second one over a stream too. */
  probeIntervalMs: 120,
  /** Between two TCP connects to a silent peer's port, each of which says what its kernel does. */
  connectIntervalMs: 300,
  /** A connect that got neither acceptance nor refusal by then was answered by nothing. */
  connectTimeoutMs: 300,
  /** From here on other peers probe on our behalf, before we suspect. */
  indirectAfterMs: 500,
  /** Peers asked to probe on our behalf, each time. */
  indirectHelpers: 3,
  /** A helper that probes for others answers by then at the latest. */
  indirectWaitMs: 150,
  /** Silence after which the peer is told that it is suspected, and its other observers are asked. */
  suspectAfterMs: 650,
  /** An observer that has not answered by then cannot speak, and does not count. */
  opinionTimeoutMs: 250,
  /** An observer's opinion that is older is asked for again before a verdict. */
  opinionFreshMs: 400,
  /** Dead this long after the last sign of life: nothing answers, … */
  silentDeadMs: 1_200,
  /** (already this long after it where all its other observers answer that they do not hear it either: a network that loses words would have lost theirs, too; …) */
  agreedDeadMs: 950,
  /** (… if there are so many of them, …) */
  agreeingObservers: 2,
  /** (… and they were asked no earlier than so long before) */
  agreedLeadMs: 150,
  /** … the kernel refuses (the daemon restarts, its containers most likely run), … */
  refusedDeadMs: 5_000,
  /** … the kernel accepts but the daemon says nothing, … */
  muteDeadMs: 8_000,
  /** … or it was not heard since our own start. */
  unseenDeadMs: 60_000,
  /** A peer that we do not observe and that no observer called dead by then is taken for alive. */
  presumeAliveMs: 3_000,
  /** A peer that hears nobody, of two or more others, stretches its timeouts by this factor, and then presumes and does not declare: it is probably itself that is cut off. */
  isolatedStretch: 2.5,
  /** A peer that hears none of those that it observes calls those that it does not so often: some may be on its side of a cut. */
  callIntervalMs: 400,
  /** All of them are called so many times, then only those that answered, and all again at each call that is a multiple of twice that. */
  wideCalls: 8,
  /** Who answered a call is taken to be there for so long. */
  answeredMs: 1_500,
  /** A main loop late by this much was stalled or frozen: all peers get a new chance, and none is accused before … */
  stalledLagMs: 400,
  /** … so long after. */
  stalledGraceMs: 1_000,
  /** Each unanswered question to a peer that is plainly alive adds a quarter to the timeouts, at most so many times (Lifeguard, arXiv:1707.00788). */
  maxSelfDoubt: 4,
  /** A suspect raises its incarnation at most so often. */
  refuteIntervalMs: 1_000,
  /** A death that others tell of a peer whom we hear ourselves is believed after this: by then it has heard of it from us, and refuted it. */
  contestedMs: 2_500,
  /** A peer that we do not observe, and whom others declare dead, is asked itself for so long where somebody would act on that, … */
  hearsayAskMs: 600,
  /** … so often. */
  hearsayIntervalMs: 100,
  /** Connections of a suspect are dropped and dialled anew at most so often. */
  reconnectIntervalMs: 5_000,
  /** The detector looks at its peers so often while all is well, … */
  tickIntervalMs: 100,
  /** … and so often while somebody is silent. */
  alertTickIntervalMs: 40,
  /** A new peer listens this long for a leader before it stands for one. */
  electionListenMs: 1_000,
  /** A leader that is suspected and silent this long is replaced. */
  leaderLostMs: 700,
  /** Candidates wait (rank × this), so that the first in rank is heard by the next. */
  candidateStepMs: 120,
  /** Ranks beyond this one wait no longer than it. */
  maxCandidateSteps: 4,
  /** The leader repeats its announcement on the gossip topic so often; beats carry it meanwhile. */
  announceIntervalMs: 5_000,
} as const;

/** The settings' names without their literal values: tests and simulators hand in others. */
export type LivenessSettings = { readonly [Name in keyof typeof livenessSettings]: number };

/** What a peer's kernel did with a TCP connect to the peer port. */
export type KernelAnswer = 'refused' | 'accepted' | 'silent';

/** Version of the messages of request protocol `probe`, of topic `election` and of beats' datagrams. */
export const LIVENESS_WIRE_VERSION = 1;

/** A leader's announcement: greatest term wins, ties go to the lowest peer id. */
export interface LeaderAnnouncement {
  term: number;
  /** Peer id, or empty while there is none. */
  leader: string;
}

/** Request protocol `probe`. */
export type ProbeRequest =
  /** Are you there? Sent on every connection and in bursts. `accused`: the incarnation of the receiver that the sender suspects or holds dead, if it does. */
  | { type: 'ping'; incarnation: number; knownIncarnation: number; accused: number | null; announcement: LeaderAnnouncement }
  /** What do you know of `peer`, at first hand? With `probe`, find out first. */
  | { type: 'about'; peer: string; probe: boolean };

export type ProbeAnswer =
  { type: 'ping'; incarnation: number; knownIncarnation: number; accused: number | null; announcement: LeaderAnnouncement } | AboutAnswer;

/** First-hand knowledge only: second-hand knowledge would keep a dead peer alive by echo. */
export interface AboutAnswer {
  type: 'about';
  incarnation: number;
  /** ms since the last sign of life, null when none is known. */
  heardAgoMs: number | null;
  /** What its kernel answered last to a connect, and how long ago. */
  kernel: { answer: 'refused' | 'accepted'; agoMs: number } | null;
}

/** Sets of `Silence` for validation. */
export const silences: readonly Silence[] = ['refused', 'mute', 'silent', 'unseen'];
