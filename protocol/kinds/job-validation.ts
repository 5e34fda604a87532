import { jsonEqual } from '../json.ts';
import type { DraftObject, StoredObject } from '../objects.ts';
import { childPath, duplicate, invalid, notSupported, required } from '../schema/field-errors.ts';
import type { JobSpec } from '../types.ts';
import type { FieldError } from './kind.ts';
import { validatePodTemplate } from './pod-validation.ts';

/** Kubernetes' rules for Jobs. Source: pkg/apis/batch/validation/validation.go (behaviour and wording). */

const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_FAILURE_RULES = 20;
const MAX_EXIT_CODES = 255;

export function validateJob(spec: JobSpec, path: string): FieldError[] {
  if (spec.template === undefined) return [required(childPath(path, 'template'))];
  return [
    ...validatePodTemplate(spec.template, childPath(path, 'template')),
    ...validateRestartPolicy(spec, childPath(path, 'template.spec.restartPolicy')),
    ...validateIndexed(spec, path),
    ...validateFailurePolicy(spec, childPath(path, 'podFailurePolicy')),
    ...validateSuccessPolicy(spec, childPath(path, 'successPolicy')),
  ];
}

function validateRestartPolicy(spec: JobSpec, at: string): FieldError[] {
  const policy = spec.template.spec?.restartPolicy;
  if (policy === 'Always')
    return [{ ...notSupported(at, policy, ['OnFailure', 'Never']), message: 'Required value: valid values: "OnFailure", "Never"' }];
  if (spec.podFailurePolicy === undefined || policy === 'Never') return [];
  return [invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const { completionMode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  const isIndexed = completionMode === 'Indexed';
  if (isIndexed && completions === undefined) errors.push(required(childPath(path, 'completions'), 'when completion mode is Indexed'));
  if (isIndexed && parallelism > MAX_INDEXED_PARALLELISM) {
    const detail = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
    errors.push(invalid(childPath(path, 'parallelism'), parallelism, detail));
  }
  if (!isIndexed && backoffLimitPerIndex !== undefined)
    errors.push(invalid(childPath(path, 'backoffLimitPerIndex'), backoffLimitPerIndex, 'requires indexed completion mode'));
  if (maxFailedIndexes === undefined) return errors;
  if (backoffLimitPerIndex === undefined)
    errors.push(required(childPath(path, 'backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  if (completions !== undefined && maxFailedIndexes > completions)
    errors.push(invalid(childPath(path, 'maxFailedIndexes'), maxFailedIndexes, 'must be less than or equal to completions'));
  return errors;
}

function validateFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const { podFailurePolicy, podReplacementPolicy, backoffLimitPerIndex, template } = spec;
  if (podFailurePolicy === undefined) return [];
  const errors: FieldError[] = [];
  if (podReplacementPolicy !== undefined && podReplacementPolicy !== 'Failed')
    errors.push(notSupported(path.replace(/podFailurePolicy$/, 'podReplacementPolicy'), podReplacementPolicy, ['Failed']));
  const { rules } = podFailurePolicy;
  if (rules.length > MAX_FAILURE_RULES)
    return [
      {
        field: childPath(path, 'rules'),
        reason: 'FieldValueTooLong',
        message: `Too many: ${rules.length}: must have at most ${MAX_FAILURE_RULES} items`,
      },
    ];
  const { containers = [], initContainers = [] } = template.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  for (const [index, { action, onExitCodes, onPodConditions }] of rules.entries()) {
    const at = childPath(childPath(path, 'rules'), index);
    if (action === 'FailIndex' && backoffLimitPerIndex === undefined)
      errors.push(invalid(childPath(at, 'action'), action, 'requires the backoffLimitPerIndex to be set'));
    if (onExitCodes !== undefined && (onPodConditions ?? []).length > 0)
      errors.push(invalidWhole(at, 'specifying both OnExitCodes and OnPodConditions is not supported'));
    if (onExitCodes === undefined && (onPodConditions ?? []).length === 0)
      errors.push(invalidWhole(at, 'specifying one of OnExitCodes and OnPodConditions is required'));
    if (onExitCodes === undefined) continue;
    const { containerName } = onExitCodes;
    if (containerName !== undefined && !names.has(containerName))
      errors.push(
        invalid(
          childPath(at, 'onExitCodes.containerName'),
          containerName,
          'must be one of the container or initContainer names in the pod template',
        ),
      );
    errors.push(...validateExitCodes(onExitCodes, childPath(at, 'onExitCodes.values')));
  }
  return errors;
}

function invalidWhole(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${detail}` };
}

function validateExitCodes({ operator, values }: { operator: string; values: readonly number[] }, path: string): FieldError[] {
  if (values.length === 0) return [invalid(path, values, 'at least one value is required')];
  if (values.length > MAX_EXIT_CODES)
    return [{ field: path, reason: 'FieldValueTooLong', message: `Too many: ${values.length}: must have at most ${MAX_EXIT_CODES} items` }];
  const errors: FieldError[] = [];
  for (const [index, code] of values.entries()) {
    if (operator === 'In' && code === 0) errors.push(invalid(childPath(path, index), code, 'must not be 0 for the In operator'));
    if (values.indexOf(code) < index) errors.push(duplicate(childPath(path, index), code));
  }
  if (values.some((code, index) => index > 0 && code < (values[index - 1] ?? code))) errors.push(invalid(path, values, 'must be ordered'));
  return errors;
}

const INDEXES = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/;

function validateSuccessPolicy({ successPolicy, completionMode }: JobSpec, path: string): FieldError[] {
  if (successPolicy === undefined) return [];
  if (completionMode !== 'Indexed') return [invalid(path, successPolicy, 'requires indexed completion mode')];
  const { rules } = successPolicy;
  if (rules.length === 0)
    return [required(childPath(path, 'rules'), 'at least one rules must be specified when the successPolicy is specified')];
  return rules.flatMap(({ succeededIndexes, succeededCount }, index) => {
    const at = childPath(childPath(path, 'rules'), index);
    if (succeededIndexes === undefined && succeededCount === undefined)
      return [required(at, 'at least one of succeededCount or succeededIndexes must be specified')];
    if (succeededIndexes !== undefined && !INDEXES.test(succeededIndexes))
      return [
        invalid(
          childPath(at, 'succeededIndexes'),
          succeededIndexes,
          'error parsing succeededIndexes: cannot convert string to integer for index',
        ),
      ];
    return [];
  });
}

const FIXED = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

export function validateJobUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [before.spec as JobSpec, after.spec as JobSpec];
  const fixed = (field: keyof JobSpec): FieldError[] =>
    jsonEqual(old[field] ?? null, now[field] ?? null) ? [] : [invalid(`spec.${field}`, now[field] ?? null, 'field is immutable')];
  const errors = FIXED.flatMap(fixed);
  // The controller gives it; what a client knew before that has none.
  if (now.selector !== undefined || old.manualSelector === true) errors.push(...fixed('selector'));
  // Of an indexed Job both may change together.
  const isElastic = now.completionMode === 'Indexed' && now.completions === now.parallelism && old.completions === old.parallelism;
  if (!isElastic) errors.push(...fixed('completions'));
  if (old.suspend !== true) errors.push(...fixed('template'));
  return errors;
}
