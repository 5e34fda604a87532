import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import type { Labels } from '../../../protocol/values/label-selector.ts';
import { isDeleting } from '../cluster/pods.ts';
import { meansPod, type PodQuery, queryOf, requiredAntiAffinity } from './pod-queries.ts';

/**
 * Which pods run in which place, counted once for each question and kept up to date while a batch is placed. A pod is compared with a question's selector once for all pods of its
 * namespace with its labels, as a workload's are: counting one more touches only the questions that mean it.
 */

/** Places that nodes are in by a label; a node without it is in none (-1). */
interface Places {
  of: Int32Array;
  count: number;
}

export interface PlaceCounts {
  query: PodQuery;
  places: Places;
  counts: Int32Array;
  total: number;
}

/** A rule of pods that run already: who matches it may not come into their places. */
interface Ban {
  query: PodQuery;
  places: Places;
  /** Pods with that rule, by place. */
  counts: Int32Array;
}

/** Pods of one namespace with the same labels: every question means all of them or none. */
interface Alike {
  metadata: DesiredObject['object']['metadata'];
  /** Of each that is counted, the number of its node. */
  nodes: number[];
  counters: PlaceCounts[];
  bans: Ban[];
  /** How many of all bans it was compared with. */
  bansSeen: number;
}

export interface TopologyDeps {
  nodes: readonly Node[];
  labelsOfNamespace(name: string): Labels | undefined;
}

const textsOfLabels = new WeakMap<Labels, string>();

function textOfLabels(labels: Labels): string {
  const known = textsOfLabels.get(labels);
  if (known !== undefined) return known;
  const text = JSON.stringify(labels);
  textsOfLabels.set(labels, text);
  return text;
}

const NO_LABELS: Labels = {};

export class Topology {
  private readonly deps: TopologyDeps;
  private readonly placesByKey = new Map<string, Places>();
  private readonly counters = new Map<string, PlaceCounts>();
  private readonly bans = new Map<string, Ban>();
  private readonly allBans: Ban[] = [];
  private readonly groups = new Map<string, Map<string, Alike>>();
  /** Added, and not counted yet: where no pod has rules nothing ever is. */
  private waiting: { pod: DesiredObject; index: number }[] = [];
  private added = 0;

  constructor(deps: TopologyDeps) {
    this.deps = deps;
  }

  /** Pods added: what was made of it holds while this stays. */
  get size(): number {
    return this.added;
  }

  /** Counts a pod that runs on a node. */
  add(pod: DesiredObject, index: number): void {
    this.added += 1;
    for (const term of requiredAntiAffinity(pod)) {
      const ban = this.banOf(queryOf(pod, term));
      const place = ban.places.of[index] ?? -1;
      if (place >= 0) ban.counts[place]! += 1;
    }
    if (isDeleting(pod)) return;
    if (this.counters.size === 0) this.waiting.push({ pod, index });
    else this.count(pod, index);
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
  counts(query: PodQuery): PlaceCounts {
    const known = this.counters.get(query.text);
    if (known !== undefined) return known;
    for (const { pod, index } of this.waiting) this.count(pod, index);
    this.waiting = [];
    const places = this.places(query.topologyKey);
    const counter: PlaceCounts = { query, places, counts: new Int32Array(places.count), total: 0 };
    this.counters.set(query.text, counter);
    for (const ofNamespace of this.groups.values())
      for (const alike of ofNamespace.values()) {
        if (!this.means(query, alike)) continue;
        alike.counters.push(counter);
        for (const index of alike.nodes) countOne(counter, index);
      }
    return counter;
  }

  /** Of pods that run already: the rules that keep this pod away from their places. */
  bansOn(pod: DesiredObject): readonly Ban[] {
    if (this.allBans.length === 0) return [];
    const alike = this.alikeOf(pod);
    for (; alike.bansSeen < this.allBans.length; alike.bansSeen += 1) {
      const ban = this.allBans[alike.bansSeen]!;
      if (this.means(ban.query, alike)) alike.bans.push(ban);
    }
    return alike.bans;
  }

  /** Whether the pod itself is one of those that are counted. */
  isMeant(counter: PlaceCounts, pod: DesiredObject): boolean {
    return this.alikeOf(pod).counters.includes(counter);
  }

  private count(pod: DesiredObject, index: number): void {
    const alike = this.alikeOf(pod);
    alike.nodes.push(index);
    for (const counter of alike.counters) countOne(counter, index);
  }

  private alikeOf({ object: { metadata } }: DesiredObject): Alike {
    const { namespace = '', labels = NO_LABELS } = metadata;
    let ofNamespace = this.groups.get(namespace);
    if (ofNamespace === undefined) this.groups.set(namespace, (ofNamespace = new Map<string, Alike>()));
    const text = textOfLabels(labels);
    const known = ofNamespace.get(text);
    if (known !== undefined) return known;
    const alike: Alike = { metadata, nodes: [], counters: [], bans: [], bansSeen: 0 };
    for (const counter of this.counters.values()) if (this.means(counter.query, alike)) alike.counters.push(counter);
    ofNamespace.set(text, alike);
    return alike;
  }

  private means(query: PodQuery, { metadata }: Alike): boolean {
    return meansPod(query, metadata, (name) => this.deps.labelsOfNamespace(name));
  }

  private banOf(query: PodQuery): Ban {
    const known = this.bans.get(query.text);
    if (known !== undefined) return known;
    const places = this.places(query.topologyKey);
    const ban = { query, places, counts: new Int32Array(places.count) };
    this.bans.set(query.text, ban);
    this.allBans.push(ban);
    return ban;
  }
}

function countOne(counter: PlaceCounts, index: number): void {
  const place = counter.places.of[index] ?? -1;
  if (place < 0) return;
  counter.counts[place]! += 1;
  counter.total += 1;
}
