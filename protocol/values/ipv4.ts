import { KithError } from '../errors.ts';

/** An IPv4 network in CIDR notation; `base` is its first address as a number. */
export interface Subnet {
  base: number;
  prefix: number;
  text: string;
}

/** Undefined where the text is no network: an address that is not the first of it, too. */
export function readSubnet(text: string): Subnet | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text);
  const base = parseAddress(match?.[1] ?? '');
  const prefix = Number(match?.[2] ?? 33);
  if (base === undefined || prefix > 32 || base % 2 ** (32 - prefix) !== 0) return undefined;
  return { base, prefix, text };
}

/**
 * @param bounds shortest and longest prefix that will do
 * @throws KithError `InvalidSubnet`
 */
export function parseSubnet(text: string, bounds: { shortest: number; longest: number; such: string }): Subnet {
  const subnet = readSubnet(text);
  if (subnet !== undefined && subnet.prefix >= bounds.shortest && subnet.prefix <= bounds.longest) return subnet;
  const wanted = `a network such as ${bounds.such}, its mask from /${bounds.shortest} to /${bounds.longest}`;
  throw new KithError('InvalidSubnet', `"${text}" is no network for pods: give ${wanted}`);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

export function parseAddress(text: string): number | undefined {
  const octets = text.split('.').map((octet) => (/^\d{1,3}$/.test(octet) ? Number(octet) : 256));
  if (octets.length !== 4 || !octets.every((octet) => octet <= 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function overlaps(left: Subnet, right: Subnet): boolean {
  return left.base < right.base + sizeOf(right) && right.base < left.base + sizeOf(left);
}

export function contains(subnet: Subnet, address: string): boolean {
  const number = parseAddress(address);
  return number !== undefined && number >= subnet.base && number < subnet.base + sizeOf(subnet);
}

/** The one of whoever leads out of it. */
export function gatewayOf(subnet: Subnet): string {
  return formatAddress(subnet.base + 1);
}

/** How many addresses it has. */
export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}
