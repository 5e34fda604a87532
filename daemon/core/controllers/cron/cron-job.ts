import type { Json } from '../../../../protocol/json.ts';
import { fillDefaults } from '../../../../protocol/kinds/admission.ts';
import { jobKind } from '../../../../protocol/kinds/job.ts';
import type { DesiredObject, ObjectKey, StoredObject } from '../../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../../protocol/objects.ts';
import type { CronJobSpec } from '../../../../protocol/types.ts';
import { type CronSchedule, parseCron } from '../../../../protocol/values/cron.ts';
import { countTimes, latestTime, nextTime } from '../../../../protocol/values/cron-times.ts';
import { formatTime, parseTime } from '../../../../protocol/values/time.ts';
import { isDeleting } from '../../cluster/pods.ts';
import type { ClusterIndex } from '../../cluster/view.ts';
import type { Decision, EventDraft, Now } from '../../decisions.ts';
import { deleteMutations } from '../deletion-world.ts';
import { jobFact } from '../jobs/facts.ts';
import { isCronRun, LAST_SCHEDULED_FACT, LAST_SUCCESS_FACT, lastScheduled, lastSuccess, runsOf, SCHEDULED_ANNOTATION } from './runs.ts';

/** All peers must read a schedule alike, wherever they stand. */
const DEFAULT_TIME_ZONE = 'UTC';
/** Missed times that nobody may have wanted. Source: upstream's mostRecentScheduleTime. */
const MANY_MISSED = 100;
/** However far the next time is: the clock may be set. */
const MOST_WAIT_MS = 600_000;
const COMPONENT = 'cronjob-controller';
const MINUTE_MS = 60_000;

interface CronPass {
  view: ClusterIndex;
  owner: DesiredObject;
  spec: CronJobSpec;
  now: Now;
  runs: readonly DesiredObject[];
  decisions: Decision[];
}

/**
 * The controller of a CronJob. A run is named by its minute: leaders on two sides of a cut, or one after the other, make the same Job, and what was buried is not
 * made again.
 */
export function planCronJob(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const owner = view.get(key);
  if (owner === undefined || isDeleting(owner)) return [];
  const spec = owner.object.spec as CronJobSpec;
  const pass: CronPass = { view, owner, spec, now, runs: runsOf(view, owner), decisions: [] };
  planHistory(pass);
  const schedule = parseCron(spec.schedule);
  if (spec.suspend === true || 'problem' in schedule) return pass.decisions;
  planRun(pass, schedule);
  const next = nextTime(schedule, zoneOf(spec), now.wall);
  if (next !== undefined) pass.decisions.push({ do: 'wake', key, at: now.monotonic + Math.min(MOST_WAIT_MS, next - now.wall) });
  return pass.decisions;
}

function zoneOf(spec: CronJobSpec): string {
  return spec.timeZone ?? DEFAULT_TIME_ZONE;
}

/** Ended runs beyond the history go, the oldest first. */
function planHistory(pass: CronPass): void {
  const { view, now, runs, spec } = pass;
  const limits = [
    ['Complete', spec.successfulJobsHistoryLimit ?? 3],
    ['Failed', spec.failedJobsHistoryLimit ?? 1],
  ] as const;
  const newest = lastSuccess(pass.owner, runs);
  for (const [end, limit] of limits) {
    const ended = runs.filter((run) => jobFact(run.object).end === end && !isDeleting(run)).sort(byStart);
    for (const run of ended.slice(0, Math.max(0, ended.length - limit))) {
      const mutations = [...rememberSuccess(pass, newest), ...deleteMutations(view, run, now.wall)];
      pass.decisions.push({ do: 'write', mutations, reason: `only ${limit} ended runs are kept` });
      tell(pass, 'Normal', 'SuccessfulDelete', `Deleted job ${run.object.metadata.name}`);
    }
  }
}

/** What the Jobs that go would have told. */
function rememberSuccess({ owner }: CronPass, newest: string | undefined) {
  if (newest === undefined || owner.object.kith?.facts?.[LAST_SUCCESS_FACT] === newest) return [];
  return [factUpdate(owner, { [LAST_SUCCESS_FACT]: newest })];
}

function factUpdate(owner: DesiredObject, facts: Record<string, Json>) {
  const next: StoredObject = { ...owner.object, kith: { ...owner.object.kith, facts: { ...owner.object.kith?.facts, ...facts } } };
  return { type: 'update', key: owner.key, uid: owner.uid, base: owner.object, next } as const;
}

function byStart(left: DesiredObject, right: DesiredObject): number {
  const [earlier, later] = [left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp];
  return earlier < later || (earlier === later && left.key < right.key) ? -1 : 1;
}

function planRun(pass: CronPass, schedule: CronSchedule): void {
  const { owner, spec, now, view } = pass;
  const { startingDeadlineSeconds, concurrencyPolicy } = spec;
  const zone = zoneOf(spec);
  const since = parseTime(lastScheduled(owner) ?? owner.object.metadata.creationTimestamp) ?? now.wall;
  const earliest = startingDeadlineSeconds === undefined ? since : Math.max(since, now.wall - startingDeadlineSeconds * 1000 - 1);
  const due = latestTime(schedule, zone, earliest, now.wall);
  if (due === undefined) {
    const missed = startingDeadlineSeconds === undefined ? undefined : latestTime(schedule, zone, since, now.wall);
    if (missed !== undefined) tell(pass, 'Warning', 'MissSchedule', `Missed scheduled time to start a job: ${rfc1123(missed)}`);
    return;
  }
  if (countTimes(schedule, zone, earliest, now.wall, MANY_MISSED + 1) > MANY_MISSED)
    tell(
      pass,
      'Warning',
      'TooManyMissedTimes',
      'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
    );
  const { name, namespace } = owner.object.metadata;
  const key = objectKey('jobs.batch', namespace ?? '', `${name}-${Math.floor(due / MINUTE_MS)}`);
  if (view.get(key) !== undefined || view.buriedLife(key) > 0) {
    // Made on the other side of a cut, or by a leader before us whose note did not come here.
    pass.decisions.push({
      do: 'write',
      mutations: [factUpdate(owner, { [LAST_SCHEDULED_FACT]: formatTime(due) })],
      reason: 'its run was made',
    });
    return;
  }
  const active = pass.runs.filter((run) => isCronRun(run) && jobFact(run.object).end === undefined && !isDeleting(run));
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    tell(pass, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid');
    return;
  }
  const replaced = concurrencyPolicy === 'Replace' ? active : [];
  const mutations = [
    factUpdate(owner, { [LAST_SCHEDULED_FACT]: formatTime(due) }),
    ...replaced.flatMap((run) => deleteMutations(view, run, now.wall)),
    { type: 'create', key, object: newJob(owner, key, due, now), orMerge: true } as const,
  ];
  pass.decisions.push({ do: 'write', mutations, reason: `it was due at ${formatTime(due)}` });
  for (const run of replaced) tell(pass, 'Normal', 'SuccessfulDelete', `Deleted job ${run.object.metadata.name}`);
  tell(pass, 'Normal', 'SuccessfulCreate', `Created job ${parseObjectKey(key).name}`);
}

function newJob(owner: DesiredObject, key: ObjectKey, due: number, now: Now): StoredObject {
  const { jobTemplate } = owner.object.spec as CronJobSpec;
  const { labels, annotations } = jobTemplate.metadata ?? {};
  const { apiVersion, kind, metadata } = owner.object;
  const job: StoredObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: parseObjectKey(key).name,
      namespace: metadata.namespace,
      // Set by the replica, which alone knows the life.
      uid: '',
      creationTimestamp: formatTime(now.wall),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      annotations: { ...annotations, [SCHEDULED_ANNOTATION]: formatTime(due) },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: owner.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: structuredClone(jobTemplate.spec),
  };
  fillDefaults(jobKind, job);
  return job;
}

function tell(pass: CronPass, type: EventDraft['type'], reason: string, message: string): void {
  pass.decisions.push({ do: 'event', event: { about: pass.owner.object, type, reason, message, component: COMPONENT } });
}

/** As Go's RFC1123Z prints it. */
function rfc1123(ms: number): string {
  return new Date(ms).toUTCString().replace(/GMT$/, '+0000');
}
