import type { Condition } from '../../../protocol/conditions.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { JobStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { isDeleting, isReady } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { isIndexed, type JobFact } from '../controllers/jobs/facts.ts';
import { isBoundToLostNode } from '../controllers/deletion-world.ts';
import { standingIn } from '../controllers/slots.ts';
import { formatIndexes } from '../controllers/jobs/indexes.ts';
import { countIndexStates, endOf, isRunningPod, startedAt, viewJob } from '../controllers/jobs/job-view.ts';

/** Status of a Job, derived from its slots, what is remembered of it, and its pods. */
export function jobStatus(view: ClusterView, desired: DesiredObject): JobStatus {
  const job = viewJob(view, desired);
  const { fact, indexes } = job;
  const pods = indexes.flatMap((index) => index.pods);
  // On a dead node, and replaced: as people are shown it, it terminates.
  const leaves = (pod: DesiredObject): boolean =>
    isDeleting(pod) || (isBoundToLostNode(view, pod) && standingIn(desired.object, pod) !== 'kept');
  const active = pods.filter((pod) => isRunningPod(view, pod) && !leaves(pod));
  const { succeeded, failed, failedIndexes } = countIndexStates(indexes.map(({ state }) => state));
  const ofIndexes = (done: 'Succeeded' | 'Failed'): string =>
    formatIndexes(indexes.filter(({ state }) => state.done === done).map(({ slot }) => slot));
  const isSuspended = fact.suspendedAt !== undefined && fact.end === undefined;
  return {
    ...(isSuspended || (indexes.length === 0 && fact.end === undefined) ? {} : { startTime: formatTime(startedAt(job)) }),
    ...(fact.end === 'Complete' ? { completionTime: fact.endedAt } : {}),
    ...(active.length === 0 ? {} : { active: active.length }),
    ready: active.filter((pod) => isReady(view, pod)).length,
    terminating: pods.filter((pod) => leaves(pod) && endOf(view, pod) === undefined).length,
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(failed === 0 ? {} : { failed }),
    ...(isIndexed(desired.object) && succeeded > 0 ? { completedIndexes: ofIndexes('Succeeded') } : {}),
    ...(failedIndexes > 0 ? { failedIndexes: ofIndexes('Failed') } : {}),
    uncountedTerminatedPods: {},
    ...conditionsOf(fact),
  } as JobStatus;
}

function conditionsOf(fact: JobFact): { conditions?: Condition[] } {
  const { end, reason, message, endedAt = '', suspendedAt, resumedAt } = fact;
  const conditions: Condition[] = [];
  if (suspendedAt !== undefined && end === undefined)
    conditions.push(condition('Suspended', 'True', 'JobSuspended', 'Job suspended', suspendedAt));
  else if (resumedAt !== undefined) conditions.push(condition('Suspended', 'False', 'JobResumed', 'Job resumed', resumedAt));
  for (const type of end === undefined ? [] : end === 'Complete' ? ['SuccessCriteriaMet', 'Complete'] : ['FailureTarget', 'Failed'])
    conditions.push(condition(type, 'True', reason, message, endedAt));
  return conditions.length === 0 ? {} : { conditions };
}

function condition(type: string, status: 'True' | 'False', reason: string | undefined, message: string | undefined, at: string): Condition {
  return { type, status, lastProbeTime: at, lastTransitionTime: at, reason, message };
}
