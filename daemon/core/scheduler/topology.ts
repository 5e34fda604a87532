import type { LabelSelector, PodAffinityTerm, TopologySpreadConstraint } from '../../../protocol/types.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import { labelSelectorMatches } from '../../../protocol/values/label-selector.ts';
import { isDeleting } from '../cluster/pods.ts';

/** Which pods run in which place, counted once for each question and kept up to date while a batch is placed. */

/** Pods that a rule is about. */
export interface PodQuery {
  selector: LabelSelector | undefined;
  namespaces: readonly string[];
  /** Beyond those; an empty selector means all. */
  namespaceSelector?: LabelSelector;
}

/** Places that nodes are in by a label; a node without it is in none (-1). */
interface Places {
  of: Int32Array;
  count: number;
}

export interface PlaceCounts {
  places: Places;
  counts: Int32Array;
  total: number;
  query: PodQuery;
}

/** A rule of pods that run already: who matches it may not come into their places. */
interface Ban {
  query: PodQuery;
  places: Places;
  /** Pods with that rule, by place. */
  counts: Int32Array;
}

export interface TopologyDeps {
  nodes: readonly Node[];
  labelsOfNamespace(name: string): Readonly<Record<string, string>> | undefined;
}

export class Topology {
  private readonly deps: TopologyDeps;
  private readonly placesByKey = new Map<string, Places>();
  private readonly counters = new Map<string, PlaceCounts>();
  private readonly bans = new Map<string, Ban>();
  private readonly pods: { pod: DesiredObject; index: number }[] = [];

  constructor(deps: TopologyDeps) {
    this.deps = deps;
  }

  /** Pods counted: what was made of it holds while this stays. */
  get size(): number {
    return this.pods.length;
  }

  /** Counts a pod that runs on a node. */
  add(pod: DesiredObject, index: number): void {
    this.pods.push({ pod, index });
    for (const counter of this.counters.values()) this.count(counter, pod, index);
    for (const term of requiredAntiAffinity(pod)) {
      const ban = this.banOf(pod, term);
      const place = ban.places.of[index] ?? -1;
      if (place >= 0) ban.counts[place]! += 1;
    }
  }

  places(topologyKey: string): Places {
    const known = this.placesByKey.get(topologyKey);
    if (known !== undefined) return known;
    const numbers = new Map<string, number>();
    const of = Int32Array.from(this.deps.nodes, ({ metadata }) => {
      const value = metadata.labels?.[topologyKey];
      if (value === undefined) return -1;
      const number = numbers.get(value) ?? numbers.size;
      numbers.set(value, number);
      return number;
    });
    const places = { of, count: numbers.size };
    this.placesByKey.set(topologyKey, places);
    return places;
  }

  /** How many of the pods run in each place. */
  counts(topologyKey: string, query: PodQuery): PlaceCounts {
    const text = JSON.stringify([topologyKey, query]);
    const known = this.counters.get(text);
    if (known !== undefined) return known;
    const places = this.places(topologyKey);
    const counter: PlaceCounts = { places, counts: new Int32Array(places.count), total: 0, query };
    for (const { pod, index } of this.pods) this.count(counter, pod, index);
    this.counters.set(text, counter);
    return counter;
  }

  /** Of pods that run already: the rules that keep this pod away from their places. */
  bansOn(pod: DesiredObject): Ban[] {
    return [...this.bans.values()].filter(({ query }) => this.matches(query, pod));
  }

  matches({ selector, namespaces, namespaceSelector }: PodQuery, { object }: DesiredObject): boolean {
    const { namespace = '', labels } = object.metadata;
    if (selector === undefined || !labelSelectorMatches(selector, labels)) return false;
    if (namespaces.includes(namespace)) return true;
    return namespaceSelector !== undefined && labelSelectorMatches(namespaceSelector, this.deps.labelsOfNamespace(namespace));
  }

  private count(counter: PlaceCounts, pod: DesiredObject, index: number): void {
    const place = counter.places.of[index] ?? -1;
    if (place < 0 || isDeleting(pod) || !this.matches(counter.query, pod)) return;
    counter.counts[place]! += 1;
    counter.total += 1;
  }

  private banOf(pod: DesiredObject, term: PodAffinityTerm): Ban {
    const query = queryOf(pod, term);
    const text = JSON.stringify([term.topologyKey, query]);
    const known = this.bans.get(text);
    if (known !== undefined) return known;
    const places = this.places(term.topologyKey);
    const ban = { query, places, counts: new Int32Array(places.count) };
    this.bans.set(text, ban);
    return ban;
  }
}

export function requiredAntiAffinity({ object }: DesiredObject): readonly PodAffinityTerm[] {
  const spec = object.spec as
    { affinity?: { podAntiAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[] } } } | undefined;
  return spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** The pods that a term of a pod means: of its own namespace unless it says otherwise. */
export function queryOf({ object }: DesiredObject, term: PodAffinityTerm): PodQuery {
  const { namespaces = [], namespaceSelector, labelSelector, matchLabelKeys, mismatchLabelKeys } = term;
  const own = namespaces.length === 0 && namespaceSelector === undefined ? [object.metadata.namespace ?? ''] : namespaces;
  const selector = withOwnLabels(labelSelector, object.metadata.labels, matchLabelKeys, mismatchLabelKeys);
  return { selector, namespaces: own, ...(namespaceSelector === undefined ? {} : { namespaceSelector }) };
}

export function spreadQuery({ object }: DesiredObject, { labelSelector, matchLabelKeys }: TopologySpreadConstraint): PodQuery {
  const selector = withOwnLabels(labelSelector, object.metadata.labels, matchLabelKeys);
  return { selector, namespaces: [object.metadata.namespace ?? ''] };
}

function withOwnLabels(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> = {},
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
