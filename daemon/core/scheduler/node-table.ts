import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { Node } from '../../../protocol/types.ts';
import { asPod, controllerOf, isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { ClaimPlaces } from '../storage/claim-places.ts';
import { matchesNode, NO_MATCH, pinnedNode, refusalOf } from './node-rules.ts';
import { type NodeFilter, placeFilter } from './pod-rules.ts';
import { amountsOf, type HostPort, type PodShape, portsCollide, shapeOf } from './pod-shape.ts';
import { Topology } from './topology.ts';
import { textHash } from './weights.ts';

/** What a pod that asks for nothing counts as when nodes are compared (never when it is fitted). Source: upstream's GetNonzeroRequests. */
const LEAST_CPU_MILLIS = 100;
const LEAST_MEMORY_BYTES = 200 * 1024 * 1024;
/** Kubelet's default, where a node does not say. */
const DEFAULT_PODS = 110;
const TOO_MANY_PODS = 'Too many pods';
const PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports";

interface Row {
  node: Node;
  ready: boolean;
  others: Map<string, number>;
  ports: HostPort[];
}

/**
 * All nodes and what is free on them, in columns, so that a thousand are looked through in microseconds. `take` keeps running totals while a batch is placed.
 */
export class NodeTable {
  readonly names: readonly string[];
  readonly hashes: Uint32Array;
  private readonly rows: Row[];
  private readonly index = new Map<string, number>();
  private readonly cpuFree: Float64Array;
  private readonly memoryFree: Float64Array;
  private readonly podsFree: Float64Array;
  private readonly cpuTotal: Float64Array;
  private readonly memoryTotal: Float64Array;
  private readonly cpuScored: Float64Array;
  private readonly memoryScored: Float64Array;
  /** Pods per node, by the uid of their controller. */
  private readonly siblings = new Map<string, Uint16Array>();
  private readonly refusals = new Map<string, readonly (string | undefined)[]>();
  private readonly openPlaces = new Map<string, readonly number[]>();
  private lastFilter: { pod: DesiredObject; size: number; filter: NodeFilter | undefined } | undefined;
  readonly topology: Topology;
  readonly claims: ClaimPlaces;
  /** Some node has a taint that only says that pods had better not come. */
  readonly hasSoftTaints: boolean;

  constructor(view: ClusterIndex) {
    const nodes = view.list('nodes').map(({ object }) => object as Node);
    nodes.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
    this.names = nodes.map((node) => node.metadata.name);
    this.hashes = Uint32Array.from(this.names, textHash);
    const column = (): Float64Array => new Float64Array(nodes.length);
    [this.cpuFree, this.memoryFree, this.podsFree] = [column(), column(), column()];
    [this.cpuTotal, this.memoryTotal, this.cpuScored, this.memoryScored] = [column(), column(), column(), column()];
    this.rows = nodes.map((node, index) => this.openRow(view, node, index));
    this.hasSoftTaints = nodes.some(({ spec }) => spec.taints?.some(({ effect }) => effect === 'PreferNoSchedule') === true);
    const labelsOfNamespace = (name: string) => view.get(objectKey('namespaces', '', name))?.object.metadata.labels;
    this.claims = new ClaimPlaces(view);
    this.topology = new Topology({ nodes, labelsOfNamespace });
    for (const name of this.names) for (const pod of view.podsOnNode(name)) if (!isTerminal(view, pod)) this.take(pod, name);
  }

  get size(): number {
    return this.rows.length;
  }

  has(node: string): boolean {
    return this.index.has(node);
  }

  /** Counts the pod on the node. */
  take(pod: DesiredObject, node: string): void {
    const index = this.index.get(node);
    if (index === undefined) return;
    this.claims.take(pod, node);
    const shape = shapeOf(pod);
    subtract(this.cpuFree, index, shape.cpuMillis);
    subtract(this.memoryFree, index, shape.memoryBytes);
    subtract(this.podsFree, index, 1);
    subtract(this.cpuScored, index, shape.cpuMillis || LEAST_CPU_MILLIS);
    subtract(this.memoryScored, index, shape.memoryBytes || LEAST_MEMORY_BYTES);
    const row = this.rows[index];
    if (row !== undefined) {
      for (const [name, amount] of shape.others) row.others.set(name, (row.others.get(name) ?? 0) - amount);
      row.ports.push(...shape.hostPorts);
    }
    // Of what runs on a node that is out of sight nobody knows; its successor must find a place.
    if (row?.ready === true) this.topology.add(pod, index);
    const controller = controllerOf(pod)?.uid;
    if (controller !== undefined) this.siblingsOf(controller)[index]! += 1;
  }

  /** How many pods of the same controller run on each node; undefined when none does anywhere. */
  spreadOf(pod: DesiredObject): Uint16Array | undefined {
    const controller = controllerOf(pod)?.uid;
    return controller === undefined ? undefined : this.siblings.get(controller);
  }

  /** Per node, why its rules refuse the pod; one array for all pods with the same rules. */
  refusalsOf(pod: DesiredObject, shape: PodShape): readonly (string | undefined)[] {
    const known = this.refusals.get(shape.rulesKey);
    if (known !== undefined) return known;
    const { spec } = asPod(pod);
    const pinned = pinnedNode(spec);
    const refusals = this.rows.map(({ node, ready }) =>
      pinned === undefined || pinned === node.metadata.name ? refusalOf(node, ready, spec) : NO_MATCH,
    );
    this.refusals.set(shape.rulesKey, refusals);
    return refusals;
  }

  /** Whether what is free on the node suffices. */
  hasRoom(index: number, shape: PodShape): boolean {
    if (this.cpuFree[index]! < shape.cpuMillis && shape.cpuMillis > 0) return false;
    if (this.memoryFree[index]! < shape.memoryBytes && shape.memoryBytes > 0) return false;
    if (this.podsFree[index]! < 1) return false;
    if (shape.others.size === 0 && shape.hostPorts.length === 0) return true;
    return this.shortagesOf(index, shape).length === 0;
  }

  /** Whether it would suffice if these pods of the node were gone. */
  hasRoomWithout(index: number, shape: PodShape, gone: readonly PodShape[]): boolean {
    const row = this.rows[index];
    if (row === undefined) return false;
    const freed = (of: (each: PodShape) => number): number => gone.reduce((sum, each) => sum + of(each), 0);
    if (shape.cpuMillis > 0 && this.cpuFree[index]! + freed((each) => each.cpuMillis) < shape.cpuMillis) return false;
    if (shape.memoryBytes > 0 && this.memoryFree[index]! + freed((each) => each.memoryBytes) < shape.memoryBytes) return false;
    if (this.podsFree[index]! + gone.length < 1) return false;
    for (const [name, amount] of shape.others)
      if (amount > 0 && (row.others.get(name) ?? 0) + freed((each) => each.others.get(name) ?? 0) < amount) return false;
    const freedPorts = gone.flatMap(({ hostPorts }) => hostPorts);
    const held = row.ports.filter((port) => !freedPorts.includes(port));
    return !shape.hostPorts.some((port) => held.some((taken) => portsCollide(port, taken)));
  }

  /** Why what is free on the node does not suffice, in Kubernetes' words. */
  shortagesOf(index: number, shape: PodShape): string[] {
    const row = this.rows[index];
    if (row === undefined) return [];
    if (shape.hostPorts.some((port) => row.ports.some((taken) => portsCollide(port, taken)))) return [PORTS_TAKEN];
    const shortages: string[] = [];
    if (this.podsFree[index]! < 1) shortages.push(TOO_MANY_PODS);
    if (shape.cpuMillis > 0 && this.cpuFree[index]! < shape.cpuMillis) shortages.push('Insufficient cpu');
    if (shape.memoryBytes > 0 && this.memoryFree[index]! < shape.memoryBytes) shortages.push('Insufficient memory');
    for (const [name, amount] of shape.others) {
      if (amount > 0 && (row.others.get(name) ?? 0) < amount) shortages.push(`Insufficient ${name}`);
    }
    return shortages;
  }

  /** Thousandths of the node that would be left with the pod on it: more is better. Whole, so that all peers agree. */
  leftWith(index: number, shape: PodShape): number {
    const cpu = (this.cpuScored[index]! - (shape.cpuMillis || LEAST_CPU_MILLIS)) / (this.cpuTotal[index]! || 1);
    const memory = (this.memoryScored[index]! - (shape.memoryBytes || LEAST_MEMORY_BYTES)) / (this.memoryTotal[index]! || 1);
    return Math.floor(Math.max(0, cpu) * 500 + Math.max(0, memory) * 500);
  }

  /** Whether the node's rules and room admit the pod. */
  fits(pod: DesiredObject, index: number): boolean {
    const shape = shapeOf(pod);
    if (this.refusalsOf(pod, shape)[index] !== undefined || !this.hasRoom(index, shape)) return false;
    return this.filterOf(pod)?.(index) === undefined;
  }

  /** Rules about where other pods run, as they are now. The last pod's are kept: it is asked about node by node. */
  filterOf(pod: DesiredObject): NodeFilter | undefined {
    const { size } = this.topology;
    if (this.lastFilter?.pod !== pod || this.lastFilter.size !== size) this.lastFilter = { pod, size, filter: placeFilter(this, pod) };
    return this.lastFilter.filter;
  }

  nodeAt(index: number): Node {
    return this.rows[index]!.node;
  }

  /** The places of a label that the pod may be spread over: those with a node that lives and whose labels suit. One list for all pods with the same rules. */
  placesFor(pod: DesiredObject, topologyKey: string): readonly number[] {
    const text = JSON.stringify([topologyKey, shapeOf(pod).rulesKey]);
    const known = this.openPlaces.get(text);
    if (known !== undefined) return known;
    const { spec } = asPod(pod);
    const { of } = this.topology.places(topologyKey);
    const open = new Set<number>();
    for (const [index, { node, ready }] of this.rows.entries()) {
      const place = of[index] ?? -1;
      if (place >= 0 && !open.has(place) && ready && matchesNode(node, spec)) open.add(place);
    }
    const list = [...open];
    this.openPlaces.set(text, list);
    return list;
  }

  private openRow(view: ClusterIndex, node: Node, index: number): Row {
    const { name } = node.metadata;
    this.index.set(name, index);
    const status = view.nodeReport(name)?.status;
    const condition = status?.conditions?.find((each) => each.type === 'Ready');
    const others = amountsOf(status?.allocatable);
    this.cpuTotal[index] = this.cpuFree[index] = this.cpuScored[index] = others.get('cpu') ?? 0;
    this.memoryTotal[index] = this.memoryFree[index] = this.memoryScored[index] = others.get('memory') ?? 0;
    this.podsFree[index] = others.get('pods') ?? DEFAULT_PODS;
    return { node, ready: view.memberOfNode(name)?.state === 'alive' && condition?.status === 'True', others, ports: [] };
  }

  private siblingsOf(controller: string): Uint16Array {
    const known = this.siblings.get(controller) ?? new Uint16Array(this.rows.length);
    this.siblings.set(controller, known);
    return known;
  }
}

function subtract(column: Float64Array, index: number, amount: number): void {
  column[index]! -= amount;
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
