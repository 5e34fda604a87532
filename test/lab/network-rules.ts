/** What is wrong with the lab's network, as its switch carries it out. Links are named by the hosts' numbers. */
export interface NetworkHurts {
  unplugged: number[];
  /** Nothing passes from the one to the other. */
  cuts: { from: number; to: number }[];
  /** Shares from 0 to 1 of what passes the host's link, either way. */
  drops: Record<number, number>;
  slow: Record<number, SlowLink>;
}

export type SlowLink = { kbitPerSecond: number } | { delayMs: number };

export const NO_HURTS: NetworkHurts = { unplugged: [], cuts: [], drops: {}, slow: {} };

export const linkName = (host: number): string => `port-${host}`;

/** `numgen random` draws below this. */
const SHARES = 10_000;

/**
 * The whole ruleset of the switch, for `nft -f`. A cut both ways stops every frame. Where one direction is cut, address resolution (ARP) still passes: without it the hosts
 * would soon forget each other's link addresses, and the other direction would be cut as well.
 */
export function renderRules(hurts: NetworkHurts): string {
  const isCut = (from: number, to: number): boolean => hurts.cuts.some((cut) => cut.from === from && cut.to === to);
  const rules: string[] = [];
  for (const { from, to } of hurts.cuts) {
    const both = isCut(to, from) ? '' : 'ether type != arp ';
    rules.push(`iifname "${linkName(from)}" oifname "${linkName(to)}" ${both}drop`);
  }
  for (const [host, share] of Object.entries(hurts.drops)) {
    const below = Math.round(share * SHARES);
    for (const side of ['iifname', 'oifname'])
      rules.push(`${side} "${linkName(Number(host))}" numgen random mod ${SHARES} < ${below} drop`);
  }
  const chain = ['type filter hook forward priority 0; policy accept;', ...rules].map((line) => `    ${line}`).join('\n');
  return `table bridge lab\ndelete table bridge lab\ntable bridge lab {\n  chain forward {\n${chain}\n  }\n}\n`;
}
