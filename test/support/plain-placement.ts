import { boundNode, controllerOf, asPod, isDeleting, isTerminal } from '../../daemon/core/cluster/pods.ts';
import type { ClusterIndex } from '../../daemon/core/cluster/view.ts';
import { matchesNode, preferenceOf, refusalOf } from '../../daemon/core/scheduler/node-rules.ts';
import { amountsOf, shapeOf } from '../../daemon/core/scheduler/pod-shape.ts';
import { pairWeight, textHash } from '../../daemon/core/scheduler/weights.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { LabelSelector, Node, PodAffinityTerm, TopologySpreadConstraint } from '../../protocol/types.ts';
import { labelSelectorMatches } from '../../protocol/values/label-selector.ts';

/** Placement as its rules are written, with nothing kept between one look and the next: every pod is compared with every other for every node. What the scheduler's tables must agree with. */

interface Running {
  pod: DesiredObject;
  node: Node;
}

type Rule = PodAffinityTerm | TopologySpreadConstraint;

export class PlainPlacement {
  readonly #view: ClusterIndex;
  readonly #nodes: Node[];
  readonly #running: Running[] = [];

  constructor(view: ClusterIndex) {
    this.#view = view;
    this.#nodes = view.list('nodes').map(({ object }) => object as Node);
    this.#nodes.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
    for (const pod of view.list('pods')) {
      const node = this.#nodes.find(({ metadata }) => metadata.name === boundNode(pod));
      if (node !== undefined && !isTerminal(view, pod)) this.#running.push({ pod, node });
    }
  }

  /** The node for the pod, which then counts there, or why each node is refused. */
  place(pod: DesiredObject): string {
    const reasons = new Map<string, number>();
    const fit = this.#nodes.filter((node) => {
      const why = this.#refusals(pod, node);
      for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      return why.length === 0;
    });
    const ranked = fit.map((node) => ({ node, rank: this.#rank(pod, node) })).sort((left, right) => compare(left.rank, right.rank));
    const best = ranked[0]?.node;
    if (best === undefined) {
      const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
      return `0/${this.#nodes.length} nodes are available: ${parts.join(', ')}.`;
    }
    this.#running.push({ pod, node: best });
    return best.metadata.name;
  }

  #refusals(pod: DesiredObject, node: Node): string[] {
    const refusal = refusalOf(node, this.#isReady(node), asPod(pod).spec);
    if (refusal !== undefined) return [refusal];
    const shortages = this.#shortages(pod, node);
    if (shortages.length > 0) return shortages;
    const unfit = this.#unfit(pod, node);
    return unfit === undefined ? [] : [unfit];
  }

  #shortages(pod: DesiredObject, node: Node): string[] {
    const { cpuMillis, memoryBytes } = shapeOf(pod);
    const here = this.#running.filter((each) => each.node === node).map((each) => shapeOf(each.pod));
    const has = amountsOf(this.#view.nodeReport(node.metadata.name)?.status.allocatable);
    const shortages: string[] = [];
    if (here.length >= (has.get('pods') ?? 110)) shortages.push('Too many pods');
    const sum = (of: (shape: (typeof here)[number]) => number): number => here.reduce((total, shape) => total + of(shape), 0);
    if (cpuMillis > 0 && sum((shape) => shape.cpuMillis) + cpuMillis > (has.get('cpu') ?? 0)) shortages.push('Insufficient cpu');
    if (memoryBytes > 0 && sum((shape) => shape.memoryBytes) + memoryBytes > (has.get('memory') ?? 0))
      shortages.push('Insufficient memory');
    return shortages;
  }

  #unfit(pod: DesiredObject, node: Node): string | undefined {
    const { affinity, topologySpreadConstraints = [] } = asPod(pod).spec;
    const unwelcome = this.#seen().some(({ pod: other, node: at }) =>
      (asPod(other).spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
        (term) => sharePlace(term.topologyKey, at, node) && this.#means(other, term, pod),
      ),
    );
    if (unwelcome) return "node(s) didn't satisfy existing pods anti-affinity rules";
    const near = affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const nobody = near.every((term) => this.#counted(pod, term).length === 0 && this.#means(pod, term, pod));
    const isNear = near.every(
      (term) => node.metadata.labels?.[term.topologyKey] !== undefined && (nobody || this.#countAt(pod, term, node) > 0),
    );
    if (!isNear) return "node(s) didn't match pod affinity rules";
    const apart = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (apart.some((term) => this.#countAt(pod, term, node) > 0)) return "node(s) didn't match pod anti-affinity rules";
    for (const constraint of topologySpreadConstraints) {
      if (constraint.whenUnsatisfiable === 'ScheduleAnyway') continue;
      const uneven = "node(s) didn't match pod topology spread constraints";
      if (node.metadata.labels?.[constraint.topologyKey] === undefined) return `${uneven} (missing required label)`;
      if (this.#skew(pod, constraint, node) > constraint.maxSkew) return uneven;
    }
    return undefined;
  }

  #skew(pod: DesiredObject, constraint: TopologySpreadConstraint, node: Node): number {
    const open = this.#nodes.filter(
      (each) => each.metadata.labels?.[constraint.topologyKey] !== undefined && this.#isReady(each) && matchesNode(each, asPod(pod).spec),
    );
    const places = new Set(open.map((each) => each.metadata.labels?.[constraint.topologyKey]));
    const least = places.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...open.map((each) => this.#countAt(pod, constraint, each)));
    return this.#countAt(pod, constraint, node) + (this.#means(pod, constraint, pod) ? 1 : 0) - least;
  }

  /** Compared from the left, the greatest first. */
  #rank(pod: DesiredObject, node: Node): number[] {
    const { affinity, topologySpreadConstraints = [] } = asPod(pod).spec;
    let preference = preferenceOf(node, asPod(pod).spec);
    for (const { weight, podAffinityTerm } of affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      preference += weight * this.#countAt(pod, podAffinityTerm, node);
    for (const { weight, podAffinityTerm } of affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      preference -= weight * this.#countAt(pod, podAffinityTerm, node);
    for (const constraint of topologySpreadConstraints) preference -= 100 * this.#countAt(pod, constraint, node);
    const owner = controllerOf(pod)?.uid;
    const here = this.#running.filter((each) => each.node === node).map((each) => each.pod);
    const siblings = owner === undefined ? 0 : here.filter((each) => controllerOf(each)?.uid === owner).length;
    return [preference, -siblings, this.#left(node, [...here, pod]), pairWeight(textHash(pod.uid), textHash(node.metadata.name))];
  }

  /** Thousandths of the node that are left with these pods, each of which counts as something. */
  #left(node: Node, pods: readonly DesiredObject[]): number {
    const has = amountsOf(this.#view.nodeReport(node.metadata.name)?.status.allocatable);
    const [cpu, memory] = [has.get('cpu') ?? 0, has.get('memory') ?? 0];
    const cpuUsed = pods.reduce((sum, each) => sum + (shapeOf(each).cpuMillis || 100), 0);
    const memoryUsed = pods.reduce((sum, each) => sum + (shapeOf(each).memoryBytes || 200 * 1024 * 1024), 0);
    return Math.floor(Math.max(0, (cpu - cpuUsed) / (cpu || 1)) * 500 + Math.max(0, (memory - memoryUsed) / (memory || 1)) * 500);
  }

  #isReady({ metadata: { name } }: Node): boolean {
    const condition = this.#view.nodeReport(name)?.status.conditions?.find(({ type }) => type === 'Ready');
    return this.#view.memberOfNode(name)?.state === 'alive' && condition?.status === 'True';
  }

  /** Pods of nodes that are in sight. */
  #seen(): Running[] {
    return this.#running.filter(({ node }) => this.#isReady(node));
  }

  #counted(pod: DesiredObject, rule: Rule): Running[] {
    return this.#seen().filter(
      (each) => !isDeleting(each.pod) && each.node.metadata.labels?.[rule.topologyKey] !== undefined && this.#means(pod, rule, each.pod),
    );
  }

  #countAt(pod: DesiredObject, rule: Rule, node: Node): number {
    return this.#counted(pod, rule).filter((each) => sharePlace(rule.topologyKey, each.node, node)).length;
  }

  /** Whether a rule of a pod is about another. */
  #means(pod: DesiredObject, rule: Rule, other: DesiredObject): boolean {
    const { namespaces = [], namespaceSelector, mismatchLabelKeys = [] }: Partial<PodAffinityTerm> = 'maxSkew' in rule ? {} : rule;
    const [{ namespace: own = '', labels: ownLabels = {} }, { namespace = '', labels = {} }] = [pod.object.metadata, other.object.metadata];
    if (!labelSelectorMatches(rule.labelSelector, labels) || rule.labelSelector === undefined) return false;
    for (const key of rule.matchLabelKeys ?? []) if (ownLabels[key] !== undefined && labels[key] !== ownLabels[key]) return false;
    for (const key of mismatchLabelKeys) if (ownLabels[key] !== undefined && labels[key] === ownLabels[key]) return false;
    if (namespaces.length === 0 && namespaceSelector === undefined) return namespace === own;
    if (namespaces.includes(namespace)) return true;
    return this.#selectsNamespace(namespaceSelector, namespace);
  }

  #selectsNamespace(selector: LabelSelector | undefined, namespace: string): boolean {
    return labelSelectorMatches(selector, this.#view.get(objectKey('namespaces', '', namespace))?.object.metadata.labels);
  }
}

function sharePlace(topologyKey: string, left: Node, right: Node): boolean {
  const place = left.metadata.labels?.[topologyKey];
  return place !== undefined && place === right.metadata.labels?.[topologyKey];
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) if (value !== right[index]) return (right[index] ?? 0) - value;
  return 0;
}
