import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Container, PodSpec } from '../../../protocol/types.ts';
import { cpuMillis, memoryBytes } from '../../../protocol/values/quantity.ts';
import { asPod } from '../cluster/pods.ts';

/** What a pod asks of a node, in numbers. */
export interface PodShape {
  cpuMillis: number;
  memoryBytes: number;
  /** Requests of other resources, in their own base unit. */
  others: ReadonlyMap<string, number>;
  hostPorts: readonly HostPort[];
  /** Equal for pods that the node's labels, taints and cordon treat equally. */
  rulesKey: string;
}

export interface HostPort {
  ip: string;
  /** `TCP/8080` */
  port: string;
}

const shapes = new WeakMap<PodSpec, PodShape>();

export function shapeOf(pod: DesiredObject): PodShape {
  const { spec } = asPod(pod);
  const known = shapes.get(spec);
  if (known !== undefined) return known;
  const requests = podRequests(spec);
  const shape: PodShape = {
    cpuMillis: requests.get('cpu') ?? 0,
    memoryBytes: requests.get('memory') ?? 0,
    others: new Map([...requests].filter(([name]) => name !== 'cpu' && name !== 'memory')),
    hostPorts: hostPortsOf(spec),
    rulesKey: JSON.stringify([spec.nodeSelector, spec.affinity?.nodeAffinity, spec.tolerations]),
  };
  shapes.set(spec, shape);
  return shape;
}

/** Sum over containers, or what the greediest init container needs, whichever is more; sidecars count with both. Source: PodRequests in k8s.io/component-helpers. */
export function podRequests(spec: PodSpec): Map<string, number> {
  const total = new Map<string, number>();
  const atStart = new Map<string, number>();
  const sidecars = new Map<string, number>();
  for (const container of spec.containers) addTo(total, requestsOf(container));
  for (const container of spec.initContainers ?? []) {
    const requests = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      addTo(total, requests);
      addTo(sidecars, requests);
    }
    for (const [name, amount] of requests) {
      const running = sidecars.get(name) ?? 0;
      const needed = container.restartPolicy === 'Always' ? running : running + amount;
      atStart.set(name, Math.max(atStart.get(name) ?? 0, needed));
    }
  }
  for (const [name, amount] of atStart) total.set(name, Math.max(total.get(name) ?? 0, amount));
  return total;
}

function requestsOf(container: Container): Map<string, number> {
  const { requests, limits } = container.resources ?? {};
  // A limit without a request is the request, as Kubernetes defaults it.
  return amountsOf({ ...limits, ...requests });
}

/** Quantities by resource name: thousandths of a core for cpu, else the base unit. What is no quantity counts as nothing. */
export function amountsOf(quantities: Readonly<Record<string, string | number>> | undefined): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [name, quantity] of Object.entries(quantities ?? {})) amounts.set(name, amountOf(name, quantity));
  return amounts;
}

const MAX_KNOWN_AMOUNTS = 10_000;
const knownAmounts = new Map<string, number>();

/** The same few texts come again and again. */
function amountOf(name: string, quantity: string | number): number {
  const unit = name === 'cpu' ? 'm' : '';
  const text = `${unit}/${quantity}`;
  const known = knownAmounts.get(text);
  if (known !== undefined) return known;
  const amount = parseAmount(name, quantity);
  if (knownAmounts.size >= MAX_KNOWN_AMOUNTS) knownAmounts.clear();
  knownAmounts.set(text, amount);
  return amount;
}

function parseAmount(name: string, quantity: string | number): number {
  try {
    return name === 'cpu' ? cpuMillis(quantity) : memoryBytes(quantity);
  } catch {
    // Validation refuses such a value; one that got in all the same harms only its own pod.
    return 0;
  }
}

function addTo(total: Map<string, number>, amounts: ReadonlyMap<string, number>): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount);
}

function hostPortsOf(spec: PodSpec): HostPort[] {
  // Of what runs before, only what goes on beside them holds its ports.
  const holders = [...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'), ...spec.containers];
  return holders.flatMap((container) =>
    (container.ports ?? [])
      .map((port) => ({ ...port, hostPort: port.hostPort ?? (spec.hostNetwork === true ? port.containerPort : undefined) }))
      .filter((port) => port.hostPort !== undefined && port.hostPort > 0)
      .map((port) => ({ ip: anyAddress(port.hostIP) ? '' : (port.hostIP ?? ''), port: `${port.protocol ?? 'TCP'}/${port.hostPort ?? 0}` })),
  );
}

function anyAddress(ip: string | undefined): boolean {
  return ip === undefined || ip === '' || ip === '0.0.0.0' || ip === '::';
}

/** Two ports collide on one host unless each names an address and the addresses differ. */
export function portsCollide(left: HostPort, right: HostPort): boolean {
  return left.port === right.port && (left.ip === '' || right.ip === '' || left.ip === right.ip);
}
