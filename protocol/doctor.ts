/** What `kith doctor` asks, of the API and from peer to peer. */

/** `GET /kith.dev/v1/doctor`, with `?node=NAME` for one node only. */
export interface DoctorAnswer {
  /** The node whose peer asked the others. */
  by: string;
  nodes: DoctorNodeRow[];
  /** Empty: all is well. */
  findings: Finding[];
}

export interface DoctorNodeRow {
  node: string;
  /** Whether it told of itself; if not, there is a finding that says so. */
  answered: boolean;
  version: string;
  checked: readonly DoctorCheck[];
  /** What could not be looked at, or has no meaning on this node. */
  skipped: readonly SkippedCheck[];
}

export interface SkippedCheck {
  check: DoctorCheck;
  why: string;
}

/** In the order in which they are told. */
export const DOCTOR_CHECKS = [
  'state',
  'peers',
  'votes',
  'clock',
  'version',
  'engine',
  'disk',
  'network',
  'rules',
  'routes',
  'services',
  'names',
] as const;
export type DoctorCheck = (typeof DOCTOR_CHECKS)[number];

/** One thing that is wrong. */
export interface Finding {
  /** Where. */
  node: string;
  check: DoctorCheck;
  what: string;
  /** What a person does about it. */
  fix: string;
}

/** What a node tells of itself: what it found wrong, and what can only be judged beside what others tell. */
export interface Examination {
  node: string;
  version: string;
  complete: boolean;
  /** Pod subnets by node, as it believes. */
  subnets: Readonly<Record<string, string>>;
  findings: readonly Finding[];
  checked: readonly DoctorCheck[];
  skipped: readonly SkippedCheck[];
}

/** Request `doctor`. `examine`: look at everything; `compare`: what changes from moment to moment, at once. */
export type DoctorRequest = { type: 'examine' } | { type: 'compare' };
export type DoctorReply = { type: 'examination'; examination: Examination } | ({ type: 'compared' } & Compared);

export interface Compared {
  /** Wall clock, ms since 1970. */
  wallMs: number;
  /** Bucket hashes of desired state: equal ones mean equal states. */
  digest: readonly string[];
}
