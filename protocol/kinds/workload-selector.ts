import { jsonEqual } from '../json.ts';
import type { DraftObject, StoredObject } from '../objects.ts';
import { invalid, required } from '../schema/field-errors.ts';
import type { LabelSelector, PodTemplateSpec } from '../types.ts';
import { labelSelectorMatches } from '../values/label-selector.ts';
import type { FieldError, KindAlias } from './kind.ts';
import { validateLabelSelector } from './label-selector.ts';

interface SelectingSpec {
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}

/** The selector of ReplicaSets and Deployments: there, not empty, and matching the template. `owner` is the kind in lower case. */
export function validateWorkloadSelector(draft: DraftObject, owner: string): FieldError[] {
  const { selector, template } = draft.spec as SelectingSpec;
  if (selector === undefined) return [required('spec.selector')];
  const problems = validateLabelSelector(selector, 'spec.selector');
  if (problems.length > 0) return problems;
  if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
    return [invalid('spec.selector', selector, `empty selector is invalid for ${owner}`)];
  }
  const labels = template?.metadata?.labels ?? {};
  if (template === undefined || labelSelectorMatches(selector, labels)) return [];
  return [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

export function validateSelectorUnchanged(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [before.spec as SelectingSpec, after.spec as SelectingSpec];
  return jsonEqual(old.selector ?? null, now.selector ?? null)
    ? []
    : [invalid('spec.selector', now.selector ?? null, 'field is immutable')];
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
