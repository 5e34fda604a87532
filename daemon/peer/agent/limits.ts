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
  /** It grows with the time that a decision takes, by this factor: a host of many pods in a busy cluster spends no more than a part of its time on deciding. */
  decideGapPerDecision: 5,
  decideGapMostMs: 100,
  /** After changes of other hosts' pods only, in ms: nothing should follow from them here, and if anything does it is found then. */
  foreignNewsMs: 1_000,
  /** An engine that is away is asked again after these ms, doubling. */
  engineRetryMs: 500,
  engineRetryMostMs: 5_000,
  /** Between two looks at what pods use, in ms. Upstream's metrics-server has the same. */
  usageEveryMs: 15_000,
  /** How many of them go by from one report to the next while no autoscaler reads it. */
  usageReportEvery: 4,
  /** Containers of one report: it must fit into one record. */
  usageContainers: 300,
  usageTimeoutMs: 10_000,
  /** What a call may take, in ms. */
  listTimeoutMs: 30_000,
  sandboxTimeoutMs: 60_000,
  pullTimeoutMs: 900_000,
  startTimeoutMs: 120_000,
  removeTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
  logEndTimeoutMs: 5_000,
  /** Probes that are being made at once; the others wait, which is not their failure. */
  probesAtOnce: 32,
  /** On top of a probe's own time, for one that does not keep to it. */
  probeMarginMs: 1_000,
  /** A postStart hook. Kubernetes knows no bound; a pod that is deleted does not wait for it. */
  hookTimeoutMs: 600_000,
  /** As much of what a probed command says is kept. Kubelet's bound. */
  probeOutputBytes: 10 * 1024,
  /** On top of the grace period. */
  stopTimeoutMs: 30_000,
} as const;

/** @param cpuMillis of the host that the engine works on */
export function podsAtOnce(cpuMillis: number): number {
  const wanted = Math.round((cpuMillis / 1000) * AGENT_LIMITS.podsAtOncePerCpu);
  return Math.min(AGENT_LIMITS.podsAtOnceMost, Math.max(AGENT_LIMITS.podsAtOnceLeast, wanted));
}

/** Ms between the starts of two decisions, the last of which took so long. */
export function decideGap(tookMs: number): number {
  return Math.min(AGENT_LIMITS.decideGapMostMs, Math.max(AGENT_LIMITS.decideGapMs, tookMs * AGENT_LIMITS.decideGapPerDecision));
}

/** Ms between the starts of two lists, the last of which took so long. */
export function listGap(tookMs: number): number {
  return Math.min(AGENT_LIMITS.listGapMostMs, Math.max(AGENT_LIMITS.listGapMs, tookMs * AGENT_LIMITS.listGapPerListMs));
}
