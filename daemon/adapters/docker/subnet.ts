import { createHash } from 'node:crypto';
import { KithError } from '../../../protocol/errors.ts';

/** An IPv4 network in CIDR notation; `base` is its first address as a number. */
export interface Subnet {
  base: number;
  prefix: number;
  text: string;
}

/** Room for many pods, and for a part of it that stays the engine's. */
const LARGEST_PREFIX = 28;
const SMALLEST_PREFIX = 16;
/** The engine's own part of a subnet is this many bits longer: the last sixteenth. It gives dynamic addresses to whatever others attach. */
const ENGINE_BITS = 4;
/** Where nodes take their subnets of when nobody says which: each a /24 of this /16. */
const POD_RANGE = { base: (10 << 24) + (42 << 16), subnets: 256 };
const CANDIDATES = 16;

/** @throws KithError `InvalidSubnet` */
export function parseSubnet(text: string): Subnet {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a = 256, b = 0, c = 0, d = 0, prefix = 0] = (match?.slice(1) ?? []).map(Number);
  const base = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefix);
  const isAddress = [a, b, c, d].every((octet) => octet <= 255);
  if (!isAddress || prefix < SMALLEST_PREFIX || prefix > LARGEST_PREFIX || base % size !== 0) {
    const wanted = `a network such as 10.42.7.0/24, its mask from /${SMALLEST_PREFIX} to /${LARGEST_PREFIX}`;
    throw new KithError('InvalidSubnet', `"${text}" is no subnet for pods: give ${wanted}`);
  }
  return { base, prefix, text };
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

export function parseAddress(text: string): number | undefined {
  const octets = text.split('.').map(Number);
  if (octets.length !== 4 || !octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet <= 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function overlaps(left: Subnet, right: Subnet): boolean {
  return left.base < right.base + sizeOf(right) && right.base < left.base + sizeOf(left);
}

export function contains(subnet: Subnet, address: string): boolean {
  const number = parseAddress(address);
  return number !== undefined && number >= subnet.base && number < subnet.base + sizeOf(subnet);
}

/** The engine's ends of a subnet: its gateway, and the part that it gives dynamic addresses of. */
export function engineParts(subnet: Subnet): { gateway: string; range: string } {
  const prefix = subnet.prefix + ENGINE_BITS;
  return {
    gateway: formatAddress(subnet.base + 1),
    range: `${formatAddress(subnet.base + sizeOf(subnet) - 2 ** (32 - prefix))}/${prefix}`,
  };
}

/** Addresses that are ours to give: after the gateway, before the engine's part. */
export function podAddresses(subnet: Subnet): { first: number; count: number } {
  const engines = 2 ** (32 - subnet.prefix - ENGINE_BITS);
  return { first: subnet.base + 2, count: sizeOf(subnet) - 2 - engines };
}

/** Subnets to try in turn, the same at each start of one node, mostly others for other nodes. */
export function candidateSubnets(seed: string): string[] {
  const first = createHash('sha256').update(seed).digest()[0] ?? 0;
  return Array.from({ length: CANDIDATES }, (_, index) => {
    // An odd step visits all of the 256.
    const number = (first + index * 37) % POD_RANGE.subnets;
    return `${formatAddress(POD_RANGE.base + number * 256)}/24`;
  });
}

function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}
