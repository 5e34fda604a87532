/**
 * UDP flows whose endpoint is gone. The kernel remembers where a flow goes for as long as packets come, so that a client that sends on from one port would never be led to
 * another endpoint. Its memory can not be cleared by rules; but it can be told to look such a flow up in another zone of it, where the flow is new. This needs no program on the
 * host, and the flows of endpoints that live are left alone.
 */

/** Flow (as the client sees it) → zone. Of the kernel's own making; a flow that is forgotten is led anew once more. */
export const MOVED_FLOWS = 'moved';
export const STALE_CHAIN = 'stale';
/** Zones are 16 bits; 0 is everybody's. */
const ZONES = 'numgen random mod 60000 offset 1';
/** Before the kernel's memory of connections (-200). */
const RAW = -300;
const FLOW = 'ct original ip saddr . ct original proto-src . ct original ip daddr . ct original proto-dst';
const PACKET = 'ip saddr . udp sport . ip daddr . udp dport';

export const MOVED_FLOWS_MAP = `{ typeof ${PACKET} : ct zone; flags dynamic, timeout; timeout 1h; size 65535; }`;

/** @param moves the kernel can: without, what is stale is refused */
export function staleChain(moves: boolean): string[] {
  return [
    `chain ${STALE_CHAIN} {`,
    ...(moves
      ? [
          `  meta l4proto udp delete @${MOVED_FLOWS} { ${FLOW} : ${ZONES} }`,
          // One datagram is lost. Where there is no room the next rule says no.
          `  meta l4proto udp add @${MOVED_FLOWS} { ${FLOW} : ${ZONES} } drop`,
        ]
      : []),
    '  goto refused',
    '}',
  ];
}

export function movingChains(): string[] {
  const move = `  meta l4proto udp ct original zone set ${PACKET} map @${MOVED_FLOWS}`;
  return [
    `chain coming { type filter hook prerouting priority ${RAW}; policy accept;`,
    move,
    '}',
    `chain going { type filter hook output priority ${RAW}; policy accept;`,
    move,
    '}',
  ];
}
