/** Bounds of the node agent, in one place. A test asserts how they relate. */
export const AGENT_LIMITS = {
  /** Pods that are being worked on at once (sandboxes, starts, removals, writes). */
  podsAtOnce: 10,
  pullsAtOnce: 4,
  /** Stops mostly wait for grace periods, so they don't take the place of starts. */
  stopsAtOnce: 64,
  /** Looking again though nothing was said, in ms. */
  relistMs: 10_000,
  /** The same while something is on its way. */
  relistBusyMs: 1_000,
  /** Between the starts of two lists, in ms: hints come in crowds. */
  listGapMs: 50,
  /** Between two decisions, in ms. */
  decideGapMs: 10,
  /** An engine that is away is asked again after these ms, doubling. */
  engineRetryMs: 500,
  engineRetryMostMs: 5_000,
  /** What a call may take, in ms. */
  listTimeoutMs: 30_000,
  sandboxTimeoutMs: 60_000,
  pullTimeoutMs: 900_000,
  startTimeoutMs: 120_000,
  removeTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
  /** On top of the grace period. */
  stopTimeoutMs: 30_000,
} as const;
