/** What can befall a cluster here, and how it is told that it did: counted where it takes effect, not where it is drawn. */
export const FAULTS = {
  delayed: 'packets on a way that is slower than the others',
  lost: 'datagrams lost by chance',
  sentAgain: 'packets of streams lost by chance, which come again',
  doubled: 'datagrams that come twice',
  overtaken: 'datagrams that come before one that was sent earlier on the same way',
  streamsOvertaken: 'messages of a stream that come before one that another stream sent earlier on the same way',
  gossipRepeated: 'gossip that came to a peer again',
  gossipLost: 'gossip lost on one way of the mesh',
  cutOneWay: 'messages stopped on a way whose other direction is open',
  cutBothWays: 'messages stopped between two that are cut off from each other',
  clogged: 'messages of streams that waited for a way to open, and came then',
  linkGivenUp: 'connections given up since nothing came through',
  twoSides: 'the hosts that run fell into two sides',
  moreSides: 'the hosts that run fell into three sides or more',
  bridged: 'two were cut off from each other, and a third reached both',
  crashedAtOnce: 'daemons killed at a moment that means nothing to them',
  crashedAfterWrite: 'daemons killed between a write and its gossip',
  crashedAfterVote: 'voters killed when what they had granted was with who asked for it',
  crashedAfterClaim: 'daemons killed between a claim of theirs and the start of its pod',
  crashedBeforeStart: 'daemons killed when they asked for the start of a container',
  crashedAfterStart: 'daemons killed when a container had started, before they heard so',
  crashedStarting: 'daemons killed while they started, or soon after',
  powerCut: 'hosts without power for a while',
  restarted: 'daemons stopped and started in order',
  writeHalfDone: 'writes under way at a crash: on the disk as a whole, or not at all',
  tailLost: 'disks that lost all of their last second, unnoticed',
  tailTorn: 'disks that lost parts of their last second and kept others, and noticed',
  recordsLost: 'disks that lost some of their records, and noticed',
  diskLost: 'disks that lost the whole store, and not the files beside it',
  diskSlow: 'writes to a slow disk',
  diskFull: 'writes that a full disk refused',
  frozen: 'daemons that stood still, and went on with what was due',
  loopStalled: 'main loops that stood still while beats went on',
  paused: 'hosts that stood still as a whole, kernel, containers and all',
  clockJumped: 'clocks set ahead or back under a running daemon',
  clockDrifted: 'clocks that run fast or slow',
  engineAway: 'calls that found the engine away',
  engineHung: 'calls that the engine did not answer for a while',
  pullSlow: 'images pulled slowly',
  startRefused: 'containers that could not be started',
  containerCrashed: 'containers that ended with an error',
  containerEnded: 'containers that ended well',
  stopIgnored: 'containers killed since they did not heed their stop',
  containerWiped: 'containers ended by a hand, or with their host',
  joined: 'hosts that joined and hold everything',
  removed: 'hosts that ran, taken out of the cluster',
  joinRefused: 'hosts that were not let in',
  diedJoining: 'hosts whose kithd died while it asked to be let in',
  hostLost: 'hosts lost for ever',
  olderSpoke: 'messages as an older release says them',
  newerSpoke: 'messages as a newer release says them',
  upgraded: 'daemons restarted as the release of the others',
  forged: "records in another's name",
  poisoned: 'objects that do not validate',
  created: 'objects that a user made',
  changed: 'labels, annotations and the like that a user changed',
  scaled: 'sizes that a user changed',
  updated: 'pod templates that a user changed',
  deleted: 'objects that a user deleted',
  drained: 'nodes that a user drained',
  filed: 'manifests dropped into the folder of a host, and taken from there',
  fileTaken: 'manifests taken away, and what they made with them',
  gravesCollected: 'graves that a peer forgot, since all members held them',
  collectedAway: 'the same while a member was away',
  electorateLost: 'electorates that lost their majority for ever, so that what runs at most once is given up',
  removalRefused: 'removals of one of the only two that vote, which were refused',
  confirmedDead: 'hosts of which a person said that they are off',
  atOnce: 'writes of one object by two peers in the same moment, both acknowledged',
  bothSides: 'cuts on both sides of which users were obeyed',
} as const;

export type Fault = keyof typeof FAULTS;
export type FaultCounts = Partial<Record<Fault, number>>;

/** Those that few storms have: most of them are under leases. */
export const SELDOM: ReadonlySet<Fault> = new Set(['crashedAfterVote', 'electorateLost', 'removalRefused', 'confirmedDead', 'diedJoining']);

export const ALL_FAULTS = Object.keys(FAULTS) as Fault[];

/** Of one run. */
export class FaultTally {
  readonly counts: FaultCounts = {};

  note(fault: Fault, times = 1): void {
    if (times > 0) this.counts[fault] = (this.counts[fault] ?? 0) + times;
  }
}

/** Of many runs: how often each came about in all, and in how many of them. */
export class FaultSums {
  /** Runs that were added. */
  runs = 0;
  private readonly sums = new Map<Fault, { times: number; runs: number }>();

  add(counts: FaultCounts): void {
    this.runs += 1;
    for (const fault of ALL_FAULTS) {
      const times = counts[fault] ?? 0;
      const sum = this.sums.get(fault) ?? { times: 0, runs: 0 };
      this.sums.set(fault, { times: sum.times + times, runs: sum.runs + (times > 0 ? 1 : 0) });
    }
  }

  /** Those that never came about. */
  missing(): Fault[] {
    return ALL_FAULTS.filter((fault) => (this.sums.get(fault)?.runs ?? 0) === 0);
  }

  text(): string {
    const rows = ALL_FAULTS.map((fault) => ({ fault, ...(this.sums.get(fault) ?? { times: 0, runs: 0 }) }));
    const lines = rows.map(
      ({ fault, times, runs }) => `${fault.padEnd(20)}${String(times).padStart(9)}${String(runs).padStart(7)}  ${FAULTS[fault]}`,
    );
    return [`${'fault'.padEnd(20)}${'times'.padStart(9)}${'seeds'.padStart(7)}`, ...lines].join('\n');
  }
}
