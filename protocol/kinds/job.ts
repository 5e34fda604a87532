import type { KubeObject } from '../objects.ts';
import { boolean, integer, list, long, object, oneOf, string } from '../schema/build.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import type { JobSpec, JobStatus, PodSpec } from '../types.ts';
import { humanDuration } from '../values/duration.ts';
import { parseTime } from '../values/time.ts';
import { ageColumn, column, nameColumn, showLabelSelector, workloadColumns } from './columns.ts';
import { validateJob, validateJobSelector, validateJobUpdate, validateNewJob, validatePodNames } from './job-validation.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podTemplateSpecSchema } from './pod-spec.ts';
import { findUnsupportedInPod } from './pod-validation.ts';
import { storedKind } from './stored/stored-kind.ts';

const exitCodes = object(
  'PodFailurePolicyOnExitCodesRequirement',
  'Exit codes.',
  {
    operator: oneOf('Whether it is one of them.', ['In', 'NotIn'], { missing: { detail: 'valid values: ["In" "NotIn"]' } }),
    containerName: string('The container; any unless given.'),
    values: list('The codes.', integer('A code.'), { missing: 'zero' }),
  },
  { required: ['operator', 'values'] },
);
const podCondition = object(
  'PodFailurePolicyOnPodConditionsPattern',
  'A condition of the pod.',
  {
    type: string('Its type.', { check: 'qualifiedName', missing: 'zero' }),
    status: oneOf('Its status.', ['False', 'True', 'Unknown'], { default: 'True' }),
  },
  { required: ['type'] },
);
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const failureRule = object(
  'PodFailurePolicyRule',
  'What one sort of failure means.',
  {
    action: oneOf('What follows.', ACTIONS, { missing: { detail: `valid values: [${ACTIONS.map((each) => `"${each}"`).join(' ')}]` } }),
    onExitCodes: exitCodes,
    onPodConditions: list('Conditions, one of which it has.', podCondition),
  },
  { required: ['action'] },
);
const successRule = object('SuccessPolicyRule', 'One way to have succeeded.', {
  succeededIndexes: string('Indexes, as in 0-3,7.'),
  succeededCount: integer('How many of them.', { minimum: 0 }),
});

/** In the order in which Kubernetes looks at them. */
const jobFields = {
  parallelism: integer('Pods at the same time.', { minimum: 0 }),
  completions: integer('Pods that must succeed.', { minimum: 0 }),
  activeDeadlineSeconds: long('Seconds after which it has failed.', { minimum: 0 }),
  backoffLimit: integer('Failures after which it has failed.', { minimum: 0 }),
  ttlSecondsAfterFinished: integer('Seconds after its end when it is deleted.', { minimum: 0 }),
  backoffLimitPerIndex: integer('Failures of one index after which that has failed.', { minimum: 0 }),
  maxFailedIndexes: integer('Failed indexes after which it has failed.', { minimum: 0 }),
  managedBy: string('Who runs it, if it is not Kith.'),
  completionMode: oneOf('Whether each completion has a number.', ['NonIndexed', 'Indexed'], { default: 'NonIndexed' }),
  podFailurePolicy: object(
    'PodFailurePolicy',
    'What a failure means.',
    { rules: list('The first that matches counts.', failureRule, { missing: 'zero' }) },
    { required: ['rules'] },
  ),
  successPolicy: object(
    'SuccessPolicy',
    'When it has succeeded before all have.',
    { rules: list('One of them suffices.', successRule, { missing: 'zero' }) },
    { required: ['rules'] },
  ),
  podReplacementPolicy: string('When an ended pod is replaced: Failed, or TerminatingOrFailed.'),
  template: podTemplateSpecSchema,
  selector: labelSelectorSchema,
  manualSelector: boolean('The selector is given, and not made.'),
  suspend: boolean('It waits.', { default: false }),
};
export const jobSpecSchema: ObjectSchema = object('JobSpec', 'What runs, and how often.', jobFields, {
  required: ['template'],
  default: {},
});

export const jobKind = storedKind({
  group: 'batch',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  description: 'Runs pods until enough of them have succeeded.',
  fields: { spec: jobSpecSchema },
  status: 'How far it is.',
  fillDefaults: (draft) => fillJob(draft.spec as JobSpec),
  validate: (draft) => [
    ...validateJob(draft.spec as JobSpec, 'spec'),
    ...validateJobSelector(draft.spec as JobSpec),
    ...validatePodNames(draft),
  ],
  validateCreate: validateNewJob,
  validateUpdate: validateJobUpdate,
  findUnsupported: (draft) => findUnsupportedInPod(jobPodOf(draft.spec as JobSpec), 'spec.template.spec'),
  allColumns: [
    nameColumn,
    column('Status', 'Whether it runs.', jobStatusText),
    column('Completions', 'Pods that succeeded.', completionsText),
    column('Duration', 'How long it took.', (object, now) => {
      const { startTime, completionTime } = statusOf(object);
      if (startTime === undefined) return '';
      const start = parseTime(startTime) ?? now;
      return humanDuration((completionTime === undefined ? now : (parseTime(completionTime) ?? now)) - start);
    }),
    ageColumn,
    ...workloadColumns(showLabelSelector),
  ],
});

export function jobPodOf(job: Partial<JobSpec> | undefined): PodSpec {
  return job?.template?.spec ?? { containers: [] };
}

function statusOf(object: KubeObject): Partial<JobStatus> {
  return object['status'] ?? {};
}

/** Source: SetDefaults_Job in pkg/apis/batch/v1. */
function fillJob(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) [spec.completions, spec.parallelism] = [1, 1];
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  if (spec.template?.spec !== undefined) fillPodSpecDefaults(spec.template.spec);
}

function jobStatusText(object: KubeObject): string {
  const status = statusOf(object);
  const holds = (type: string): boolean => status.conditions?.some((each) => each.type === type && each.status === 'True') === true;
  for (const [type, text] of [
    ['Complete', 'Complete'],
    ['Failed', 'Failed'],
  ] as const)
    if (holds(type)) return text;
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (holds('Suspended')) return 'Suspended';
  return holds('FailureTarget') ? 'FailureTarget' : 'Running';
}

function completionsText(object: KubeObject): string {
  const { completions, parallelism = 0 } = (object.spec ?? {}) as Partial<JobSpec>;
  const succeeded = statusOf(object).succeeded ?? 0;
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}
