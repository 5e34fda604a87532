import type { SlotState } from '../../../../protocol/objects.ts';
import { parseTime } from '../../../../protocol/values/time.ts';
import { reportOf } from '../../cluster/pods.ts';
import type { ClusterView } from '../../cluster/view.ts';
import type { JobFact } from './facts.ts';
import { countIndexes, namesIndex } from './indexes.ts';
import { countIndexStates, endOf, isRunningPod, type JobView, startedAt } from './job-view.ts';

/** Upstream's times (DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff in pkg/controller/job). */
const BACK_OFF_MS = 10_000;
const MOST_BACK_OFF_MS = 600_000;

export type JobEnd = Required<Pick<JobFact, 'end' | 'reason' | 'message'>>;

/** Whether the Job is over, by its indexes as they are now, and why, in upstream's words. */
export function judgeJob(view: ClusterView, job: JobView, states: ReadonlyMap<number, SlotState>, wallMs: number): JobEnd | undefined {
  const { spec, indexes } = job;
  const count = countIndexStates(states.values());
  const { completions, backoffLimit = 6, maxFailedIndexes, activeDeadlineSeconds } = spec;
  const isSuspended = spec.suspend === true;
  const runs = indexes.some(({ current, state }) => state.done === undefined && isRunningPod(view, current));
  const early = successPolicyMet(job, states);
  if (early !== undefined) return early;
  if (completions === undefined ? count.succeeded > 0 && !runs : count.succeeded >= completions)
    return { end: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
  if (count.failed > backoffLimit || restartsOf(view, job) > Math.max(0, backoffLimit - 1))
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  if (!isSuspended && activeDeadlineSeconds !== undefined && wallMs >= startedAt(job) + activeDeadlineSeconds * 1000)
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (maxFailedIndexes !== undefined && count.failedIndexes > maxFailedIndexes)
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  if (completions !== undefined && count.failedIndexes > 0 && count.succeeded + count.failedIndexes >= completions)
    return failed('FailedIndexes', 'Job has failed indexes');
  return undefined;
}

export function failed(reason: string, message: string): JobEnd {
  return { end: 'Failed', reason, message };
}

/** Restarts within pods count as failures where pods restart themselves. Source: pastBackoffLimitOnFailure. */
function restartsOf(view: ClusterView, { spec, indexes }: JobView): number {
  if (spec.template.spec?.restartPolicy !== 'OnFailure') return 0;
  let restarts = 0;
  for (const { current } of indexes) {
    if (!isRunningPod(view, current)) continue;
    for (const { restartCount } of reportOf(view, current)?.status.containerStatuses ?? []) restarts += restartCount;
  }
  return restarts;
}

function successPolicyMet({ spec }: JobView, states: ReadonlyMap<number, SlotState>): JobEnd | undefined {
  const { rules = [] } = spec.successPolicy ?? {};
  const succeeded = [...states].filter(([, { done }]) => done === 'Succeeded').map(([index]) => index);
  const at = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    const counted = succeededIndexes === undefined ? succeeded : succeeded.filter((index) => namesIndex(succeededIndexes, index));
    return counted.length >= (succeededCount ?? countIndexes(succeededIndexes ?? '')) && counted.length > 0;
  });
  return at < 0 ? undefined : { end: 'Complete', reason: 'SuccessPolicy', message: `Matched rules at index ${at}` };
}

/** Milliseconds since 1970 until when no further pod is made: it doubles with each failure since the last success. Of one index, where each has its own limit. */
export function backOffUntil(view: ClusterView, { indexes }: JobView, only?: number): number {
  const ends = indexes
    .filter(({ slot }) => only === undefined || slot === only)
    .flatMap(({ pods }) => pods.map((pod) => endOf(view, pod)))
    .filter((end) => end !== undefined)
    .sort((left, right) => left.at - right.at);
  const failures = ends.length - 1 - ends.findLastIndex(({ phase }) => phase === 'Succeeded');
  const last = ends.at(-1);
  if (failures === 0 || last === undefined) return 0;
  return last.at + Math.min(MOST_BACK_OFF_MS, BACK_OFF_MS * 2 ** (failures - 1));
}

/** Milliseconds since 1970 when the ended Job is to be deleted; undefined: never. */
export function expiresAt({ spec, fact }: JobView): number | undefined {
  const ended = parseTime(fact.endedAt ?? '');
  return ended === undefined || spec.ttlSecondsAfterFinished === undefined ? undefined : ended + spec.ttlSecondsAfterFinished * 1000;
}
