import type { DesiredObject } from '../../../protocol/objects.ts';
import { isTerminal, reportOf } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { amountsOf, type HostPort, type PodShape, portsCollide, shapeOf } from './pod-shape.ts';

/** Why a node turns a pod away, as kubelet says it. */
export interface Rejection {
  reason: string;
  message: string;
}

export interface AdmitOptions {
  /** Of the node, where it knows better than its last report. */
  allocatable?: Readonly<Record<string, string | number>>;
  /** Uids of pods that run there already; by default those whose report says so. */
  running?: ReadonlySet<string>;
}

/**
 * Which of the pods bound to a node it can't take, by uid. What runs stays; the rest come in binding order (time, then name). A node that does not know yet what
 * it has takes all.
 */
export function admitPods(
  view: ClusterView,
  node: string,
  pods: readonly DesiredObject[] = view.podsOnNode(node),
  options: AdmitOptions = {},
): ReadonlyMap<string, Rejection> {
  const rejected = new Map<string, Rejection>();
  const allocatable = options.allocatable ?? view.nodeReport(node)?.status.allocatable;
  if (allocatable === undefined) return rejected;
  const runs = (pod: DesiredObject): boolean => options.running?.has(pod.uid) ?? reportOf(view, pod)?.status.phase === 'Running';
  const room = new Room(amountsOf(allocatable));
  const counted = pods.filter((pod) => !isTerminal(view, pod));
  for (const pod of counted) if (runs(pod)) room.take(shapeOf(pod));
  for (const pod of counted.filter((each) => !runs(each)).sort(byBinding)) {
    const shape = shapeOf(pod);
    const rejection = room.refuse(shape);
    if (rejection === undefined) room.take(shape);
    else rejected.set(pod.uid, rejection);
  }
  return rejected;
}

/** What one node has and what of it is used. */
class Room {
  private readonly capacity: ReadonlyMap<string, number>;
  private readonly used = new Map<string, number>();
  private readonly ports: HostPort[] = [];

  constructor(capacity: ReadonlyMap<string, number>) {
    this.capacity = capacity;
  }

  take(shape: PodShape): void {
    for (const [name, amount] of demandsOf(shape)) this.used.set(name, (this.used.get(name) ?? 0) + amount);
    this.ports.push(...shape.hostPorts);
  }

  refuse(shape: PodShape): Rejection | undefined {
    for (const [name, requested] of demandsOf(shape)) {
      const capacity = this.capacity.get(name);
      // Of pods alone a node need not name a bound.
      if (requested === 0 || (capacity === undefined && name === 'pods')) continue;
      const used = this.used.get(name) ?? 0;
      if (used + requested <= (capacity ?? 0)) continue;
      const shortage = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity ?? 0}`;
      return { reason: `OutOf${name}`, message: `Pod was rejected: ${shortage}` };
    }
    if (!shape.hostPorts.some((port) => this.ports.some((taken) => portsCollide(port, taken)))) return undefined;
    return {
      reason: 'NodePorts',
      message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    };
  }
}

function demandsOf(shape: PodShape): [string, number][] {
  return [['pods', 1], ['cpu', shape.cpuMillis], ['memory', shape.memoryBytes], ...shape.others];
}

function byBinding(left: DesiredObject, right: DesiredObject): number {
  const [earlier, later] = [left.object.kith?.binding?.at ?? '', right.object.kith?.binding?.at ?? ''];
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left.key < right.key ? -1 : 1;
}
