import { createHash } from 'node:crypto';
import { invalid } from '../../../protocol/schema/field-errors.ts';
import type { FieldError } from '../../../protocol/kinds/kind.ts';
import type { DraftObject, StoredObject } from '../../../protocol/objects.ts';
import type { ServiceSpec } from '../../../protocol/types.ts';
import { formatAddress, parseAddress, sizeOf, type Subnet } from '../../../protocol/values/ipv4.ts';
import { DEFAULT_SERVICE_NUMBERS, type ServiceNumbers } from './service-range.ts';

/**
 * The addresses that a Service gets when it is written, as Kubernetes gives them: a cluster IP, and ports of nodes. Each is tried in an order that follows from the
 * Service's name, so that two sides of a split seldom give the same one away. Nothing is held but the Services themselves.
 */

/** Kubernetes' own default. */
export const NODE_PORTS = { first: 30000, last: 32767 } as const;
/** Tries before a range counts as full: far more than a range that is half full needs. */
const MAX_TRIES = 1000;

/**
 * Gives what is missing, in place.
 * @param others all Services but this one
 * @param numbers the cluster's ({@link serviceNumbers})
 * @returns what can not be had
 */
export function giveServiceAddresses(
  draft: DraftObject,
  before: StoredObject | undefined,
  others: Iterable<StoredObject>,
  numbers: ServiceNumbers = DEFAULT_SERVICE_NUMBERS,
): FieldError[] {
  const spec = draft.spec as ServiceSpec;
  if (spec.type === 'ExternalName') return [];
  const taken = takenBy(others);
  const seed = `${numbers.seed}${draft.metadata.namespace ?? ''}/${draft.metadata.name ?? ''}`;
  return [
    ...giveClusterIp(spec, specOf(before), seed, taken.addresses, numbers.range),
    ...giveNodePorts(spec, specOf(before), seed, taken.ports),
  ];
}

function takenBy(services: Iterable<StoredObject>): { addresses: Set<string>; ports: Set<string> } {
  const addresses = new Set<string>();
  const ports = new Set<string>();
  for (const service of services) {
    const { clusterIP = '', ports: own = [] } = specOf(service);
    if (clusterIP !== '') addresses.add(clusterIP);
    for (const { nodePort = 0, protocol } of own) if (nodePort !== 0) ports.add(portKey(nodePort, protocol));
  }
  return { addresses, ports };
}

function giveClusterIp(
  spec: ServiceSpec,
  old: Partial<ServiceSpec>,
  seed: string,
  taken: ReadonlySet<string>,
  range: Subnet,
): FieldError[] {
  const asked = spec.clusterIP ?? '';
  if (asked === 'None' || (asked !== '' && asked === old.clusterIP)) return [];
  if (asked !== '') {
    const why = !isUsable(asked, range)
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${range.text}`
      : taken.has(asked)
        ? 'provided IP is already allocated'
        : undefined;
    return why === undefined ? [] : [invalid('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: ${why}`)];
  }
  // The first and last address of a range have a meaning of their own, and the next one is the API's.
  const free = firstFree(seed, sizeOf(range) - 3, (offset) => formatAddress(range.base + offset + 2), taken);
  if (free === undefined) return [invalid('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full')];
  spec.clusterIP = free;
  spec.clusterIPs = [free];
  return [];
}

function giveNodePorts(spec: ServiceSpec, old: Partial<ServiceSpec>, seed: string, taken: Set<string>): FieldError[] {
  const wanted = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  if (!wanted) return [];
  const kept = new Set((old.ports ?? []).map(({ nodePort = 0, protocol }) => portKey(nodePort, protocol)));
  const errors: FieldError[] = [];
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const path = `spec.ports[${index}].nodePort`;
    const asked = port.nodePort ?? 0;
    if (asked !== 0) {
      const key = portKey(asked, port.protocol);
      if (asked < NODE_PORTS.first || asked > NODE_PORTS.last) {
        errors.push(
          invalid(
            path,
            asked,
            `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`,
          ),
        );
      } else if (taken.has(key) && !kept.has(key)) errors.push(invalid(path, asked, 'provided port is already allocated'));
      taken.add(key);
      continue;
    }
    const size = NODE_PORTS.last - NODE_PORTS.first + 1;
    const free = firstFree(
      `${seed}/${port.protocol ?? 'TCP'}/${port.port}`,
      size,
      (offset) => portKey(NODE_PORTS.first + offset, port.protocol),
      taken,
    );
    if (free === undefined) {
      errors.push(invalid(path, 0, 'failed to allocate a nodePort: range is full'));
      continue;
    }
    taken.add(free);
    port.nodePort = Number(free.slice(free.indexOf('/') + 1));
  }
  return errors;
}

function firstFree(seed: string, size: number, at: (offset: number) => string, taken: ReadonlySet<string>): string | undefined {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const digest = createHash('sha256').update(`service address\0${seed}\0${attempt}`).digest();
    const candidate = at(digest.readUInt32BE(0) % size);
    if (!taken.has(candidate)) return candidate;
  }
  return undefined;
}

function isUsable(address: string, range: Subnet): boolean {
  const number = parseAddress(address) ?? 0;
  return number > range.base && number < range.base + sizeOf(range) - 1;
}

export function portKey(port: number, protocol: string | undefined): string {
  return `${protocol ?? 'TCP'}/${port}`;
}

function specOf(service: StoredObject | undefined): Partial<ServiceSpec> {
  return service?.spec ?? {};
}
