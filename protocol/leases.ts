/**
 * Leases of what runs at most once (`kith.dev/partition: majority`): all times and bounds in one place, and what the members say to each other about them.
 * `test/protocol/leases.test.ts` asserts the relations. `…Ms` are milliseconds on a clock that counts suspend.
 */
export const leaseSettings = {
  /** What a holder counts, from when it sent the request that a majority granted. */
  leaseMs: 10_000,
  /** A holder asks again so often: a lease outlives several lost rounds. */
  renewMs: 2_000,
  /** What a voter withholds its vote from everybody else, from when it handled the request. */
  withholdMs: 11_000,
  /** An elector takes part in the next change of the electorate only this long after it learned of the last one: leases of the one before are over by then. */
  settleMs: 11_000,
  /** From a lease's end on the holder's clock to the end of the last process: the guard wakes up, kills, and the kernel carries it out. */
  killMs: 500,
  /** The guard looks at its deadlines so often. */
  guardCheckMs: 50,
  /** Steps of the clock, which is read cut off. */
  clockStepMs: 10,
  /** A round of questions that was not answered by then is over. */
  roundMs: 1_500,
  /** A candidate that was refused asks again after this, and up to as much later by chance. */
  retryMs: 1_000,
  /** A container is started only when its lease lasts this much longer: it must be up, and known to the guard, well before. */
  startRoomMs: 3_000,
  /** Clocks of two hosts may run slower or faster than true time by this share. */
  drift: 0.01,
  /** More members than this do not vote: the cost of a lease does not grow with the cluster. */
  electors: 9,
  /** Resources that a voter remembers. Of the ones that nobody holds the oldest are forgotten first. */
  resources: 10_000,
  /** Votes that one message asks for. */
  votesPerMessage: 500,
} as const;
export type LeaseSettings = { readonly [Name in keyof typeof leaseSettings]: number };

/** Terms of an electorate are greater than all of the ones before, so that fencing tokens never fall, though no voter may remember. */
export const TERMS_PER_ELECTORATE = 1_000_000_000;

/** Who votes. Versions are decided one after the other, each by a majority of the one before. */
export interface Electorate {
  version: number;
  /** Peer ids, ascending. */
  members: readonly string[];
}

/** Of proposals for one version of the electorate the greatest ballot counts. No ballot is used twice: a run of a daemon has its incarnation, and counts its rounds. */
export interface Ballot {
  round: number;
  peer: string;
  incarnation: number;
}

/** One vote that is asked for. The node is the peer that asks. */
export interface VoteRequest {
  resource: string;
  /** Uid. */
  pod: string;
  term: number;
}

export type LeaseRequest =
  /** Votes for the asker's pods. `dry`: would you? Nothing is promised. */
  | { type: 'vote'; version: number; incarnation: number; dry: boolean; votes: readonly VoteRequest[] }
  /** The asker's pods have ended, and no process of them is left. */
  | { type: 'release'; releases: readonly VoteRequest[] }
  /** Paxos, for version `version` of the electorate, to the members of the one before. */
  | { type: 'prepare'; version: number; ballot: Ballot }
  | { type: 'accept'; version: number; ballot: Ballot; members: readonly string[] }
  /** This electorate was decided. */
  | { type: 'learn'; electorate: Electorate };

/** What a voter says about one vote. `term`: the greatest that it has granted. */
export type Verdict =
  | { granted: true; term: number }
  /** `held`: granted to another, for `leftMs` more. `term`: a greater one was granted or given back. */
  | { granted: false; term: number; why: 'held' | 'term'; leftMs: number };

export type LeaseAnswer =
  /** `incarnation`: the voter's. */
  | { type: 'verdicts'; verdicts: readonly Verdict[]; incarnation?: number }
  | { type: 'done' }
  /** I know a later electorate than you. */
  | { type: 'newer'; electorate: Electorate }
  /** You know a later electorate than I. */
  | { type: 'behind'; version: number }
  /** I do not vote in this electorate. */
  | { type: 'stranger' }
  /** Answer to `prepare`. */
  | { type: 'promised'; accepted?: { ballot: Ballot; members: readonly string[] } }
  | { type: 'accepted' }
  /** A greater ballot was promised. */
  | { type: 'outbid'; ballot: Ballot }
  /** Leases of the electorate before may still run. */
  | { type: 'settling'; leftMs: number };

export function majorityOf(electors: number): number {
  return Math.floor(electors / 2) + 1;
}

/** On a Node: the incarnation of its host that a person said is off. */
export const CONFIRMED_DEAD_ANNOTATION = 'kith.dev/confirmed-dead';
/** In the downward API of a pod that holds a lease: its term. */
export const FENCING_TOKEN_ANNOTATION = 'kith.dev/fencing-token';
