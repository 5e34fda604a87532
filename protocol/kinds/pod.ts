import type { DraftObject, StoredObject } from '../objects.ts';
import { any, object } from '../schema/build.ts';
import { childPath, forbidden, invalid } from '../schema/field-errors.ts';
import { canonicalJson, jsonEqual } from '../json.ts';
import type { Pod, PodSpec } from '../types.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { podColumns } from './pod-columns.ts';
import { fillPodSpecDefaults } from './pod-defaults.ts';
import { podSpecSchema } from './pod-spec.ts';
import { findUnsupportedInPod, validatePodAnnotations, validatePodSpec } from './pod-validation.ts';
import { typeMetaFields } from './type-meta.ts';

const IMMUTABLE_MESSAGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export const podKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  namespaced: true,
  categories: ['all'],
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status', 'log', 'exec', 'attach', 'portforward', 'proxy', 'binding', 'eviction', 'ephemeralcontainers'],
  schema: object('Pod', 'One or more containers that share a network address and a fate.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    spec: podSpecSchema,
    status: any('How the pod is doing. Written by its node.'),
  }),
  // The spec is one value, so that no merge makes a pod that nobody wrote.
  mergeUnits: { members: [] },
  fillDefaults: (draft) => fillPodSpecDefaults(draft.spec as PodSpec),
  validate: (object) => [
    ...validatePodAnnotations(object.metadata.annotations, 'metadata.annotations'),
    ...validatePodSpec(object.spec as PodSpec, 'spec'),
  ],
  findUnsupported: (object) => findUnsupportedInPod(object.spec as PodSpec, 'spec'),
  validateCreate: (object) => validatePodCreate(object.spec as PodSpec),
  validateUpdate: validatePodUpdate,
  columns: podColumns,
};

function validatePodCreate({ ephemeralContainers = [], schedulingGates = [], nodeName = '' }: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (ephemeralContainers.length > 0) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (schedulingGates.length > 0 && nodeName !== '')
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  return errors;
}

/** Gates are only lifted. Source: validateOnlyDeletedSchedulingGates. */
function validateGateUpdate({ schedulingGates: old = [] }: PodSpec, { schedulingGates: now = [] }: PodSpec): FieldError[] {
  return now.flatMap(({ name }, index) => {
    if (old.some((gate) => gate.name === name)) return [];
    return [forbidden(`spec.schedulingGates[${index}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)];
  });
}

/** Who holds a pod back may narrow down where it goes. Source: validateNodeSelectorMutation. */
function validateSelectorUpdate({ schedulingGates = [], nodeSelector: old }: PodSpec, { nodeSelector: now = {} }: PodSpec): FieldError[] {
  if (schedulingGates.length === 0 || Object.entries(old ?? {}).every(([key, value]) => now[key] === value)) return [];
  return [invalid('spec.nodeSelector', now, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)')];
}

/** A running pod can't be changed; but for images, its deadline and further tolerations. */
function validatePodUpdate(stored: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [(stored as Pod).spec, after.spec as PodSpec];
  const errors: FieldError[] = [];
  for (const field of ['containers', 'initContainers'] as const) {
    if ((old[field] ?? []).length !== (now[field] ?? []).length)
      return [forbidden(`spec.${field}`, 'pod updates may not add or remove containers')];
  }
  const at = 'spec.activeDeadlineSeconds';
  const [{ activeDeadlineSeconds: before }, { activeDeadlineSeconds: deadline }] = [old, now];
  if (deadline !== undefined && before !== undefined && deadline > before)
    return [invalid(at, deadline, 'must be less than or equal to previous value')];
  if (deadline === undefined && before !== undefined)
    errors.push(invalid(at, null, 'must not update from a positive integer to nil value'));
  // For how long a taint is put up with may change.
  const kept = new Set((now.tolerations ?? []).map(({ tolerationSeconds: _seconds, ...toleration }) => canonicalJson(toleration)));
  if ((old.tolerations ?? []).some(({ tolerationSeconds: _seconds, ...toleration }) => !kept.has(canonicalJson(toleration))))
    errors.push(forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'));
  errors.push(...validateGateUpdate(old, now), ...validateSelectorUpdate(old, now));
  const gated = (old.schedulingGates ?? []).length > 0;
  const changed = changedFields(fixedPart(old, gated), fixedPart(now, gated));
  if (changed.length > 0) errors.push(forbidden('spec', `${IMMUTABLE_MESSAGE}\nchanged: ${changed.join(', ')}`));
  return errors;
}

/** The spec without what may change. `nodeName` is derived from the binding, so a client that leaves it out changes nothing. */
function fixedPart(spec: PodSpec, gated: boolean): Record<string, unknown> {
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, schedulingGates: _gates, nodeName: _node, ...held } = spec;
  const { initContainers = [], containers, nodeSelector, ...rest } = held;
  const fixed = (list: PodSpec['containers']): unknown[] => list.map(({ image: _image, ...container }) => container);
  const placed = gated || nodeSelector === undefined ? {} : { nodeSelector };
  return { ...rest, ...placed, initContainers: fixed(initContainers), containers: fixed(containers) };
}

function changedFields(old: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.filter((name) => !jsonEqual(old[name] ?? null, now[name] ?? null)).map((name) => childPath('spec', name));
}
