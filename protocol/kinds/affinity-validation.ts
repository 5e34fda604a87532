import { childPath, duplicate, forbidden, invalid, required } from '../schema/field-errors.ts';
import type { LabelSelector, PodAffinityTerm, PodSpec, TopologySpreadConstraint } from '../types.ts';
import { checkDnsLabel, checkDnsSubdomain, checkLabelValue, checkQualifiedName } from '../values/names.ts';
import type { FieldError } from './kind.ts';
import { validateLabelSelector } from './label-selector.ts';

/** Where a pod is to run. Source: validateAffinity and validateTopologySpreadConstraints in pkg/apis/core/validation/validation.go (behaviour and wording). */

type Affinity = NonNullable<PodSpec['affinity']>;
type NodeAffinity = NonNullable<Affinity['nodeAffinity']>;
type NodeTerm = NonNullable<NodeAffinity['preferredDuringSchedulingIgnoredDuringExecution']>[number]['preference'];
type NodeRequirement = NonNullable<NodeTerm['matchExpressions']>[number];

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateAffinity({ nodeAffinity, podAffinity, podAntiAffinity }: Affinity, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (nodeAffinity !== undefined) errors.push(...validateNodeAffinity(nodeAffinity, childPath(at, 'nodeAffinity')));
  for (const [field, affinity] of [['podAffinity', podAffinity] as const, ['podAntiAffinity', podAntiAffinity] as const]) {
    const path = childPath(at, field);
    for (const [index, term] of (affinity?.[REQUIRED] ?? []).entries())
      errors.push(...validatePodTerm(term, childPath(childPath(path, REQUIRED), index)));
    for (const [index, { podAffinityTerm }] of (affinity?.[PREFERRED] ?? []).entries())
      errors.push(...validatePodTerm(podAffinityTerm, childPath(childPath(childPath(path, PREFERRED), index), 'podAffinityTerm')));
  }
  return errors;
}

function validateNodeAffinity(affinity: NodeAffinity, at: string): FieldError[] {
  const wanted = affinity[REQUIRED];
  const errors: FieldError[] = [];
  if (wanted !== undefined) errors.push(...validateNodeSelector(wanted, childPath(at, REQUIRED)));
  for (const [index, { preference }] of (affinity[PREFERRED] ?? []).entries())
    errors.push(...validateNodeTerm(preference, childPath(childPath(childPath(at, PREFERRED), index), 'preference'), false));
  return errors;
}

/** Of a pod, and of a volume. */
export function validateNodeSelector({ nodeSelectorTerms }: { nodeSelectorTerms?: NodeTerm[] }, at: string): FieldError[] {
  const path = childPath(at, 'nodeSelectorTerms');
  const terms = nodeSelectorTerms ?? [];
  if (terms.length === 0) return [required(path, 'must have at least one node selector term')];
  return terms.flatMap((term, index) => validateNodeTerm(term, childPath(path, index), true));
}

/** What is only preferred may name values that no label can have. */
function validateNodeTerm(term: NodeTerm | undefined, at: string, checksValues: boolean): FieldError[] {
  const { matchExpressions = [], matchFields = [] } = term ?? {};
  return [
    ...matchExpressions.flatMap((each, index) =>
      validateNodeRequirement(each, childPath(childPath(at, 'matchExpressions'), index), checksValues),
    ),
    ...matchFields.flatMap((each, index) => validateNodeField(each, childPath(childPath(at, 'matchFields'), index))),
  ];
}

function validateNodeRequirement(requirement: NodeRequirement, at: string, checksValues: boolean): FieldError[] {
  const { key, operator, values = [] } = requirement;
  const path = childPath(at, 'values');
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(path, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) errors.push(forbidden(path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) errors.push(required(path, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else errors.push(notAnOperator(at, operator));
  errors.push(...checkQualifiedName(key ?? '').map((message) => invalid(childPath(at, 'key'), key ?? '', message)));
  if (!checksValues) return errors;
  const wrong = values.flatMap((value, index) => checkLabelValue(value).map((message) => invalid(childPath(path, index), value, message)));
  return [...errors, ...wrong];
}

function validateNodeField({ key, operator, values = [] }: NodeRequirement, at: string): FieldError[] {
  const path = childPath(at, 'values');
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') errors.push(notAnOperator(at, operator));
  else if (values.length !== 1)
    errors.push(required(path, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
  if (key !== 'metadata.name') return [...errors, invalid(childPath(at, 'key'), key ?? '', 'not a valid field selector key')];
  const wrong = values.flatMap((value, index) =>
    checkDnsSubdomain(value).map((message) => invalid(childPath(path, index), value, message)),
  );
  return [...errors, ...wrong];
}

function notAnOperator(at: string, operator: string | undefined): FieldError {
  return invalid(childPath(at, 'operator'), operator ?? '', 'not a valid selector operator');
}

function validatePodTerm(term: PodAffinityTerm | undefined, at: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], matchLabelKeys = [], mismatchLabelKeys = [], topologyKey = '' } = term ?? {};
  const errors = validateLabelSelector(labelSelector ?? {}, childPath(at, 'labelSelector'));
  errors.push(...validateLabelSelector(namespaceSelector ?? {}, childPath(at, 'namespaceSelector')));
  // By a name that the field does not have, as Kubernetes says it.
  for (const name of namespaces) errors.push(...checkDnsLabel(name).map((message) => invalid(childPath(at, 'namespace'), name, message)));
  errors.push(...validateLabelKeys(at, matchLabelKeys, mismatchLabelKeys, labelSelector));
  const path = childPath(at, 'topologyKey');
  if (topologyKey === '') errors.push(required(path, 'can not be empty'));
  return [...errors, ...checkQualifiedName(topologyKey).map((message) => invalid(path, topologyKey, message))];
}

/** Source: ValidateMatchLabelKeysAndMismatchLabelKeys. */
function validateLabelKeys(
  at: string,
  matched: readonly string[],
  mismatched: readonly string[],
  selector: LabelSelector | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, keys] of [['matchLabelKeys', matched] as const, ['mismatchLabelKeys', mismatched] as const]) {
    const path = childPath(at, field);
    if (keys.length > 0 && selector === undefined) errors.push(forbidden(path, 'must not be specified when labelSelector is not set'));
    else
      errors.push(...keys.flatMap((key, index) => checkQualifiedName(key).map((message) => invalid(childPath(path, index), key, message))));
  }
  const selected = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = matched.indexOf(key);
    if (index >= 0 && selected.has(key)) errors.push(invalid(childPath(at, index), key, 'exists in both matchLabelKeys and labelSelector'));
    selected.add(key);
  }
  for (const [index, key] of matched.entries()) {
    if (mismatched.includes(key))
      errors.push(invalid(childPath(childPath(at, 'matchLabelKeys'), index), key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
  }
  return errors;
}

export function validateSpread(constraints: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  return constraints.flatMap((constraint, index) => {
    const at = childPath(path, index);
    const { topologyKey, whenUnsatisfiable, minDomains, matchLabelKeys = [], labelSelector } = constraint;
    const errors: FieldError[] = [];
    const isRepeated = constraints
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (isRepeated) errors.push(duplicate(childPath(at, '{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`));
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalid(childPath(at, 'minDomains'), minDomains, detail));
    }
    errors.push(...validateLabelKeys(at, matchLabelKeys, [], labelSelector));
    return [...errors, ...validateLabelSelector(labelSelector ?? {}, childPath(at, 'labelSelector'))];
  });
}
