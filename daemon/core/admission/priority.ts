/** Priorities of pods, by their classes. Source, behaviour and wording: plugin/pkg/admission/priority. */
import type { PodSpec } from '../../../protocol/types.ts';
import { objectKey, type StoredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';

export const PRIORITY_CLASSES = 'priorityclasses.scheduling.k8s.io';
/** Classes that every cluster has. Source: pkg/apis/scheduling/v1/helpers.go. */
export const SYSTEM_CLASSES = [
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
] as const;

const DEFAULT_POLICY = 'PreemptLowerPriority';

interface PriorityClass extends StoredObject {
  value?: number;
  globalDefault?: boolean;
  preemptionPolicy?: string;
}

export type Prioritized = { spec: PodSpec } | { refusal: string };

/** What a pod's class makes of it. A pod without class, where none is the default, stays as it is: its priority is 0. */
export function withPriority(view: Pick<ClusterView, 'get' | 'list'>, spec: PodSpec): Prioritized {
  const named = spec.priorityClassName ?? '';
  const found: Importance | undefined = named === '' ? defaultClass(view) : classNamed(view, named);
  if (found === undefined && named !== '') return { refusal: `no PriorityClass with name ${named} was found` };
  const value = found?.value ?? 0;
  const policy = found?.preemptionPolicy ?? DEFAULT_POLICY;
  if (spec.priority !== undefined && spec.priority !== value)
    return {
      refusal: `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    };
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
    return {
      refusal: `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    };
  if (found === undefined) return { spec };
  return { spec: { ...spec, priorityClassName: found.name, priority: value, preemptionPolicy: policy } };
}

/** As upstream shows every pod: also those whose class says nothing, and those that controllers made, which are stored without. */
export function withDefaultPriority(spec: PodSpec): PodSpec {
  if (spec.priority !== undefined && spec.preemptionPolicy !== undefined) return spec;
  return { ...spec, priority: spec.priority ?? 0, preemptionPolicy: spec.preemptionPolicy ?? DEFAULT_POLICY };
}

/** What a client sends back of a pod that it was shown, without what was shown as a default and is not stored. */
export function withoutShownPriority(sent: PodSpec, stored: PodSpec): PodSpec {
  const { priority, preemptionPolicy, ...rest } = sent;
  const shownPriority = stored.priority === undefined && priority === 0;
  const shownPolicy = stored.preemptionPolicy === undefined && preemptionPolicy === DEFAULT_POLICY;
  return {
    ...rest,
    ...(priority === undefined || shownPriority ? {} : { priority }),
    ...(preemptionPolicy === undefined || shownPolicy ? {} : { preemptionPolicy }),
  };
}

interface Importance {
  name: string;
  value: number;
  preemptionPolicy?: string;
}

function classNamed(view: Pick<ClusterView, 'get'>, name: string): Importance | undefined {
  const stored = view.get(objectKey(PRIORITY_CLASSES, '', name));
  return stored === undefined ? SYSTEM_CLASSES.find((each) => each.name === name) : importanceOf(stored.object);
}

/** Of several the one with the lowest value, as upstream; then by name. */
function defaultClass(view: Pick<ClusterView, 'list'>): Importance | undefined {
  const defaults = view
    .list(PRIORITY_CLASSES)
    .map(({ object }) => object as PriorityClass)
    .filter(({ globalDefault }) => globalDefault === true);
  return defaults.map(importanceOf).sort((left, right) => left.value - right.value || (left.name < right.name ? -1 : 1))[0];
}

function importanceOf({ metadata, value = 0, preemptionPolicy }: PriorityClass): Importance {
  return { name: metadata.name, value, ...(preemptionPolicy === undefined ? {} : { preemptionPolicy }) };
}

export function priorityOf(spec: PodSpec): number {
  return spec.priority ?? 0;
}

export function preempts(spec: PodSpec): boolean {
  return spec.preemptionPolicy !== 'Never';
}
