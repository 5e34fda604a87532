/**
 * The way from this host to the pods of every other: a plain route where both share a link, else VXLAN, whose forwarding table is fed from the list of members. What
 * is wanted follows from the view; what has to be done follows from that and from what the kernel has. Dead members keep theirs: they may only be out of sight.
 */
import { createHash } from 'node:crypto';
import type { ClusterView } from '../cluster/view.ts';
import { contains, formatAddress, parseAddress, type Subnet } from '../../../protocol/values/ipv4.ts';
import { podSubnetOf } from './pod-subnets.ts';
import type { HostAddress, HostCommands, PresentWays } from '../../ports/host-network.ts';

export type NetworkMode = 'auto' | 'routes' | 'vxlan' | 'none';

/** Bytes that VXLAN puts around a frame, by RFC 7348: Ethernet, IPv4, UDP and its own header. */
const VXLAN_BYTES = 50;
/** Linux' own port for VXLAN, as flannel uses it. */
export const VXLAN_PORT = 8472;
/** Marks for whose a route is; those below are in use by others (/etc/iproute2/rt_protos). */
const PROTOCOLS = { first: 64, count: 120 } as const;

export interface Tunnel {
  device: string;
  id: number;
  /** This host's end. */
  local: string;
  link: string;
  mac: string;
  /** Of this host on the device, so that the host itself has an address to be answered at. */
  address: string;
  mtu: number;
}

export type Way = { node: string; subnet: string } & ({ how: 'route'; via: string } | { how: 'vxlan'; end: string; mac: string });

export interface WantedWays {
  /** Tells our routes from others'. */
  protocol: number;
  ways: readonly Way[];
  tunnel?: Tunnel;
  /** Of the links of pods. */
  mtu: number;
  /** Peers that can not be reached, and why. */
  problems: readonly string[];
}

/** @param addresses of this host */
export function planWays(view: ClusterView, clusterId: string, addresses: readonly HostAddress[], mode: NetworkMode): WantedWays {
  const own = podSubnetOf(view, view.self.node);
  const self = view.memberOfNode(view.self.node);
  const local = firstOf(memberAddresses(self?.spec.peerAddresses ?? []), addresses) ?? addresses[0];
  const ways: Way[] = [];
  const problems: string[] = [];
  for (const { spec } of view.members()) {
    const subnet = podSubnetOf(view, spec.nodeName);
    const theirs = memberAddresses(spec.peerAddresses);
    if (subnet === undefined || spec.nodeName === view.self.node || theirs.some((address) => isOwn(address, addresses))) continue;
    const near = theirs.find((address) => addresses.some((mine) => contains(networkOf(mine), address)));
    const [end] = theirs;
    if (end === undefined) problems.push(`${spec.nodeName} says no IPv4 address`);
    else if (mode !== 'vxlan' && near !== undefined) ways.push({ node: spec.nodeName, subnet: subnet.text, how: 'route', via: near });
    else if (mode === 'routes')
      problems.push(`${spec.nodeName} (${end}) shares no link with this host, and --network routes forbids another way`);
    else ways.push({ node: spec.nodeName, subnet: subnet.text, how: 'vxlan', end, mac: macOf(clusterId, end) });
  }
  const number = createHash('sha256').update(clusterId).digest();
  const linkMtu = local?.mtu ?? 1500;
  const mtu = mode === 'routes' ? linkMtu : linkMtu - VXLAN_BYTES;
  const needsTunnel = local !== undefined && own !== undefined && ways.some(({ how }) => how === 'vxlan');
  return {
    protocol: routeProtocol(clusterId),
    ways: ways.sort((left, right) => (left.subnet < right.subnet ? -1 : 1)),
    mtu,
    problems,
    ...(needsTunnel ? { tunnel: tunnelOf(clusterId, number, local, own, linkMtu - VXLAN_BYTES) } : {}),
  };
}

/** Mark of the routes of a cluster's peers. */
export function routeProtocol(clusterId: string): number {
  return PROTOCOLS.first + (createHash('sha256').update(clusterId).digest().readUInt16BE(0) % PROTOCOLS.count);
}

/** Mark of rules in firewalls of others. */
export function ruleOwner(clusterId: string): string {
  return clusterId.slice(0, 16);
}

function tunnelOf(clusterId: string, number: Buffer, local: HostAddress, own: Subnet, mtu: number): Tunnel {
  return {
    device: tunnelDevice(clusterId),
    id: number.readUIntBE(2, 3),
    local: local.address,
    link: local.link,
    mac: macOf(clusterId, local.address),
    address: formatAddress(own.base),
    mtu,
  };
}

/** Peers of one cluster on one host share it: it follows from the cluster and the host's address. */
export function tunnelDevice(clusterId: string): string {
  return `kithx-${createHash('sha256').update(clusterId).digest('hex').slice(0, 8)}`;
}

/** A locally administered address that everybody can work out. */
function macOf(clusterId: string, end: string): string {
  const bytes = createHash('sha256').update(`${clusterId}\0${end}`).digest();
  return ['02', ...[...bytes.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/**
 * What is to be done so that the kernel has what is wanted, and nothing else of ours.
 * @param serviceRange whoever connects to a Service needs a route there, though its address is translated on the way out: one to loopback will do
 */
export function planCommands(wanted: WantedWays, present: PresentWays, serviceRange: string): HostCommands {
  const { protocol, tunnel } = wanted;
  const ip: string[] = [];
  const bridge: string[] = [];
  if (tunnel !== undefined) ip.push(...tunnelCommands(tunnel, present));
  const fresh = tunnel !== undefined && !isSame(tunnel, present);
  for (const way of wanted.ways) {
    const onLink = way.how === 'vxlan';
    if (onLink && tunnel === undefined) continue;
    const gateway = onLink ? way.subnet.replace(/\/.*/, '') : way.via;
    const had = present.routes.find(({ subnet }) => subnet === way.subnet);
    if ((onLink && fresh) || had?.gateway !== gateway || (onLink && had.link !== tunnel?.device)) {
      const device = onLink ? `dev ${tunnel!.device} onlink ` : '';
      ip.push(`route replace ${way.subnet} via ${gateway} ${device}proto ${protocol}`);
    }
    if (!onLink) continue;
    if (fresh || !present.neighbours.some(({ address, mac }) => address === gateway && mac === way.mac))
      ip.push(`neigh replace ${gateway} lladdr ${way.mac} dev ${tunnel!.device} nud permanent`);
    if (fresh || !present.forwarding.some(({ mac, end }) => mac === way.mac && end === way.end))
      bridge.push(`fdb replace ${way.mac} dev ${tunnel!.device} dst ${way.end} self permanent`);
  }
  const subnets = new Set([serviceRange, ...wanted.ways.map(({ subnet }) => subnet)]);
  if (!present.routes.some(({ subnet, link }) => subnet === serviceRange && link === 'lo'))
    ip.push(`route replace ${serviceRange} dev lo proto ${protocol}`);
  for (const { subnet } of present.routes) if (!subnets.has(subnet)) ip.push(`route del ${subnet} proto ${protocol}`);
  if (tunnel !== undefined && !fresh) {
    const tunnelled = wanted.ways.filter((way) => way.how === 'vxlan');
    for (const { address } of present.neighbours)
      if (!tunnelled.some(({ subnet }) => subnet.startsWith(`${address}/`))) ip.push(`neigh del ${address} dev ${tunnel.device}`);
    for (const { mac, end } of present.forwarding)
      if (!tunnelled.some((way) => way.how === 'vxlan' && way.mac === mac && way.end === end))
        bridge.push(`fdb del ${mac} dev ${tunnel.device} dst ${end} self`);
  }
  if (tunnel === undefined && present.tunnel !== undefined) ip.push(`link del ${present.tunnel.device}`);
  return { ip, bridge };
}

function isSame({ device, id, local, mac }: Tunnel, { tunnel }: PresentWays): boolean {
  return tunnel?.device === device && tunnel.id === id && tunnel.local === local && tunnel.mac === mac;
}

function tunnelCommands(tunnel: Tunnel, present: PresentWays): string[] {
  const { device, id, local, link, mac, address, mtu } = tunnel;
  const commands: string[] = [];
  if (!isSame(tunnel, present)) {
    if (present.tunnel !== undefined) commands.push(`link del ${present.tunnel.device}`);
    commands.push(`link add ${device} address ${mac} type vxlan id ${id} local ${local} dev ${link} dstport ${VXLAN_PORT} nolearning`);
    return [...commands, `link set ${device} mtu ${mtu} up`, `address replace ${address}/32 dev ${device}`];
  }
  if (present.tunnel?.mtu !== mtu || !present.tunnel.up) commands.push(`link set ${device} mtu ${mtu} up`);
  // Another peer of this host may have its own there.
  if (present.tunnel?.addresses.includes(address) !== true) commands.push(`address replace ${address}/32 dev ${device}`);
  return commands;
}

/** The IPv4 addresses of a peer that others may reach it at. */
export function memberAddresses(multiaddrs: readonly string[]): string[] {
  return multiaddrs.flatMap((text) => {
    const address = /^\/ip4\/([\d.]+)\//.exec(text)?.[1];
    return address === undefined || parseAddress(address) === undefined || address.startsWith('127.') ? [] : [address];
  });
}

function firstOf(wanted: readonly string[], addresses: readonly HostAddress[]): HostAddress | undefined {
  for (const address of wanted) {
    const found = addresses.find((mine) => mine.address === address);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isOwn(address: string, addresses: readonly HostAddress[]): boolean {
  return addresses.some((mine) => mine.address === address);
}

function networkOf({ address, prefix }: HostAddress): Subnet {
  const size = 2 ** (32 - prefix);
  const base = Math.floor((parseAddress(address) ?? 0) / size) * size;
  return { base, prefix, text: '' };
}
