import { checkIpAddress } from './names.ts';

/** A range of addresses: where it begins, and the length of its prefix. Addresses within it name it as well as its first. */
export interface Cidr {
  family: 'IPv4' | 'IPv6';
  /** The first address of the range. */
  base: bigint;
  prefix: number;
}

const BITS = { IPv4: 32, IPv6: 128 } as const;

/** Undefined where the text is no range. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = '', length = ''] = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (address === '' || checkIpAddress(address).length > 0) return undefined;
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  const prefix = Number(length);
  if (prefix > BITS[family]) return undefined;
  const rest = BigInt(BITS[family] - prefix);
  return { family, prefix, base: (addressValue(address, family) >> rest) << rest };
}

export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined;
}

/** Whether `inner` is a part of `outer`, and not all of it. */
export function isStrictPart(inner: Cidr, outer: Cidr): boolean {
  if (inner.family !== outer.family || inner.prefix <= outer.prefix) return false;
  const rest = BigInt(BITS[outer.family] - outer.prefix);
  return inner.base >> rest === outer.base >> rest;
}

function addressValue(address: string, family: Cidr['family']): bigint {
  if (family === 'IPv4') return address.split('.').reduce((sum, octet) => (sum << 8n) + BigInt(Number(octet)), 0n);
  // The URL parser (WHATWG) writes every form of RFC 4291 in one: groups of hex, the longest run of zeros as `::`.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...(tail === undefined ? [] : zeros), ...right].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
