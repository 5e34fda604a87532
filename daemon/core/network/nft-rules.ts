/**
 * Services as rules of nftables: what the kernel is to hold is a function of the table of Services and of this node. A packet costs two look-ups in maps, however many Services
 * there are. Chains and elements are named after what they are for, so that two versions can be compared and only what differs is changed.
 */
import { MOVED_FLOWS, MOVED_FLOWS_MAP, movingChains, STALE_CHAIN, staleChain } from './datagram-rules.ts';
import { gatewayOf, readSubnet } from '../../../protocol/values/ipv4.ts';
import { targetsOf, type ResolvedPort, type ResolvedService, type ServiceEndpoint } from './service-types.ts';

export interface RuleFacts {
  table: string;
  podRange: string;
  /** Of this node. */
  podSubnet: string;
  serviceRange: string;
  /** Whether packets between two pods of this host come by here: without, their answers would not be translated back. */
  bridgeFilters: boolean;
  /** Whether the kernel can lead UDP flows to another endpoint ({@link movingChains}). */
  movesFlows: boolean;
  /** Ports of this host that no load balancer may take: somebody administers it there. */
  reservedPorts: readonly number[];
}

/** Elements of maps and sets: key → what stands behind it, empty in a set. */
export type Elements = ReadonlyMap<string, string>;

export interface Rules {
  facts: RuleFacts;
  /** Sets that only the kernel fills: name → declaration. */
  sets: ReadonlyMap<string, string>;
  chains: ReadonlyMap<string, readonly string[]>;
  elements: Readonly<Record<Container, Elements>>;
}

export type Container = 'services' | 'local_ports' | 'endpoints' | 'hairpin';

const TYPES: Readonly<Record<Container, string>> = {
  services: 'map services { type ipv4_addr . inet_proto . inet_service : verdict',
  local_ports: 'map local_ports { type inet_proto . inet_service : verdict',
  endpoints: 'set endpoints { type ipv4_addr . inet_proto . inet_service',
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr',
};
const CONTAINERS = Object.keys(TYPES) as Container[];

/** On the packet: its source is to be this host, so that the answer comes back here. */
const MASQUERADE = '0x00400000';
/** On the connection: it goes by one of our chains. */
const OURS = '0x00800000';
/** Just before those of the engine, which are at -100 and 100 for the address translation, and at 0. */
const NAT_FIRST = -110;

/** What one Service adds. */
export interface ServiceRules {
  sets: [string, string][];
  chains: [string, readonly string[]][];
  services: [string, string][];
  localPorts: [string, string][];
  endpoints: string[];
  hairpin: string[];
}

export function rulesOfService(service: ResolvedService, facts: RuleFacts): ServiceRules {
  const rules: ServiceRules = { sets: [], chains: [], services: [], localPorts: [], endpoints: [], hairpin: [] };
  if (service.type === 'ExternalName' || service.headless) return rules;
  for (const port of service.ports) addPort(rules, service, port, facts);
  return rules;
}

function addPort(rules: ServiceRules, service: ResolvedService, port: ResolvedPort, facts: RuleFacts): void {
  const protocol = port.protocol.toLowerCase();
  const name = `${service.namespace}/${service.name}/${protocol}/${port.port}`;
  for (const endpoint of port.endpoints) {
    // A connection lives on when its pod is not ready any more; datagrams are better led elsewhere, as upstream does.
    if (!endpoint.lost && (endpoint.serving || protocol !== 'udp')) rules.endpoints.push(`${endpoint.ip} . ${protocol} . ${endpoint.port}`);
    if (endpoint.local) rules.hairpin.push(`${endpoint.ip} . ${endpoint.ip}`);
  }
  const inside = targetsOf(port, service.internalTrafficPolicy);
  const masqueradeStrangers = `ip saddr != ${facts.podRange} meta mark set meta mark or ${MASQUERADE}`;
  if (inside.length > 0 && service.clusterIP !== '') {
    addBalancer(rules, `in/${name}`, service, protocol, inside, [masqueradeStrangers]);
    rules.services.push([`${service.clusterIP} . ${protocol} . ${port.port}`, `goto in/${name}`]);
  }
  const ports = [...new Set([port.nodePort, service.type === 'LoadBalancer' ? port.port : undefined])].filter((one) => one !== undefined);
  const open = ports.filter((one) => !facts.reservedPorts.includes(one));
  if (open.length === 0 && service.externalIPs.length === 0) return;
  const all = targetsOf(port, 'Cluster');
  if (all.length === 0) return;
  if (service.externalTrafficPolicy === 'Local') addLocal(rules, name, service, protocol, port, facts);
  else addBalancer(rules, `out/${name}`, service, protocol, all, [`meta mark set meta mark or ${MASQUERADE}`]);
  for (const one of open) rules.localPorts.push([`${protocol} . ${one}`, `goto out/${name}`]);
  for (const address of service.externalIPs) rules.services.push([`${address} . ${protocol} . ${port.port}`, `goto out/${name}`]);
}

/** From outside only to pods of this node, whose clients keep their addresses; from inside to all, as upstream does. */
function addLocal(
  rules: ServiceRules,
  name: string,
  service: ResolvedService,
  protocol: string,
  port: ResolvedPort,
  facts: RuleFacts,
): void {
  addBalancer(rules, `all/${name}`, service, protocol, targetsOf(port, 'Cluster'), [`meta mark set meta mark or ${MASQUERADE}`]);
  const inside = [`ip saddr ${facts.podRange} goto all/${name}`, `fib saddr type local goto all/${name}`];
  const local = targetsOf(port, 'Local');
  if (local.length === 0) rules.chains.push([`out/${name}`, [...inside, 'drop']]);
  else addBalancer(rules, `out/${name}`, service, protocol, local, inside);
}

function addBalancer(
  rules: ServiceRules,
  chain: string,
  { affinitySeconds }: ResolvedService,
  protocol: string,
  targets: readonly ServiceEndpoint[],
  first: readonly string[],
): void {
  const lines = [...first, `ct mark set ct mark or ${OURS}`];
  if (affinitySeconds === undefined) {
    rules.chains.push([chain, [...lines, ...turn(targets).map((target) => `meta l4proto ${protocol} ${target}`)]]);
    return;
  }
  const names = targets.map(({ ip, port }) => `${chain}/${ip}/${port}`);
  for (const [index, name] of names.entries()) {
    rules.sets.push([
      `clients/${affinitySeconds}/${name}`,
      `{ type ipv4_addr; flags dynamic, timeout; timeout ${affinitySeconds}s; size 65535; }`,
    ]);
    rules.chains.push([
      name,
      [`update @clients/${affinitySeconds}/${name} { ip saddr }`, `meta l4proto ${protocol} dnat to ${at(targets[index]!)}`],
    ]);
    lines.push(`ip saddr @clients/${affinitySeconds}/${name} goto ${name}`);
  }
  const choices = names.map((name, index) => `${index} : goto ${name}`).join(', ');
  // The last line: see `turn`.
  rules.chains.push([
    chain,
    [...lines, ...(names.length === 1 ? [] : [`numgen inc mod ${names.length} vmap { ${choices} }`]), `goto ${names[0]}`],
  ]);
}

const at = ({ ip, port }: ServiceEndpoint): string => `${ip}:${port}`;

/**
 * One after the other. The second line is for a packet that comes while the chain is being replaced: the kernel leads it through the old lines to their end, but finds nothing
 * any more in their map, and what goes by no line is refused (nf_tables picks a chain's lines once for a packet, and asks at each look-up which elements are in force).
 */
function turn(targets: readonly ServiceEndpoint[]): string[] {
  const first = `dnat to ${at(targets[0]!)}`;
  if (targets.length === 1) return [first];
  const choices = targets.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
  return [`dnat ip addr . port to numgen inc mod ${targets.length} map { ${choices} }`, first];
}

/** All of them together. Two Services that ask for one address or port: the first by name has it. */
export function joinRules(facts: RuleFacts, all: Iterable<ServiceRules>): Rules {
  const elements: Record<Container, Map<string, string>> = {
    services: new Map(),
    local_ports: new Map(),
    endpoints: new Map(),
    hairpin: new Map(),
  };
  const sets = new Map<string, string>();
  const chains = new Map<string, readonly string[]>();
  for (const rules of all) {
    for (const [key, verdict] of rules.services) if (!elements.services.has(key)) elements.services.set(key, verdict);
    for (const [key, verdict] of rules.localPorts) if (!elements.local_ports.has(key)) elements.local_ports.set(key, verdict);
    for (const key of rules.endpoints) elements.endpoints.set(key, '');
    for (const key of rules.hairpin) elements.hairpin.set(key, '');
    for (const [name, text] of rules.sets) sets.set(name, text);
    for (const [name, lines] of rules.chains) chains.set(name, lines);
  }
  return { facts, sets, chains, elements };
}

/** What the kernel filled by itself of a table: name of a set or map → elements as it tells them, with the time that they have left. */
export type KernelElements = ReadonlyMap<string, readonly string[]>;

/**
 * The whole table, in place of whatever there is of it.
 * @param kept of the table that it replaces: clients stay with their endpoints
 */
export function renderTable(rules: Rules, kept: KernelElements = new Map()): string {
  const { table, movesFlows } = rules.facts;
  const filled = (name: string, text: string): string => {
    const elements = kept.get(name) ?? [];
    return elements.length === 0 ? text : text.replace(/ }$/, ` elements = { ${elements.join(', ')} } }`);
  };
  const lines = [`add table ip ${table}`, `delete table ip ${table}`, `table ip ${table} {`];
  for (const container of CONTAINERS) lines.push(`  ${TYPES[container]}; ${elementsClause(rules.elements[container])}}`);
  for (const [name, text] of rules.sets) lines.push(`  set ${name} ${filled(name, text)}`);
  if (movesFlows) lines.push(`  map ${MOVED_FLOWS} ${filled(MOVED_FLOWS, MOVED_FLOWS_MAP)}`);
  // A chain that others go to has to be there before them.
  for (const name of rules.chains.keys()) lines.push(`  chain ${name} {`, '  }');
  for (const [name, body] of rules.chains) lines.push(`  chain ${name} {`, ...body.map((line) => `    ${line}`), '  }');
  lines.push(...baseChains(rules.facts).map((line) => `  ${line}`), '}', '');
  return lines.join('\n');
}

/** Sets and maps of these rules that the kernel fills by itself. */
export function filledByKernel({ sets, facts }: Rules): Set<string> {
  return new Set([...sets.keys(), ...(facts.movesFlows ? [MOVED_FLOWS] : [])]);
}

/** Chains that packets pass first: they tell whether somebody flushed our rules. */
export const TELLING_CHAINS = ['dispatch', 'prerouting', 'postrouting', 'refuse'] as const;

export function renderRemoval(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}

function elementsClause(elements: Elements): string {
  return elements.size === 0 ? '' : `elements = { ${elementList(elements, elements.keys())} } `;
}

function elementList(elements: Elements, keys: Iterable<string>): string {
  return [...keys].map((key) => (elements.get(key) ? `${key} : ${elements.get(key)}` : key)).join(', ');
}

function baseChains({ podRange, podSubnet, serviceRange, bridgeFilters, movesFlows }: RuleFacts): string[] {
  const nearby = `ip saddr ${podSubnet} ip daddr ${podSubnet} ct status dnat masquerade fully-random`;
  return [
    'chain dispatch {',
    ...nodeNames(podSubnet),
    '  ip daddr . meta l4proto . th dport vmap @services',
    '  ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @local_ports',
    '}',
    `chain prerouting { type nat hook prerouting priority ${NAT_FIRST}; policy accept;`,
    '  jump dispatch',
    '}',
    `chain output { type nat hook output priority ${NAT_FIRST}; policy accept;`,
    '  jump dispatch',
    '}',
    'chain postrouting { type nat hook postrouting priority 90; policy accept;',
    // Taken off at once: what VXLAN wraps up bears the mark of what is inside, and would get another source, too. The first packet would be lost.
    `  meta mark and ${MASQUERADE} == ${MASQUERADE} meta mark set meta mark xor ${MASQUERADE} masquerade fully-random`,
    '  ip saddr . ip daddr @hairpin masquerade fully-random',
    ...(bridgeFilters ? [] : [`  ${nearby}`]),
    `  ip saddr ${podSubnet} ip daddr != ${podRange} masquerade fully-random`,
    '}',
    'chain refused {',
    '  meta l4proto tcp reject with tcp reset',
    '  reject',
    '}',
    ...staleChain(movesFlows),
    ...(movesFlows ? movingChains() : []),
    // What no Service answers fails at once, and so do connections to a pod that is gone, which would wait for ever.
    'chain refuse {',
    `  ip daddr ${serviceRange} goto refused`,
    `  ct mark and ${OURS} == ${OURS} ct direction original ip daddr . meta l4proto . th dport != @endpoints goto ${STALE_CHAIN}`,
    '}',
    'chain forward { type filter hook forward priority -10; policy accept;',
    '  jump refuse',
    '}',
    'chain sent { type filter hook output priority -10; policy accept;',
    '  jump refuse',
    '}',
  ];
}

/** Pods ask their node for names at its first address: no Service of type LoadBalancer takes that port of it. */
function nodeNames(podSubnet: string): string[] {
  const subnet = readSubnet(podSubnet);
  return subnet === undefined ? [] : [`  ip daddr ${gatewayOf(subnet)} meta l4proto { tcp, udp } th dport 53 return`];
}

/** What leads from one to the other; the base chains stay as they are. Undefined where only the whole table will do. */
export function renderChanges(before: Rules, after: Rules): string | undefined {
  if (before.facts !== after.facts) return undefined;
  const { table } = after.facts;
  const lines: string[] = [];
  for (const [name, text] of after.sets) if (!before.sets.has(name)) lines.push(`add set ip ${table} ${name} ${text}`);
  const changed = [...after.chains].filter(([name, body]) => !isSameBody(before.chains.get(name), body));
  for (const [name] of changed) lines.push(`add chain ip ${table} ${name}`);
  for (const [name, body] of changed) {
    if (before.chains.has(name)) lines.push(`flush chain ip ${table} ${name}`);
    for (const line of body) lines.push(`add rule ip ${table} ${name} ${line}`);
  }
  for (const container of CONTAINERS)
    lines.push(...elementChanges(table, container, before.elements[container], after.elements[container]));
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  for (const name of gone) lines.push(`flush chain ip ${table} ${name}`);
  for (const name of gone) lines.push(`delete chain ip ${table} ${name}`);
  for (const name of before.sets.keys()) if (!after.sets.has(name)) lines.push(`delete set ip ${table} ${name}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function elementChanges(table: string, container: Container, before: Elements, after: Elements): string[] {
  const added = [...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key);
  const removed = [...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => key);
  return [
    ...(removed.length === 0 ? [] : [`delete element ip ${table} ${container} { ${removed.join(', ')} }`]),
    ...(added.length === 0 ? [] : [`add element ip ${table} ${container} { ${elementList(after, added)} }`]),
  ];
}

function isSameBody(left: readonly string[] | undefined, right: readonly string[]): boolean {
  return left !== undefined && left.length === right.length && left.every((line, index) => line === right[index]);
}
