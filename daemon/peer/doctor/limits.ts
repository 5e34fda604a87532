/** Bounds of the doctor, in one place. ms but where another unit is named. */
export const DOCTOR_LIMITS = {
  /** For a TCP connect to another peer. */
  connectMs: 1_000,
  /** Datagrams that are sent to a peer until one is answered, and how long each may take. */
  datagrams: 5,
  datagramMs: 250,
  engineMs: 5_000,
  nameMs: 1_000,
  /** For what makes Services work to catch up with the changes of this moment. */
  settleMs: 2_000,
  pollMs: 100,
  /** For a node to tell of itself: more than all of the above. */
  examineMs: 15_000,
  /** How often a peer is asked whose link breaks. */
  tries: 4,
  /** For differing desired states to become equal, and how often they are compared meanwhile: more than anti-entropy takes. */
  syncMs: 8_000,
  compareMs: 500,
  /** Nodes that are asked at once. */
  nodesAtOnce: 32,
} as const;
