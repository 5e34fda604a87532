import type { DraftObject, KubeObject } from '../objects.ts';
import { boolean, integer, long, object, oneOf, string } from '../schema/build.ts';
import { invalid, notSupported } from '../schema/field-errors.ts';
import type { CronJobSpec } from '../types.ts';
import { isTimeZone, parseCron } from '../values/cron.ts';
import { ageSince } from '../values/duration.ts';
import { ageColumn, column, fieldColumn, fieldOf, integerColumn, nameColumn, NONE, wideColumn } from './columns.ts';
import { jobPodOf, jobSpecSchema } from './job.ts';
import { validateJob } from './job-validation.ts';
import type { FieldError } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { findUnsupportedInPod } from './pod-validation.ts';
import { storedKind } from './stored/stored-kind.ts';
import { shownSelector } from './workload-selector.ts';

export const cronJobKind = storedKind({
  group: 'batch',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  description: 'Makes a job by the clock.',
  fields: {
    spec: object(
      'CronJobSpec',
      'When, and which job.',
      {
        schedule: string('When, as cron has it.'),
        startingDeadlineSeconds: long('Seconds after which a job that is late is left out.', { minimum: 0 }),
        timeZone: string('Time zone of the schedule.'),
        concurrencyPolicy: oneOf('What becomes of a job when the next is due.', ['Allow', 'Forbid', 'Replace'], { default: 'Allow' }),
        jobTemplate: object('JobTemplateSpec', 'The job.', { metadata: objectMetaSchema, spec: jobSpecSchema }, { default: {} }),
        suspend: boolean('It waits.', { default: false }),
        successfulJobsHistoryLimit: integer('Ended jobs that are kept.', { default: 3, minimum: 0 }),
        failedJobsHistoryLimit: integer('Failed jobs that are kept.', { default: 1, minimum: 0 }),
      },
      { required: ['schedule', 'jobTemplate'], default: {} },
    ),
  },
  status: 'When it ran last.',
  fillDefaults: (draft) => {
    const job = (draft.spec as CronJobSpec).jobTemplate?.spec;
    if (job?.template?.spec !== undefined) fillPodSpecDefaults(job.template.spec);
  },
  validate: validateCronJob,
  validateCreate: ({ metadata: { name = '' } }) =>
    name.length > MAX_NAME_LENGTH ? [invalid('metadata.name', name, `must be no more than ${MAX_NAME_LENGTH} characters`)] : [],
  findUnsupported: (draft) =>
    findUnsupportedInPod(jobPodOf((draft.spec as CronJobSpec).jobTemplate?.spec), 'spec.jobTemplate.spec.template.spec'),
  allColumns: [
    nameColumn,
    fieldColumn('Schedule', 'spec.schedule', 'When.'),
    fieldColumn('Timezone', 'spec.timeZone', 'Time zone of the schedule.', NONE),
    column('Suspend', 'Whether it waits.', (object) => (fieldOf(object, 'spec.suspend') === true ? 'True' : 'False')),
    integerColumn('Active', 'Jobs that run.', (object) => ((fieldOf(object, 'status.active') ?? []) as unknown[]).length),
    column('Last Schedule', 'Time since it ran last.', (object, now) => {
      const last = fieldOf(object, 'status.lastScheduleTime');
      return typeof last === 'string' ? ageSince(last, now) : NONE;
    }),
    ageColumn,
    wideColumn('Containers', 'Names of the containers.', (object) => containersText(object, (container) => container.name)),
    wideColumn('Images', 'Images of the containers.', (object) => containersText(object, (container) => container.image ?? '')),
    wideColumn('Selector', 'Which pods belong to it.', () => NONE),
  ],
});

/** Eleven fewer than a label may have: a run's name ends in its minute. Source: ValidateCronJobCreate. */
const MAX_NAME_LENGTH = 52;

/** Source: validateCronJobSpec (behaviour and wording). */
function validateCronJob(draft: DraftObject): FieldError[] {
  const { schedule = '', timeZone, jobTemplate } = draft.spec as Partial<CronJobSpec>;
  const job = jobTemplate?.spec;
  const errors = schedule === '' ? [] : validateSchedule(schedule);
  if (timeZone !== undefined) errors.push(...validateTimeZone(timeZone));
  if (job === undefined) return errors;
  const path = 'spec.jobTemplate.spec';
  errors.push(...validateJob(job, path));
  if (job.selector !== undefined)
    errors.push(invalid(`${path}.selector`, shownSelector(job.selector), '`selector` will be auto-generated'));
  if (job.manualSelector === true) errors.push(notSupported(`${path}.manualSelector`, true, ['nil', 'false']));
  return errors;
}

function validateSchedule(schedule: string): FieldError[] {
  const at = 'spec.schedule';
  const [prefix = '', zone = ''] = /^(?:CRON_)?TZ=(\S*)\s+/.exec(schedule) ?? [];
  const parsed = parseCron(schedule.slice(prefix.length));
  const errors: FieldError[] = [];
  if (zone !== '' && !isTimeZone(zone)) errors.push(invalid(at, schedule, `provided bad location ${zone}: unknown time zone ${zone}`));
  else if ('problem' in parsed) errors.push(invalid(at, schedule, parsed.problem));
  if (schedule.includes('TZ')) errors.push(invalid(at, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  return errors;
}

function validateTimeZone(timeZone: string): FieldError[] {
  const at = 'spec.timeZone';
  if (timeZone === '') return [invalid(at, timeZone, 'timeZone must be nil or non-empty string')];
  if (timeZone.toLowerCase() === 'local')
    return [invalid(at, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')];
  return isTimeZone(timeZone) ? [] : [invalid(at, timeZone, `unknown time zone ${timeZone}`)];
}

function containersText(object: KubeObject, part: (container: { name: string; image?: string }) => string): string {
  return jobPodOf((object.spec as Partial<CronJobSpec> | undefined)?.jobTemplate?.spec)
    .containers.map(part)
    .join(',');
}
