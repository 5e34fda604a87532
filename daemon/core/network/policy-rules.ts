/**
 * NetworkPolicies as rules of nftables, in a table of their own: what the kernel is to hold for the pods of this node is a function of policies, pods and namespaces. A packet
 * costs one look-up a direction, however many pods and policies there are; a pod that comes or goes changes elements only. They hang where packets are forwarded, behind the
 * translation of Services' addresses and before that of sources: they see pods' own addresses on both ends. What this host itself sends or is sent never passes there, so that
 * a node always reaches its own pods and they reach it, as upstream ("traffic between a Pod and the node where it is running is always allowed"): a node's answers for names among it.
 */
import { createHash } from 'node:crypto';
import type { LabelSelector, NetworkPolicySpec } from '../../../protocol/types.ts';
import type { Labels } from '../../../protocol/values/label-selector.ts';
import { matchesSelector, selectorOf } from '../../../protocol/values/label-selector.ts';
import { addressBlock, portMatches } from './policy-matches.ts';

export interface PolicyPod {
  namespace: string;
  name: string;
  labels: Labels;
  ip: string;
  /** Runs on this node. */
  local: boolean;
  ports: readonly { name: string; protocol: string; port: number }[];
}

export interface PolicyObject {
  namespace: string;
  name: string;
  spec: NetworkPolicySpec;
}

export interface PolicyFacts {
  policies: readonly PolicyObject[];
  /** With an address of their own, and not ended. */
  pods: readonly PolicyPod[];
  namespaces: readonly { name: string; labels: Labels }[];
}

/** Sets and maps: name → type, and elements (key → verdict; empty in a set). */
export interface PolicySet {
  type: string;
  elements: ReadonlyMap<string, string>;
}

export interface PolicyRules {
  table: string;
  sets: ReadonlyMap<string, PolicySet>;
  chains: ReadonlyMap<string, readonly string[]>;
}

type Direction = 'ingress' | 'egress';
const DIRECTIONS = ['egress', 'ingress'] as const;
/** Chains that packets pass first: they tell whether somebody flushed our rules. */
export const POLICY_CHAINS: readonly string[] = DIRECTIONS;
/** The far end of a packet in the eyes of the selected pod. */
const FAR = { ingress: 'ip saddr', egress: 'ip daddr' } as const;
const NEAR = { ingress: 'ip daddr', egress: 'ip saddr' } as const;
/** After the refusal of Services that nobody serves (-10), before the engine's own rules (0). */
const PRIORITY = { egress: -6, ingress: -5 } as const;

/** @returns undefined where no policy selects a pod of this node: then there is to be no table */
export function planPolicyRules(facts: PolicyFacts, table: string): PolicyRules | undefined {
  const plan = new Plan(facts);
  for (const pod of facts.pods) if (pod.local) plan.addPod(pod);
  return plan.isEmpty ? undefined : { table, sets: plan.sets, chains: plan.chains };
}

/** Whether any policy holds back traffic of this pod. */
export function isSelected(policies: readonly PolicyObject[], pod: Pick<PolicyPod, 'namespace' | 'labels'>): boolean {
  return policies.some((policy) => selects(policy, pod));
}

function selects({ namespace, spec }: PolicyObject, pod: Pick<PolicyPod, 'namespace' | 'labels'>): boolean {
  return namespace === pod.namespace && matchesSelector(selectorOf(spec.podSelector ?? {}), pod.labels);
}

class Plan {
  readonly sets = new Map<string, PolicySet & { elements: Map<string, string> }>();
  readonly chains = new Map<string, readonly string[]>();
  readonly #facts: PolicyFacts;
  readonly #byNamespace = new Map<string, PolicyObject[]>();

  constructor(facts: PolicyFacts) {
    this.#facts = facts;
    for (const policy of facts.policies)
      this.#byNamespace.set(policy.namespace, [...(this.#byNamespace.get(policy.namespace) ?? []), policy]);
  }

  get isEmpty(): boolean {
    return this.chains.size === 0;
  }

  addPod(pod: PolicyPod): void {
    const selecting = (this.#byNamespace.get(pod.namespace) ?? []).filter((policy) => selects(policy, pod));
    for (const direction of DIRECTIONS) {
      const policies = selecting
        .filter(({ spec }) => directionsOf(spec).has(direction))
        .sort((left, right) => (left.name < right.name ? -1 : 1));
      if (policies.length === 0) continue;
      const chains = policies.map((policy) => this.#policyChain(policy, direction));
      // Pods that the same policies select share a chain. Whatever none of them lets through is dropped.
      const name = `${direction}-of/${digest(chains)}`;
      this.chains.set(name, [...chains.map((chain) => `jump ${chain}`), 'drop']);
      this.#set(`${direction}_pods`, 'map { type ipv4_addr : verdict').set(pod.ip, `goto ${name}`);
      this.#set('themselves', 'set { type ipv4_addr . ipv4_addr').set(`${pod.ip} . ${pod.ip}`, '');
    }
  }

  #policyChain({ namespace, name, spec }: PolicyObject, direction: Direction): string {
    const chain = `${direction}/${namespace}/${name.length > MAX_NAME ? digest([name]) : name}`;
    if (this.chains.has(chain)) return chain;
    const rules =
      direction === 'ingress'
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    const lines = rules.flatMap(({ peers = [], ports = [] }) => {
      const ends = peers.length === 0 ? [''] : peers.flatMap((peer) => this.#peer(peer, namespace, direction));
      const doors = ports.length === 0 ? [''] : portMatches(ports, (protocol, port) => this.#namedPort(protocol, port));
      return ends.flatMap((end) => doors.map((door) => [end, door, 'accept'].filter((word) => word !== '').join(' ')));
    });
    this.chains.set(chain, lines);
    return chain;
  }

  #peer(
    {
      podSelector,
      namespaceSelector,
      ipBlock,
    }: { podSelector?: LabelSelector; namespaceSelector?: LabelSelector; ipBlock?: { cidr: string; except?: string[] } },
    namespace: string,
    direction: Direction,
  ): string[] {
    if (ipBlock !== undefined) return addressBlock(ipBlock, FAR[direction]);
    const home = namespaceSelector === undefined ? namespace : '';
    const name = `peers/${digest([home, namespaceSelector ?? null, podSelector ?? null])}`;
    if (!this.sets.has(name)) {
      const elements = this.#set(name, 'set { type ipv4_addr');
      const among = namespaceSelector === undefined ? new Set([namespace]) : this.#namespaces(namespaceSelector);
      const selector = selectorOf(podSelector ?? {});
      for (const pod of this.#facts.pods) if (among.has(pod.namespace) && matchesSelector(selector, pod.labels)) elements.set(pod.ip, '');
    }
    return [`${FAR[direction]} @${name}`];
  }

  #namespaces(namespaceSelector: LabelSelector): Set<string> {
    const selector = selectorOf(namespaceSelector);
    return new Set(this.#facts.namespaces.filter(({ labels }) => matchesSelector(selector, labels)).map(({ name }) => name));
  }

  /** A name stands for another number in each pod; what is connected to is a pod's in both directions. */
  #namedPort(protocol: string, portName: string): string {
    const name = `ports/${protocol}/${portName}`;
    if (!this.sets.has(name)) {
      const elements = this.#set(name, 'set { type ipv4_addr . inet_proto . inet_service');
      for (const { ip, ports } of this.#facts.pods)
        for (const port of ports)
          if (port.name === portName && port.protocol.toLowerCase() === protocol) elements.set(`${ip} . ${protocol} . ${port.port}`, '');
    }
    return `ip daddr . meta l4proto . th dport @${name}`;
  }

  #set(name: string, type: string): Map<string, string> {
    const set = this.sets.get(name) ?? { type, elements: new Map<string, string>() };
    this.sets.set(name, set);
    return set.elements;
  }
}

/** Upstream's default is written when the object is. */
function directionsOf({ policyTypes, egress }: NetworkPolicySpec): ReadonlySet<Direction> {
  const types = policyTypes?.length ? policyTypes : egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
  return new Set(types.map((type) => type.toLowerCase() as Direction));
}

/** Characters of a policy's name in that of a chain; nftables' limit is 255, with those of its namespace (63). */
const MAX_NAME = 160;

function digest(of: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 16);
}

/** The whole table, in place of whatever there is of it, in one transaction. */
export function renderPolicies({ table, sets, chains }: PolicyRules): string {
  const lines = [`add table ip ${table}`, `delete table ip ${table}`, `table ip ${table} {`];
  // A chain that others go to has to be there before them.
  for (const name of chains.keys()) lines.push(`  chain ${name} {`, '  }');
  for (const [name, { type, elements }] of sets) {
    const content = elements.size === 0 ? '' : `elements = { ${listed(elements, elements.keys())} } `;
    lines.push(`  ${type.replace(' ', ` ${name} `)}; ${content}}`);
  }
  for (const [name, body] of chains) lines.push(`  chain ${name} {`, ...body.map((line) => `    ${line}`), '  }');
  for (const direction of DIRECTIONS) {
    if (!sets.has(`${direction}_pods`)) {
      lines.push(`  chain ${direction} {`, '  }');
      continue;
    }
    lines.push(
      // What one chain of the kernel's hook accepts goes on to the next: a packet between two pods has to please both.
      `  chain ${direction} { type filter hook forward priority ${PRIORITY[direction]}; policy accept;`,
      '    ct state established,related accept',
      '    ip saddr . ip daddr @themselves accept',
      `    ${NEAR[direction]} vmap @${direction}_pods`,
      '  }',
    );
  }
  return [...lines, '}', ''].join('\n');
}

/** Where sets and chains are the same and only what is in the sets differs: elements that come and go. Undefined where only the whole table will do. */
export function renderPolicyChanges(before: PolicyRules, after: PolicyRules): string | undefined {
  if (before.table !== after.table || before.sets.size !== after.sets.size || !isSameMap(before.chains, after.chains)) return undefined;
  const lines: string[] = [];
  for (const [name, { elements }] of after.sets) {
    const had = before.sets.get(name)?.elements;
    if (had === undefined) return undefined;
    const gone = [...had].filter(([key, value]) => elements.get(key) !== value).map(([key]) => key);
    const added = [...elements].filter(([key, value]) => had.get(key) !== value).map(([key]) => key);
    if (gone.length > 0) lines.push(`delete element ip ${after.table} ${name} { ${gone.join(', ')} }`);
    if (added.length > 0) lines.push(`add element ip ${after.table} ${name} { ${listed(elements, added)} }`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function listed(elements: ReadonlyMap<string, string>, keys: Iterable<string>): string {
  return [...keys].map((key) => (elements.get(key) ? `${key} : ${elements.get(key)}` : key)).join(', ');
}

function isSameMap(left: PolicyRules['chains'], right: PolicyRules['chains']): boolean {
  return left.size === right.size && [...left].every(([name, body]) => body.join('\n') === right.get(name)?.join('\n'));
}
