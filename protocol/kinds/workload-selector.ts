import { jsonEqual } from '../json.ts';
import type { DraftObject, StoredObject } from '../objects.ts';
import { GoStruct, invalid, required } from '../schema/field-errors.ts';
import type { LabelSelector, PodTemplateSpec } from '../types.ts';
import { labelSelectorMatches } from '../values/label-selector.ts';
import type { FieldError, KindAlias } from './kind.ts';
import { validateLabelSelector } from './label-selector.ts';

interface SelectingSpec {
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}

/** What a workload's selector says, and what its template is asked of it. */
export interface SelectorRules {
  /** As Kubernetes says it: not always the kind. */
  empty: string;
  /** What is said of the whole of a selector that is wrong. */
  wrong: string;
  /** The rules of the template, which nobody looks at where the selector is wrong. */
  template: (template: PodTemplateSpec) => FieldError[];
}

/** The selector of ReplicaSets, Deployments and StatefulSets: there, not empty, and matching the template. Source: pkg/apis/apps/validation (behaviour and wording). */
export function validateWorkloadSelector(draft: DraftObject, { empty, wrong, template: check }: SelectorRules): FieldError[] {
  const { selector, template = {} } = draft.spec as SelectingSpec;
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    const shown = shownSelector(selector);
    const problems = validateLabelSelector(selector, 'spec.selector');
    if (problems.length > 0) return [...problems, invalid('spec.selector', shown, wrong)];
    if (isEmpty(selector)) errors.push(invalid('spec.selector', shown, empty));
  }
  // No selector matches nothing.
  const labels = template.metadata?.labels;
  const isMatching = selector !== undefined && labelSelectorMatches(selector, labels ?? {});
  if (!isMatching) errors.push(noMatch(labels));
  return [...errors, ...check(template)];
}

export function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

export function noMatch(labels: Readonly<Record<string, string>> | undefined): FieldError {
  return invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`');
}

export function shownSelector({ matchLabels, matchExpressions }: LabelSelector): GoStruct {
  return new GoStruct({ ...(matchLabels && { matchLabels }), ...(matchExpressions && { matchExpressions }) });
}

export function validateSelectorUnchanged(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [before.spec as SelectingSpec, after.spec as SelectingSpec];
  return jsonEqual(old.selector ?? null, now.selector ?? null)
    ? []
    : [invalid('spec.selector', now.selector === undefined ? null : shownSelector(now.selector), 'field is immutable')];
}

/** Versions that Kubernetes stopped to serve: read as that of `now`, with its warning. `adapt` sees the spec as it was written. */
export function retiredAlias(
  apiVersion: string,
  kind: string,
  deprecatedSince: string,
  unavailableSince: string,
  adapt: (spec: Record<string, unknown>) => string[],
  now = 'apps/v1',
): KindAlias {
  return {
    apiVersion,
    warning: `${apiVersion} ${kind} is deprecated in ${deprecatedSince}+, unavailable in ${unavailableSince}+; use ${now} ${kind}`,
    convert: (draft) => (isRecord(draft.spec) ? adapt(draft.spec) : []),
  };
}

/** The old versions took the selector from the template's labels when there was none. */
export function fillSelectorFromTemplate(spec: Record<string, unknown>): void {
  const template = isRecord(spec.template) ? spec.template : {};
  const metadata = isRecord(template.metadata) ? template.metadata : {};
  const labels = isRecord(metadata.labels) ? metadata.labels : {};
  if (spec.selector === undefined || spec.selector === null || jsonEqual(spec.selector, {})) {
    if (Object.keys(labels).length > 0) spec.selector = { matchLabels: { ...labels } };
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
