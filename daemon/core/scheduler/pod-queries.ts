import type { LabelSelector, PodAffinityTerm, TopologySpreadConstraint } from '../../../protocol/types.ts';
import type { DesiredObject, KubeObject } from '../../../protocol/objects.ts';
import { type Labels, matchesSelector, type Selector, selectorOf } from '../../../protocol/values/label-selector.ts';

/** Which pods a rule of a pod is about, and by which label nodes make a place: read from the rule once, equal rules of equal pods are equal texts. */
export interface PodQuery {
  topologyKey: string;
  /** Undefined selects nothing. */
  selector: Selector | undefined;
  namespaces: readonly string[];
  /** Beyond those; an empty selector means all. */
  namespaceSelector: Selector | undefined;
  text: string;
}

type Rule = PodAffinityTerm | TopologySpreadConstraint;

/** What a rule means depends on the pod's namespace and labels besides. */
interface Known {
  namespace: string | undefined;
  labels: Labels | undefined;
  query: PodQuery;
}

const known = new WeakMap<Rule, Known>();

/** The pods that a rule of a pod means: of its own namespace unless it says otherwise. */
export function queryOf({ object }: DesiredObject, rule: Rule): PodQuery {
  const { namespace, labels } = object.metadata;
  const before = known.get(rule);
  if (before !== undefined && before.namespace === namespace && before.labels === labels) return before.query;
  const query = readQuery(object, rule);
  known.set(rule, { namespace, labels, query });
  return query;
}

function readQuery({ metadata }: KubeObject, rule: Rule): PodQuery {
  const { namespaces = [], namespaceSelector, mismatchLabelKeys }: Partial<PodAffinityTerm> = 'maxSkew' in rule ? {} : rule;
  const { topologyKey, labelSelector, matchLabelKeys } = rule;
  const selector = withOwnLabels(labelSelector, metadata.labels, matchLabelKeys, mismatchLabelKeys);
  const meant = {
    topologyKey,
    selector: selector === undefined ? undefined : selectorOf(selector),
    namespaces: namespaces.length === 0 && namespaceSelector === undefined ? [metadata.namespace ?? ''] : namespaces,
    namespaceSelector: namespaceSelector === undefined ? undefined : selectorOf(namespaceSelector),
  };
  return { ...meant, text: JSON.stringify(meant) };
}

function withOwnLabels(
  selector: LabelSelector | undefined,
  labels: Labels = {},
  match: readonly string[] = [],
  mismatch: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined || match.length + mismatch.length === 0) return selector;
  const requirement = (operator: string) => (key: string) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  };
  const added = [...match.flatMap(requirement('In')), ...mismatch.flatMap(requirement('NotIn'))];
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

/** @param labelsOfNamespace undefined of a namespace that is not there */
export function meansPod(
  { selector, namespaces, namespaceSelector }: PodQuery,
  { namespace = '', labels }: KubeObject['metadata'],
  labelsOfNamespace: (name: string) => Labels | undefined,
): boolean {
  if (selector === undefined || !matchesSelector(selector, labels)) return false;
  if (namespaces.includes(namespace)) return true;
  return namespaceSelector !== undefined && matchesSelector(namespaceSelector, labelsOfNamespace(namespace));
}

export function requiredAntiAffinity({ object }: DesiredObject): readonly PodAffinityTerm[] {
  const spec = object.spec as
    { affinity?: { podAntiAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[] } } } | undefined;
  return spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}
