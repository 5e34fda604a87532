import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import { asPod, boundNode, controllerOf, isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { ClaimPlaces } from '../storage/claim-places.ts';
import { claimKeysOf } from '../storage/claims.ts';
import { matchesNode, NO_MATCH, pinnedNode, refusalOf } from './node-rules.ts';
import { LEAST_CPU_MILLIS, LEAST_MEMORY_BYTES, type Load, loadOf } from './node-load.ts';
import { requiredAntiAffinity } from './pod-queries.ts';
import { type NodeFilter, placeFilter } from './pod-rules.ts';
import { amountsOf, type HostPort, type PodShape, portsCollide, shapeOf } from './pod-shape.ts';
import { Topology } from './topology.ts';
import { firstInOrder, textHash } from './weights.ts';

/** Kubelet's default, where a node does not say. */
const DEFAULT_PODS = 110;
const TOO_MANY_PODS = 'Too many pods';
const PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports";

/** A node that was asked about. */
interface Row {
  others: Map<string, number>;
  ports: HostPort[];
}

/** What the nodes' own objects say. */
interface NodeList {
  nodes: readonly Node[];
  names: readonly string[];
  hashes: Uint32Array;
  index: ReadonlyMap<string, number>;
  hasSoftTaints: boolean;
  /** Of a table that is done with: a thousand nodes take 56 kB, and an heir makes a table at every claim that it hears of. */
  spare?: Columns | undefined;
  /** By subject. */
  firsts: Map<number, Uint16Array>;
}

/** Whose first nodes are remembered: an heir asks again and again. */
const MAX_SUBJECTS = 8_192;

/** What is free on the nodes. Of a node that nobody asked about there is anything in it. */
class Columns {
  readonly cpuFree: Float64Array;
  readonly memoryFree: Float64Array;
  readonly podsFree: Float64Array;
  readonly cpuTotal: Float64Array;
  readonly memoryTotal: Float64Array;
  readonly cpuScored: Float64Array;
  readonly memoryScored: Float64Array;

  constructor(nodes: number) {
    const column = (): Float64Array => new Float64Array(nodes);
    [this.cpuFree, this.memoryFree, this.podsFree] = [column(), column(), column()];
    [this.cpuTotal, this.memoryTotal, this.cpuScored, this.memoryScored] = [column(), column(), column(), column()];
  }
}

/** By the view's list, which is another one as soon as any node is. */
const lists = new WeakMap<readonly DesiredObject[], NodeList>();

function nodeListOf(view: ClusterIndex): NodeList {
  const objects = view.list('nodes');
  const known = lists.get(objects);
  if (known !== undefined) return known;
  const nodes = objects.map(({ object }) => object as Node).sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  const names = nodes.map((node) => node.metadata.name);
  const hasSoftTaints = nodes.some(({ spec }) => spec.taints?.some(({ effect }) => effect === 'PreferNoSchedule') === true);
  const index = new Map(names.map((name, at) => [name, at]));
  const list = { nodes, names, hashes: Uint32Array.from(names, textHash), index, hasSoftTaints, firsts: new Map() };
  lists.set(objects, list);
  return list;
}

/**
 * All nodes and what is free on them, in columns, so that a thousand are looked through in microseconds. `take` keeps running totals while a batch is placed. What runs on a node is
 * counted when somebody asks about that node, and what pods say of each other when somebody asks who heeds it: an heir looks at a few nodes, at every claim that it hears of.
 */
export class NodeTable {
  readonly names: readonly string[];
  readonly hashes: Uint32Array;
  private readonly view: ClusterIndex;
  private readonly list: NodeList;
  private readonly nodes: readonly Node[];
  private readonly index: ReadonlyMap<string, number>;
  private readonly rows: (Row | undefined)[];
  private readonly columns: Columns;
  /** Pods per node, by the uid of their controller. */
  private readonly siblings = new Map<string, Uint16Array>();
  private readonly refusals = new Map<string, readonly (string | undefined)[]>();
  private readonly someRefusals = new Map<string, Map<number, string | undefined>>();
  private readonly openPlaces = new Map<string, readonly number[]>();
  private readonly taken: { pod: DesiredObject; index: number }[] = [];
  /** Some pod that runs, or was taken, keeps others away. */
  private repels: boolean;
  private related: { topology: Topology; claims: ClaimPlaces } | undefined;
  private lastFilter: { pod: DesiredObject; size: number; filter: NodeFilter | undefined } | undefined;
  /** Some node has a taint that only says that pods had better not come. */
  readonly hasSoftTaints: boolean;

  constructor(view: ClusterIndex) {
    const list = nodeListOf(view);
    const { nodes, names, hashes, index, hasSoftTaints } = list;
    this.view = view;
    this.list = list;
    [this.nodes, this.names, this.hashes, this.index, this.hasSoftTaints] = [nodes, names, hashes, index, hasSoftTaints];
    this.columns = list.spare ?? new Columns(nodes.length);
    list.spare = undefined;
    this.rows = nodes.map(() => undefined);
    this.repels = view.repellingPods().length > 0;
  }

  /** To be called by who asks nothing more of it: the next table may take its room. */
  release(): void {
    this.list.spare = this.columns;
  }

  /** Of the subject's rendezvous order (`weights.ts`) the first nodes, some. */
  firstOf(subject: number): Uint16Array {
    const { firsts } = this.list;
    let first = firsts.get(subject);
    if (first === undefined) {
      if (firsts.size >= MAX_SUBJECTS) firsts.clear();
      firsts.set(subject, (first = firstInOrder(this.hashes, subject)));
    }
    return first;
  }

  get size(): number {
    return this.rows.length;
  }

  has(node: string): boolean {
    return this.index.has(node);
  }

  /** Where pods are that others want to be near, or away from. */
  get topology(): Topology {
    return this.relations().topology;
  }

  get claims(): ClaimPlaces {
    return this.relations().claims;
  }

  /** Counts the pod on the node. */
  take(pod: DesiredObject, node: string): void {
    const index = this.index.get(node);
    if (index === undefined) return;
    this.count(pod, index, this.row(index));
    this.taken.push({ pod, index });
    this.repels ||= requiredAntiAffinity(pod).length > 0;
    if (this.related !== undefined) this.relate(this.related, pod, index);
    const controller = controllerOf(pod)?.uid;
    const counts = controller === undefined ? undefined : this.siblings.get(controller);
    if (counts !== undefined) counts[index]! += 1;
  }

  /** How many pods of the same controller run on each node; undefined when nobody controls it. */
  spreadOf(pod: DesiredObject): Uint16Array | undefined {
    const controller = controllerOf(pod)?.uid;
    if (controller === undefined) return undefined;
    const known = this.siblings.get(controller);
    if (known !== undefined) return known;
    const counts = new Uint16Array(this.rows.length);
    const countAt = (index: number | undefined): void => {
      if (index !== undefined) counts[index]! += 1;
    };
    for (const other of this.view.ownedBy(controller)) {
      const node = parseObjectKey(other.key).resource === 'pods' ? boundNode(other) : undefined;
      if (node !== undefined && !isTerminal(this.view, other)) countAt(this.index.get(node));
    }
    for (const { pod: other, index } of this.taken) if (controllerOf(other)?.uid === controller) countAt(index);
    this.siblings.set(controller, counts);
    return counts;
  }

  /** Per node, why its rules refuse the pod; one array for all pods with the same rules. */
  refusalsOf(pod: DesiredObject, shape: PodShape): readonly (string | undefined)[] {
    const known = this.refusals.get(shape.rulesKey);
    if (known !== undefined) return known;
    const refusals = this.nodes.map((_node, index) => this.refuse(pod, index));
    this.refusals.set(shape.rulesKey, refusals);
    return refusals;
  }

  /** The same of one node, and of no others: an heir asks about a few. */
  private refusalAt(pod: DesiredObject, shape: PodShape, index: number): string | undefined {
    const all = this.refusals.get(shape.rulesKey);
    if (all !== undefined) return all[index];
    const some = this.someRefusals.get(shape.rulesKey) ?? new Map<number, string | undefined>();
    this.someRefusals.set(shape.rulesKey, some);
    if (!some.has(index)) some.set(index, this.refuse(pod, index));
    return some.get(index);
  }

  private refuse(pod: DesiredObject, index: number): string | undefined {
    const { spec } = asPod(pod);
    const pinned = pinnedNode(spec);
    const node = this.nodeAt(index);
    return pinned === undefined || pinned === node.metadata.name ? refusalOf(node, this.isReady(index), spec) : NO_MATCH;
  }

  /** Whether what is free on the node suffices. */
  hasRoom(index: number, shape: PodShape): boolean {
    this.row(index);
    if (this.columns.cpuFree[index]! < shape.cpuMillis && shape.cpuMillis > 0) return false;
    if (this.columns.memoryFree[index]! < shape.memoryBytes && shape.memoryBytes > 0) return false;
    if (this.columns.podsFree[index]! < 1) return false;
    if (shape.others.size === 0 && shape.hostPorts.length === 0) return true;
    return this.shortagesOf(index, shape).length === 0;
  }

  /** Whether it would suffice if these pods of the node were gone. */
  hasRoomWithout(index: number, shape: PodShape, gone: readonly PodShape[]): boolean {
    const row = this.row(index);
    const freed = (of: (each: PodShape) => number): number => gone.reduce((sum, each) => sum + of(each), 0);
    if (shape.cpuMillis > 0 && this.columns.cpuFree[index]! + freed((each) => each.cpuMillis) < shape.cpuMillis) return false;
    if (shape.memoryBytes > 0 && this.columns.memoryFree[index]! + freed((each) => each.memoryBytes) < shape.memoryBytes) return false;
    if (this.columns.podsFree[index]! + gone.length < 1) return false;
    for (const [name, amount] of shape.others)
      if (amount > 0 && (row.others.get(name) ?? 0) + freed((each) => each.others.get(name) ?? 0) < amount) return false;
    const freedPorts = gone.flatMap(({ hostPorts }) => hostPorts);
    const held = row.ports.filter((port) => !freedPorts.includes(port));
    return !shape.hostPorts.some((port) => held.some((taken) => portsCollide(port, taken)));
  }

  /** Why what is free on the node does not suffice, in Kubernetes' words. */
  shortagesOf(index: number, shape: PodShape): string[] {
    const row = this.row(index);
    if (shape.hostPorts.some((port) => row.ports.some((taken) => portsCollide(port, taken)))) return [PORTS_TAKEN];
    const shortages: string[] = [];
    if (this.columns.podsFree[index]! < 1) shortages.push(TOO_MANY_PODS);
    if (shape.cpuMillis > 0 && this.columns.cpuFree[index]! < shape.cpuMillis) shortages.push('Insufficient cpu');
    if (shape.memoryBytes > 0 && this.columns.memoryFree[index]! < shape.memoryBytes) shortages.push('Insufficient memory');
    for (const [name, amount] of shape.others) {
      if (amount > 0 && (row.others.get(name) ?? 0) < amount) shortages.push(`Insufficient ${name}`);
    }
    return shortages;
  }

  /** Thousandths of the node that would be left with the pod on it: more is better. Whole, so that all peers agree. */
  leftWith(index: number, shape: PodShape): number {
    this.row(index);
    const cpu = (this.columns.cpuScored[index]! - (shape.cpuMillis || LEAST_CPU_MILLIS)) / (this.columns.cpuTotal[index]! || 1);
    const memory =
      (this.columns.memoryScored[index]! - (shape.memoryBytes || LEAST_MEMORY_BYTES)) / (this.columns.memoryTotal[index]! || 1);
    return Math.floor(Math.max(0, cpu) * 500 + Math.max(0, memory) * 500);
  }

  /** Whether the node's rules and room admit the pod. */
  fits(pod: DesiredObject, index: number): boolean {
    const shape = shapeOf(pod);
    if (this.refusalAt(pod, shape, index) !== undefined || !this.hasRoom(index, shape)) return false;
    return this.filterOf(pod)?.(index) === undefined;
  }

  /** Rules about where other pods run, as they are now. The last pod's are kept: it is asked about node by node. */
  filterOf(pod: DesiredObject): NodeFilter | undefined {
    if (!this.repels && !looksAtPods(pod)) return undefined;
    const { size } = this.topology;
    if (this.lastFilter?.pod !== pod || this.lastFilter.size !== size) this.lastFilter = { pod, size, filter: placeFilter(this, pod) };
    return this.lastFilter.filter;
  }

  nodeAt(index: number): Node {
    return this.nodes[index]!;
  }

  /** The places of a label that the pod may be spread over: those with a node that lives and whose labels suit. One list for all pods with the same rules. */
  placesFor(pod: DesiredObject, topologyKey: string): readonly number[] {
    const text = JSON.stringify([topologyKey, shapeOf(pod).rulesKey]);
    const known = this.openPlaces.get(text);
    if (known !== undefined) return known;
    const { spec } = asPod(pod);
    const { of } = this.topology.places(topologyKey);
    const open = new Set<number>();
    for (const [index, node] of this.nodes.entries()) {
      const place = of[index] ?? -1;
      if (place >= 0 && !open.has(place) && this.isReady(index) && matchesNode(node, spec)) open.add(place);
    }
    const list = [...open];
    this.openPlaces.set(text, list);
    return list;
  }

  private isReady(index: number): boolean {
    const name = this.names[index] ?? '';
    if (this.view.memberOfNode(name)?.state !== 'alive') return false;
    return this.view.nodeReport(name)?.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  }

  private row(index: number): Row {
    return this.rows[index] ?? this.openRow(index);
  }

  private openRow(index: number): Row {
    const { view } = this;
    const name = this.names[index] ?? '';
    const others = amountsOf(view.nodeReport(name)?.status.allocatable);
    const row = { others, ports: [] };
    this.rows[index] = row;
    this.columns.cpuTotal[index] = this.columns.cpuFree[index] = this.columns.cpuScored[index] = others.get('cpu') ?? 0;
    this.columns.memoryTotal[index] = this.columns.memoryFree[index] = this.columns.memoryScored[index] = others.get('memory') ?? 0;
    this.columns.podsFree[index] = others.get('pods') ?? DEFAULT_PODS;
    const pods = view.podsOnNode(name);
    const load = pods.some(({ uid }) => view.isReportedEnded(uid)) ? undefined : loadOf(pods);
    if (load !== undefined) this.subtract(index, load);
    else for (const pod of pods) if (!isTerminal(view, pod)) this.count(pod, index, row);
    return row;
  }

  private count(pod: DesiredObject, index: number, row: Row): void {
    const { cpuMillis, memoryBytes, others, hostPorts } = shapeOf(pod);
    const scored = { cpuScored: cpuMillis || LEAST_CPU_MILLIS, memoryScored: memoryBytes || LEAST_MEMORY_BYTES };
    this.subtract(index, { cpuMillis, memoryBytes, ...scored, pods: 1 });
    for (const [name, amount] of others) row.others.set(name, (row.others.get(name) ?? 0) - amount);
    row.ports.push(...hostPorts);
  }

  private subtract(index: number, load: Load): void {
    const { columns } = this;
    columns.cpuFree[index]! -= load.cpuMillis;
    columns.memoryFree[index]! -= load.memoryBytes;
    columns.podsFree[index]! -= load.pods;
    columns.cpuScored[index]! -= load.cpuScored;
    columns.memoryScored[index]! -= load.memoryScored;
  }

  private relations(): NonNullable<NodeTable['related']> {
    if (this.related !== undefined) return this.related;
    const { view } = this;
    const labelsOfNamespace = (name: string) => view.get(objectKey('namespaces', '', name))?.object.metadata.labels;
    const related = { claims: new ClaimPlaces(view), topology: new Topology({ nodes: this.nodes, labelsOfNamespace }) };
    for (const [index, name] of this.names.entries())
      for (const pod of view.podsOnNode(name)) if (!isTerminal(view, pod)) this.relate(related, pod, index);
    for (const { pod, index } of this.taken) this.relate(related, pod, index);
    this.related = related;
    return related;
  }

  private relate({ claims, topology }: NonNullable<NodeTable['related']>, pod: DesiredObject, index: number): void {
    claims.take(pod, this.names[index] ?? '');
    // Of what runs on a node that is out of sight nobody knows; its successor must find a place.
    if (this.isReady(index)) topology.add(pod, index);
  }
}

/** Where the pod may go depends on where others, or its claims, are. */
function looksAtPods(pod: DesiredObject): boolean {
  const { affinity, topologySpreadConstraints } = asPod(pod).spec;
  return affinity !== undefined || topologySpreadConstraints !== undefined || claimKeysOf(pod).length > 0;
}

const tables = new WeakMap<ClusterIndex, { version: number; table: NodeTable }>();

/** The table of a view for reading only: made once per version of it. */
export function nodeTableOf(view: ClusterIndex): NodeTable {
  const known = tables.get(view);
  if (known?.version === view.version) return known.table;
  const table = new NodeTable(view);
  tables.set(view, { version: view.version, table });
  return table;
}
