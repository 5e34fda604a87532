/** Parts of a NetworkPolicy's rules in the words of nftables. */
import { overlaps, readSubnet, type Subnet } from '../../../protocol/values/ipv4.ts';

export interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

/** A range of addresses without what is left out of it. Nothing for one of IPv6: no pod has such an address. */
export function addressBlock({ cidr, except = [] }: { cidr: string; except?: readonly string[] }, end: string): string[] {
  const block = readSubnet(cidr);
  if (block === undefined) return [];
  const holes = widest(except.flatMap((text) => readSubnet(text) ?? [])).map(({ text }) => text);
  const inside = block.prefix === 0 ? [] : [`${end} ${cidr}`];
  const outside = holes.length === 0 ? [] : [`${end} != { ${holes.join(', ')} }`];
  return [[...inside, ...outside].join(' ')];
}

/** nftables refuses ranges that overlap. */
function widest(subnets: readonly Subnet[]): Subnet[] {
  const kept: Subnet[] = [];
  for (const subnet of [...subnets].sort((left, right) => left.prefix - right.prefix || left.base - right.base))
    if (!kept.some((wider) => overlaps(wider, subnet))) kept.push(subnet);
  return kept;
}

/** One text for all numbers of a protocol, one for each name. @param named of a protocol (small letters) and a name */
export function portMatches(ports: readonly PolicyPort[], named: (protocol: string, port: string) => string): string[] {
  const texts = new Set<string>();
  const ranges = new Map<string, [number, number][]>();
  for (const { protocol: said = 'TCP', port, endPort } of ports) {
    const protocol = said.toLowerCase();
    if (port === undefined) texts.add(`meta l4proto ${protocol}`);
    else if (typeof port === 'string') texts.add(named(protocol, port));
    else ranges.set(protocol, [...(ranges.get(protocol) ?? []), [port, Math.max(port, endPort ?? port)]]);
  }
  for (const [protocol, all] of ranges) {
    const words = joined(all).map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
    texts.add(`${protocol} dport ${words.length === 1 ? words[0] : `{ ${words.join(', ')} }`}`);
  }
  return [...texts];
}

function joined(ranges: readonly [number, number][]): [number, number][] {
  const all: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((left, right) => left[0] - right[0])) {
    const before = all.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else all.push([first, last]);
  }
  return all;
}
