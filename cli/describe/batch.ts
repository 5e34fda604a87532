import type { Condition } from '../../protocol/conditions.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { CronJobSpec, JobSpec, JobStatus } from '../../protocol/types.ts';
import { formatSelector, selectorOf } from '../../protocol/values/label-selector.ts';
import type { Entry } from './lines.ts';
import { conditionLines } from './pod.ts';
import { controllerEntries, templateSection } from './workload.ts';

export function describeJob(job: KubeObject): Entry[] {
  const spec = job.spec as JobSpec;
  const status = (job.status ?? {}) as JobStatus & { completedIndexes?: string };
  return [
    ...(spec.selector === undefined ? [] : ([['Selector', formatSelector(selectorOf(spec.selector))]] as Entry[])),
    ...controllerEntries(job),
    ['Parallelism', String(spec.parallelism ?? 1)],
    ['Completions', spec.completions === undefined ? '<unset>' : String(spec.completions)],
    ['Suspend', String((spec as { suspend?: boolean }).suspend ?? false)],
    ['Backoff Limit', String(spec.backoffLimit ?? 6)],
    ...timeEntry('Start Time', status.startTime),
    ...timeEntry('Completed At', status.completionTime),
    ...(spec.activeDeadlineSeconds === undefined ? [] : ([['Active Deadline Seconds', `${spec.activeDeadlineSeconds}s`]] as Entry[])),
    ['Pods Statuses', `${status.active ?? 0} Active / ${status.succeeded ?? 0} Succeeded / ${status.failed ?? 0} Failed`],
    ...(status.completedIndexes === undefined ? [] : ([['Completed Indexes', status.completedIndexes]] as Entry[])),
    ['Pod Template', templateSection(spec.template)],
    ['Conditions', conditionLines((status.conditions ?? []) as Condition[])],
  ];
}

export function describeCronJob(cron: KubeObject): Entry[] {
  const spec = cron.spec as CronJobSpec & { timeZone?: string };
  const status = (cron.status ?? {}) as { lastScheduleTime?: string; lastSuccessfulTime?: string; active?: { name?: string }[] };
  const template = spec.jobTemplate.spec?.template;
  return [
    ['Schedule', spec.schedule],
    ...(spec.timeZone === undefined ? [] : ([['Time Zone', spec.timeZone]] as Entry[])),
    ['Concurrency Policy', spec.concurrencyPolicy ?? 'Allow'],
    ['Suspend', String(spec.suspend ?? false)],
    ['Successful Job History Limit', String(spec.successfulJobsHistoryLimit ?? 3)],
    ['Failed Job History Limit', String(spec.failedJobsHistoryLimit ?? 1)],
    ['Starting Deadline Seconds', spec.startingDeadlineSeconds === undefined ? '<unset>' : `${spec.startingDeadlineSeconds}s`],
    ...(template === undefined ? [] : ([['Pod Template', templateSection(template)]] as Entry[])),
    ['Last Schedule Time', status.lastScheduleTime ?? '<unset>'],
    ...timeEntry('Last Successful Time', status.lastSuccessfulTime),
    ['Active Jobs', (status.active ?? []).map(({ name = '' }) => name).join(', ') || '<none>'],
  ];
}

function timeEntry(label: string, time: string | undefined): Entry[] {
  return time === undefined ? [] : [[label, time]];
}
