import { jsonEqual } from '../json.ts';
import type { DraftObject, StoredObject } from '../objects.ts';
import { childPath, duplicate, GoStruct, invalid, notSupported, required, tooLong, tooMany } from '../schema/field-errors.ts';
import type { JobSpec, PodSpec, PodTemplateSpec } from '../types.ts';
import { labelSelectorMatches } from '../values/label-selector.ts';
import { checkDnsLabel, checkDomainPrefixedPath } from '../values/names.ts';
import type { FieldError } from './kind.ts';
import { validateLabelSelector } from './label-selector.ts';
import { validatePodTemplate } from './pod-validation.ts';
import { noMatch, shownSelector } from './workload-selector.ts';

/** Kubernetes' rules for Jobs. Source: pkg/apis/batch/validation/validation.go (behaviour and wording). */

const MAX_INDEXED = 100_000;
/** Of more completions with a limit for each. */
const MAX_OF_MANY = 10_000;
const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_MANAGER_BYTES = 63;
const MAX_INDEXES_BYTES = 64 * 1024;

export function validateJob(given: JobSpec, path: string): FieldError[] {
  const spec = { ...given, template: (given as Partial<JobSpec>).template ?? {} };
  return [
    ...validateManager(spec, childPath(path, 'managedBy')),
    ...validateIndexed(spec, path),
    ...validateFailurePolicy(spec, childPath(path, 'podFailurePolicy')),
    ...validateSuccessPolicy(spec, childPath(path, 'successPolicy')),
    ...validateReplacement(spec, childPath(path, 'podReplacementPolicy')),
    ...validatePodTemplate(spec.template, childPath(path, 'template')),
    ...validateRestartPolicy(spec, childPath(path, 'template.spec.restartPolicy')),
  ];
}

/** Of a Job itself, whose controller makes its selector unless it is said to be given. */
export function validateJobSelector({ selector, manualSelector, template }: JobSpec): FieldError[] {
  const errors = selector === undefined ? [] : validateLabelSelector(selector, 'spec.selector');
  if (manualSelector !== true || errors.length > 0) return errors;
  if (selector === undefined) errors.push(required('spec.selector'));
  const labels = template?.metadata?.labels;
  const isMatching = selector !== undefined && labelSelectorMatches(selector, labels ?? {});
  return isMatching ? errors : [...errors, noMatch(labels)];
}

/** One that is given all the same names others than the uid and the name that the Job will have. */
export function validateNewJob(draft: DraftObject): FieldError[] {
  const { selector, manualSelector, template } = draft.spec as JobSpec;
  if (selector === undefined || manualSelector === true) return [];
  const labels = template?.metadata?.labels;
  const errors = [invalid('spec.selector', shownSelector(selector), '`selector` not auto-generated')];
  return labelSelectorMatches(selector, labels ?? {}) ? errors : [...errors, noMatch(labels)];
}

/** The last pod's host name must be one. */
export function validatePodNames(draft: DraftObject): FieldError[] {
  const { completionMode, completions = 0 } = draft.spec as JobSpec;
  const { name = '' } = draft.metadata;
  const last = `${name}-${completions - 1}`;
  if (name === '' || completionMode !== 'Indexed' || completions === 0 || checkDnsLabel(last).length === 0) return [];
  return [invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${last}`)];
}

function validateManager({ managedBy }: JobSpec, at: string): FieldError[] {
  if (managedBy === undefined) return [];
  if (managedBy === '') return [required(at)];
  const errors = checkDomainPrefixedPath(managedBy).map(({ part, message }) => invalid(at, part, message));
  return Buffer.byteLength(managedBy) > MAX_MANAGER_BYTES ? [...errors, tooLong(at, MAX_MANAGER_BYTES)] : errors;
}

function validateRestartPolicy(spec: JobSpec, at: string): FieldError[] {
  const policy = spec.template.spec?.restartPolicy;
  if (policy === undefined || policy === '' || policy === 'Always') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (spec.podFailurePolicy === undefined || policy === 'Never') return [];
  return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const { completionMode, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  const limit = childPath(path, 'backoffLimitPerIndex');
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(limit, 'when maxFailedIndexes is specified'));
  if (completionMode === 'Indexed') return [...errors, ...validateIndexCounts(spec, path)];
  if (backoffLimitPerIndex !== undefined) errors.push(invalid(limit, backoffLimitPerIndex, 'requires indexed completion mode'));
  if (maxFailedIndexes !== undefined)
    errors.push(invalid(childPath(path, 'maxFailedIndexes'), maxFailedIndexes, 'requires indexed completion mode'));
  return errors;
}

function validateIndexCounts(spec: JobSpec, path: string): FieldError[] {
  const { completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  const most = (field: 'parallelism' | 'maxFailedIndexes', value: number, words: string): void => {
    errors.push(invalid(childPath(path, field), value, `must be less than or equal to ${words}`));
  };
  if (completions === undefined) errors.push(required(childPath(path, 'completions'), 'when completion mode is Indexed'));
  if (parallelism > MAX_INDEXED) most('parallelism', parallelism, `${MAX_INDEXED} when completion mode is Indexed`);
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    most('maxFailedIndexes', maxFailedIndexes, 'completions');
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MAX_INDEXED) most('maxFailedIndexes', maxFailedIndexes, `${MAX_INDEXED}`);
  if (completions === undefined || completions <= MAX_INDEXED || backoffLimitPerIndex === undefined) return errors;
  const of = `when completions are above ${MAX_INDEXED} and used with backoff limit per index`;
  if (maxFailedIndexes === undefined)
    errors.push(required(childPath(path, 'maxFailedIndexes'), `must be specified when completions is above ${MAX_INDEXED}`));
  if (parallelism > MAX_OF_MANY) most('parallelism', parallelism, `${MAX_OF_MANY} ${of}`);
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MAX_OF_MANY) most('maxFailedIndexes', maxFailedIndexes, `${MAX_OF_MANY} ${of}`);
  return errors;
}

function validateReplacement({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, at: string): FieldError[] {
  const policies = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  return policy === undefined || policies.includes(policy) ? [] : [notSupported(at, policy, policies)];
}

function validateFailurePolicy({ podFailurePolicy, backoffLimitPerIndex, template }: JobSpec, path: string): FieldError[] {
  if (podFailurePolicy === undefined) return [];
  const { rules = [] }: Partial<typeof podFailurePolicy> = podFailurePolicy;
  const list = childPath(path, 'rules');
  const count = rules.length > MAX_RULES ? [tooMany(list, rules.length, MAX_RULES)] : [];
  const { containers = [], initContainers = [] }: Partial<PodSpec> = template.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  const each = rules.flatMap(({ action, onExitCodes, onPodConditions = [] }, index) => {
    const at = childPath(list, index);
    const errors: FieldError[] = [];
    if (action === 'FailIndex' && backoffLimitPerIndex === undefined)
      errors.push(invalid(childPath(at, 'action'), action, 'requires the backoffLimitPerIndex to be set'));
    if (onExitCodes !== undefined) errors.push(...validateExitCodes(onExitCodes, names, childPath(at, 'onExitCodes')));
    if (onPodConditions.length > MAX_RULES) errors.push(tooMany(childPath(at, 'onPodConditions'), onPodConditions.length, MAX_RULES));
    if (onExitCodes !== undefined && onPodConditions.length > 0)
      errors.push(invalidWhole(at, 'specifying both OnExitCodes and OnPodConditions is not supported'));
    if (onExitCodes === undefined && onPodConditions.length === 0)
      errors.push(invalidWhole(at, 'specifying one of OnExitCodes and OnPodConditions is required'));
    return errors;
  });
  return [...count, ...each];
}

function invalidWhole(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${detail}` };
}

interface ExitCodes {
  containerName?: string;
  operator?: string;
  values?: readonly number[];
}

function validateExitCodes({ containerName, operator, values = [] }: ExitCodes, names: ReadonlySet<string>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (containerName !== undefined && !names.has(containerName)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalid(childPath(at, 'containerName'), containerName, detail));
  }
  const path = childPath(at, 'values');
  if (values.length === 0) errors.push(invalid(path, values, 'at least one value is required'));
  if (values.length > MAX_EXIT_CODES) errors.push(tooMany(path, values.length, MAX_EXIT_CODES));
  const seen = new Set<number>();
  for (const [index, code] of values.entries()) {
    if (operator === 'In' && code === 0) errors.push(invalid(childPath(path, index), code, 'must not be 0 for the In operator'));
    if (seen.has(code)) errors.push(duplicate(childPath(path, index), code));
    seen.add(code);
  }
  if (values.some((code, index) => index > 0 && code < (values[index - 1] ?? code))) errors.push(invalid(path, values, 'must be ordered'));
  return errors;
}

function validateSuccessPolicy({ successPolicy, completionMode, completions = 0 }: JobSpec, path: string): FieldError[] {
  if (successPolicy === undefined) return [];
  const { rules = [] }: Partial<typeof successPolicy> = successPolicy;
  if (completionMode !== 'Indexed') return [invalid(path, shownPolicy(rules), 'requires indexed completion mode')];
  const list = childPath(path, 'rules');
  if (rules.length === 0) return [required(list, 'at least one rules must be specified when the successPolicy is specified')];
  const number = rules.length > MAX_RULES ? [tooMany(list, rules.length, MAX_RULES)] : [];
  const each = rules.flatMap(({ succeededIndexes: indexes, succeededCount: count }, index) => {
    const at = childPath(list, index);
    if (indexes === undefined && count === undefined)
      return [required(at, 'at least one of succeededCount or succeededIndexes must be specified')];
    const parsed = indexes === undefined ? { total: completions } : countIndexes(indexes, completions);
    const errors: FieldError[] = [];
    if (Buffer.byteLength(indexes ?? '') > MAX_INDEXES_BYTES) errors.push(tooLong(childPath(at, 'succeededIndexes'), MAX_INDEXES_BYTES));
    if ('problem' in parsed)
      errors.push(invalid(childPath(at, 'succeededIndexes'), indexes, `error parsing succeededIndexes: ${parsed.problem}`));
    if (count === undefined) return errors;
    const countPath = childPath(at, 'succeededCount');
    const tooHigh = (words: string): FieldError => invalid(countPath, count, `must be less than or equal to ${words}`);
    if (count > completions) errors.push(tooHigh(`${completions} (the number of specified completions)`));
    // What can't be read names none.
    const total = 'total' in parsed ? parsed.total : 0;
    if (indexes !== undefined && count > total)
      errors.push(tooHigh(`${total} (the number of indexes in the specified succeededIndexes field)`));
    return errors;
  });
  return [...number, ...each];
}

/** Source: validateIndexesFormat. */
function countIndexes(text: string, completions: number): { total: number } | { problem: string } {
  if (text === '') return { total: 0 };
  let [total, last] = [0, -1];
  for (const interval of text.split(',')) {
    const limits = interval.split('-');
    const shown = JSON.stringify(interval);
    if (limits.length > 2)
      return {
        problem: `the fragment ${shown} violates the requirement that an index interval can have at most two parts separated by '-'`,
      };
    const [first = NaN, second = first] = limits.map((limit) => (/^[+-]?\d+$/.test(limit) ? Number(limit) : NaN));
    const bad = limits.find((limit) => !/^[+-]?\d+$/.test(limit));
    if (bad !== undefined) return { problem: `cannot convert string to integer for index: ${JSON.stringify(bad)}` };
    for (const each of limits.length === 2 ? [first, second] : [first])
      if (each >= completions) return { problem: `too large index: ${JSON.stringify(String(each))}` };
    if (first <= last) return { problem: `non-increasing order, previous: ${last}, current: ${first}` };
    if (limits.length === 2 && first >= second) return { problem: `non-increasing order, previous: ${first}, current: ${second}` };
    total += second - first + 1;
    last = second;
  }
  return { total };
}

function shownPolicy(rules: readonly { succeededIndexes?: string; succeededCount?: number }[]): GoStruct {
  const shown = rules.map(({ succeededIndexes, succeededCount }) => ({
    SucceededCount: succeededCount ?? null,
    SucceededIndexes: succeededIndexes ?? null,
  }));
  return new GoStruct({ Rules: shown });
}

const FIXED = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

/** Source: ValidateJobSpecUpdate. */
export function validateJobUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [before.spec as JobSpec, after.spec as JobSpec];
  const fixed = (field: keyof JobSpec): FieldError[] =>
    jsonEqual(old[field] ?? null, now[field] ?? null) ? [] : [invalid(`spec.${field}`, now[field] ?? null, 'field is immutable')];
  const errors: FieldError[] = [];
  // Of an indexed Job both may change together.
  if (now.completionMode !== 'Indexed') errors.push(...fixed('completions'));
  else if (now.completions !== undefined && now.completions !== old.completions && now.completions !== now.parallelism)
    errors.push(invalid('spec.completions', now.completions, 'can only be modified in tandem with spec.parallelism'));
  // The controller gives it; what a client knew before that has none.
  if (now.selector !== undefined || old.manualSelector === true) errors.push(...fixed('selector'));
  const [was, is] = [old.template, now.template].map(isWaiting(before) ? withoutScheduling : (template) => template);
  if (!jsonEqual(was ?? {}, is ?? {})) errors.push(invalid('spec.template', now.template, 'field is immutable'));
  return [...errors, ...FIXED.flatMap(fixed)];
}

/** It never had a pod: who decides when it starts may also say where. */
function isWaiting(job: StoredObject): boolean {
  return (job.spec as JobSpec).suspend === true && Object.keys(job.kith?.slots ?? {}).length === 0;
}

/** Source: validatePodTemplateUpdate. */
function withoutScheduling({ metadata, spec, ...rest }: PodTemplateSpec): PodTemplateSpec {
  const { labels: _labels, annotations: _annotations, ...named } = metadata ?? {};
  const { nodeSelector: _selector, tolerations: _tolerations, schedulingGates: _gates, affinity, ...kept } = spec ?? { containers: [] };
  const { nodeAffinity: _node, ...others } = affinity ?? {};
  return { ...rest, metadata: named, spec: { ...kept, affinity: others } };
}
