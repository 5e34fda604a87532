import { formatAddress, gatewayOf, sizeOf } from '../../../protocol/values/ipv4.ts';
import type { Subnet } from '../../../protocol/values/ipv4.ts';

/** Room for many pods, and for a part of it that stays the engine's. */
export const POD_SUBNETS = { shortest: 16, longest: 28, such: '10.42.7.0/24' } as const;
/** The engine's own part of a subnet is this many bits longer: the last sixteenth. It gives dynamic addresses to whatever others attach. */
const ENGINE_BITS = 4;

/** The engine's ends of a subnet: its gateway, and the part that it gives dynamic addresses of. */
export function engineParts(subnet: Subnet): { gateway: string; range: string } {
  const prefix = subnet.prefix + ENGINE_BITS;
  return {
    gateway: gatewayOf(subnet),
    range: `${formatAddress(subnet.base + sizeOf(subnet) - 2 ** (32 - prefix))}/${prefix}`,
  };
}

/** Addresses that are ours to give: after the gateway, before the engine's part. */
export function podAddresses(subnet: Subnet): { first: number; count: number } {
  const engines = 2 ** (32 - subnet.prefix - ENGINE_BITS);
  return { first: subnet.base + 2, count: sizeOf(subnet) - 2 - engines };
}
