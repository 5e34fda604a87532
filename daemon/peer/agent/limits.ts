/** Bounds of the node agent, in one place. A test asserts how they relate. */
export const AGENT_LIMITS = {
  /**
   * Pods that are being worked on at once (sandboxes, starts, removals, writes): so many a CPU, within bounds. Starting a container is work for a CPU, not waiting:
   * beyond that an engine only queues (`npm run bench -- deploy --width N`).
   */
  podsAtOncePerCpu: 2,
  podsAtOnceLeast: 4,
  podsAtOnceMost: 32,
  pullsAtOnce: 4,
  /** Stops mostly wait for grace periods, so they don't take the place of starts. */
  stopsAtOnce: 64,
  /** Looking again though nothing was said, in ms. */
  relistMs: 10_000,
  /** The same while something is on its way. */
  relistBusyMs: 1_000,
  /** Between the starts of two lists, in ms: hints come in crowds. */
  listGapMs: 50,
  /** The gap grows with the time that a list takes, by this factor, so that a busy engine is not kept busy by being asked. */
  listGapPerListMs: 5,
  listGapMostMs: 500,
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
  logEndTimeoutMs: 5_000,
  /** On top of the grace period. */
  stopTimeoutMs: 30_000,
} as const;

/** @param cpuMillis of the host that the engine works on */
export function podsAtOnce(cpuMillis: number): number {
  const wanted = Math.round((cpuMillis / 1000) * AGENT_LIMITS.podsAtOncePerCpu);
  return Math.min(AGENT_LIMITS.podsAtOnceMost, Math.max(AGENT_LIMITS.podsAtOnceLeast, wanted));
}

/** Ms between the starts of two lists, the last of which took so long. */
export function listGap(tookMs: number): number {
  return Math.min(AGENT_LIMITS.listGapMostMs, Math.max(AGENT_LIMITS.listGapMs, tookMs * AGENT_LIMITS.listGapPerListMs));
}
