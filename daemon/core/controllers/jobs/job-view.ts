import type { DesiredObject, PodOutcome, SlotState } from '../../../../protocol/objects.ts';
import type { ContainerStatus, JobSpec } from '../../../../protocol/types.ts';
import { parseTime } from '../../../../protocol/values/time.ts';
import { boundNode, isActive, nodeStanding, reportOf } from '../../cluster/pods.ts';
import type { ClusterView } from '../../cluster/view.ts';
import type { Slot } from '../slots.ts';
import { type JobFact, jobFact, jobSpec } from './facts.ts';

/** How a pod ended. */
export interface PodEnd {
  phase: 'Succeeded' | 'Failed';
  reason?: string;
  /** Milliseconds since 1970. */
  at: number;
  containers: readonly ContainerStatus[];
}

/** One index of a Job with its pods. */
export interface JobIndex extends Slot {
  /** The pod of the slot's generation. */
  current: DesiredObject | undefined;
  /** Of any generation. */
  pods: readonly DesiredObject[];
}

export interface JobView {
  job: DesiredObject;
  spec: JobSpec;
  fact: JobFact;
  /** Ascending. */
  indexes: readonly JobIndex[];
}

export function viewJob(view: ClusterView, job: DesiredObject): JobView {
  const bySlot = new Map<number, DesiredObject[]>();
  for (const pod of view.ownedBy(job.uid)) {
    const slot = pod.object.kith?.slot?.slot ?? -1;
    const known = bySlot.get(slot);
    if (known === undefined) bySlot.set(slot, [pod]);
    else known.push(pod);
  }
  const indexes = Object.entries(job.object.kith?.slots ?? {}).map(([text, state]): JobIndex => {
    const slot = Number(text);
    const pods = bySlot.get(slot) ?? [];
    return { slot, state, pods, current: pods.find(({ object }) => object.kith?.slot?.generation === state.generation) };
  });
  indexes.sort((left, right) => left.slot - right.slot);
  return { job, spec: jobSpec(job.object), fact: jobFact(job.object), indexes };
}

/**
 * How a pod ended, by its outcome. A report counts only where its author is dead and will not write one: whoever acted on it before the outcome is there would
 * keep the node from writing it.
 */
export function endOf(view: ClusterView, pod: DesiredObject): PodEnd | undefined {
  const outcome = pod.object.kith?.outcome;
  if (outcome !== undefined) return endFrom(outcome);
  const node = boundNode(pod);
  if (node === undefined || nodeStanding(view, node) === 'alive' || nodeStanding(view, node) === 'suspected') return undefined;
  const status = reportOf(view, pod)?.status;
  if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') return undefined;
  const containers = status.containerStatuses ?? [];
  const at = Math.max(0, ...containers.map(({ state }) => parseTime(state?.terminated?.finishedAt ?? '') ?? 0));
  return { phase: status.phase, ...(status.reason === undefined ? {} : { reason: status.reason }), at, containers };
}

function endFrom({ phase, reason, finishedAt, containerStatuses }: PodOutcome): PodEnd {
  const containers = (containerStatuses ?? []) as unknown as ContainerStatus[];
  return { phase, ...(reason === undefined ? {} : { reason }), at: parseTime(finishedAt) ?? 0, containers };
}

export interface JobCount {
  succeeded: number;
  /** Indexes that failed for good. */
  failedIndexes: number;
  /** Pods that failed. */
  failed: number;
}

export function countIndexStates(states: Iterable<SlotState>): JobCount {
  const count: JobCount = { succeeded: 0, failedIndexes: 0, failed: 0 };
  for (const { done, failures = 0 } of states) {
    if (done === 'Succeeded') count.succeeded += 1;
    if (done === 'Failed') count.failedIndexes += 1;
    count.failed += failures;
  }
  return count;
}

/** Milliseconds since 1970. */
export function startedAt({ job, fact }: JobView): number {
  return parseTime(fact.resumedAt ?? job.object.metadata.creationTimestamp) ?? 0;
}

export function isRunningPod(view: ClusterView, pod: DesiredObject | undefined): pod is DesiredObject {
  return pod !== undefined && isActive(view, pod) && endOf(view, pod) === undefined;
}
