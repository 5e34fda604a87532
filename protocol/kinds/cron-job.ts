import type { DraftObject, KubeObject } from '../objects.ts';
import { boolean, integer, long, object, oneOf, string } from '../schema/build.ts';
import { invalid, required } from '../schema/field-errors.ts';
import type { CronJobSpec } from '../types.ts';
import { isTimeZone, parseCron } from '../values/cron.ts';
import { ageSince } from '../values/duration.ts';
import { ageColumn, column, fieldColumn, fieldOf, integerColumn, nameColumn, NONE, wideColumn } from './columns.ts';
import { jobPodOf, jobSpecSchema } from './job.ts';
import { validateJob } from './job-validation.ts';
import type { FieldError } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { findUncountedResources } from './pod-validation.ts';
import { storedKind } from './stored/stored-kind.ts';

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
        timeZone: string('Time zone of the schedule.'),
        startingDeadlineSeconds: long('Seconds after which a job that is late is left out.', { minimum: 0 }),
        concurrencyPolicy: oneOf('What becomes of a job when the next is due.', ['Allow', 'Forbid', 'Replace'], { default: 'Allow' }),
        suspend: boolean('It waits.', { default: false }),
        successfulJobsHistoryLimit: integer('Ended jobs that are kept.', { default: 3, minimum: 0 }),
        failedJobsHistoryLimit: integer('Failed jobs that are kept.', { default: 1, minimum: 0 }),
        jobTemplate: object('JobTemplateSpec', 'The job.', { metadata: objectMetaSchema, spec: jobSpecSchema }, { required: ['spec'] }),
      },
      { required: ['schedule', 'jobTemplate'] },
    ),
  },
  required: ['spec'],
  status: 'When it ran last.',
  fillDefaults: (draft) => {
    const job = (draft.spec as CronJobSpec).jobTemplate?.spec;
    if (job?.template?.spec !== undefined) fillPodSpecDefaults(job.template.spec);
  },
  validate: validateCronJob,
  findUnsupported: (draft) =>
    findUncountedResources(jobPodOf((draft.spec as CronJobSpec).jobTemplate?.spec), 'spec.jobTemplate.spec.template.spec'),
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

function validateCronJob(draft: DraftObject): FieldError[] {
  const { schedule = '', timeZone, jobTemplate } = draft.spec as Partial<CronJobSpec>;
  const errors = jobTemplate?.spec === undefined ? [] : validateJob(jobTemplate.spec, 'spec.jobTemplate.spec');
  const { name = '' } = draft.metadata;
  if (name.length > MAX_NAME_LENGTH) errors.push(invalid('metadata.name', name, `must be no more than ${MAX_NAME_LENGTH} characters`));
  if (schedule === '') errors.push(required('spec.schedule'));
  else if (/(?:^|\s)(?:TZ|CRON_TZ)=/.test(schedule))
    errors.push(invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
  else {
    const parsed = parseCron(schedule);
    if ('problem' in parsed) errors.push(invalid('spec.schedule', schedule, parsed.problem));
  }
  if (timeZone === undefined) return errors;
  if (timeZone === '') errors.push(invalid('spec.timeZone', timeZone, 'timeZone must be nil or non-empty string'));
  else if (timeZone.toLowerCase() === 'local')
    errors.push(invalid('spec.timeZone', timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'));
  else if (!isTimeZone(timeZone)) errors.push(invalid('spec.timeZone', timeZone, `unknown time zone ${timeZone}`));
  return errors;
}

function containersText(object: KubeObject, part: (container: { name: string; image?: string }) => string): string {
  return jobPodOf((object.spec as Partial<CronJobSpec> | undefined)?.jobTemplate?.spec)
    .containers.map(part)
    .join(',');
}
