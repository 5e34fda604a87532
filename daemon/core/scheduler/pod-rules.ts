import type { PodAffinityTerm, TopologySpreadConstraint } from '../../../protocol/types.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { asPod } from '../cluster/pods.ts';
import { preferenceOf } from './node-rules.ts';
import type { NodeTable } from './node-table.ts';
import { queryOf, requiredAntiAffinity } from './pod-queries.ts';
import type { PlaceCounts } from './topology.ts';

/** Rules of a pod that depend on where others run. Each says no in Kubernetes' words. Source: the plugins interpodaffinity and podtopologyspread upstream. */

export const NOT_NEAR = "node(s) didn't match pod affinity rules";
const TOO_NEAR = "node(s) didn't match pod anti-affinity rules";
const UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules";
const UNEVEN = "node(s) didn't match pod topology spread constraints";
export const NO_PLACE = `${UNEVEN} (missing required label)`;

/** Refuses nodes by their number; undefined: takes them. */
export type NodeFilter = (index: number) => string | undefined;
type Score = (index: number) => number;

/** The rules of a pod, ready to be asked node by node; undefined when it has none and nobody's are about it. */
export function placeFilter(table: NodeTable, pod: DesiredObject): NodeFilter | undefined {
  const { affinity, topologySpreadConstraints = [] } = asPod(pod).spec;
  const { topology } = table;
  const inPlace = table.claims.filterOf(pod);
  const filters: NodeFilter[] = inPlace === undefined ? [] : [(index) => inPlace(table.names[index] ?? '')];
  const bans = topology.bansOn(pod).map(({ places, counts }): NodeFilter => (index) => {
    const place = places.of[index] ?? -1;
    return place >= 0 && counts[place]! > 0 ? UNWELCOME : undefined;
  });
  filters.push(...bans);
  const near = affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (near.length > 0) filters.push(nearFilter(table, pod, near));
  for (const term of requiredAntiAffinity(pod)) {
    const counter = topology.counts(queryOf(pod, term));
    filters.push((index) => (countAt(counter, index) > 0 ? TOO_NEAR : undefined));
  }
  for (const constraint of topologySpreadConstraints)
    if (constraint.whenUnsatisfiable !== 'ScheduleAnyway') filters.push(spreadFilter(table, pod, constraint));
  if (filters.length === 0) return undefined;
  return (index) => {
    for (const filter of filters) {
      const refusal = filter(index);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}

function countAt({ places, counts }: PlaceCounts, index: number): number {
  const place = places.of[index] ?? -1;
  return place < 0 ? 0 : counts[place]!;
}

/** The first pod of a group that wants to be near itself may go anywhere. */
function nearFilter({ topology }: NodeTable, pod: DesiredObject, terms: readonly PodAffinityTerm[]): NodeFilter {
  const counters = terms.map((term) => topology.counts(queryOf(pod, term)));
  const isFirst = counters.every((counter) => counter.total === 0 && topology.isMeant(counter, pod));
  return (index) => {
    if (counters.some(({ places }) => (places.of[index] ?? -1) < 0)) return NOT_NEAR;
    return isFirst || counters.every((counter) => countAt(counter, index) > 0) ? undefined : NOT_NEAR;
  };
}

/** Dead and unfit nodes are no places: else the loss of one would keep all from being placed. */
function spreadFilter(table: NodeTable, pod: DesiredObject, constraint: TopologySpreadConstraint): NodeFilter {
  const { topologyKey, maxSkew, minDomains = 1 } = constraint;
  const counter = table.topology.counts(queryOf(pod, constraint));
  const open = table.placesFor(pod, topologyKey);
  let least = open.length < minDomains ? 0 : Number.POSITIVE_INFINITY;
  for (const place of open) least = Math.min(least, counter.counts[place]!);
  const own = table.topology.isMeant(counter, pod) ? 1 : 0;
  return (index) => {
    const place = counter.places.of[index] ?? -1;
    if (place < 0) return NO_PLACE;
    return counter.counts[place]! + own - least > maxSkew ? UNEVEN : undefined;
  };
}

/** How much each node is preferred, whole so that all peers agree; undefined when all are alike. */
export function placeScore(table: NodeTable, pod: DesiredObject): Score | undefined {
  const { spec } = asPod(pod);
  const { affinity, topologySpreadConstraints = [] } = spec;
  const scores: Score[] = [];
  if ((affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).length > 0 || table.hasSoftTaints)
    scores.push((index) => preferenceOf(table.nodeAt(index), spec));
  const weighted = (terms: readonly { weight: number; podAffinityTerm: PodAffinityTerm }[] = [], sign: 1 | -1): void => {
    for (const { weight, podAffinityTerm } of terms) {
      const counter = table.topology.counts(queryOf(pod, podAffinityTerm));
      scores.push((index) => sign * weight * countAt(counter, index));
    }
  };
  weighted(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1);
  weighted(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1);
  for (const constraint of topologySpreadConstraints) {
    const counter = table.topology.counts(queryOf(pod, constraint));
    scores.push((index) => -SPREAD_WEIGHT * countAt(counter, index));
  }
  return scores.length === 0 ? undefined : (index) => scores.reduce((sum, score) => sum + score(index), 0);
}

/** Of a pod more in a place, against the weights of affinity, which go to 100. */
const SPREAD_WEIGHT = 100;
