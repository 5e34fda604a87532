/** Multiaddrs as members list them: without the peer id at the end, without loopback where there is another way in, each once. */
export function reachableAddresses(addresses: readonly string[]): string[] {
  const plain = [...new Set(addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, '')))];
  const others = plain.filter((address) => !isLoopback(address));
  return others.length > 0 ? others : plain;
}

function isLoopback(address: string): boolean {
  return /^\/ip4\/127\./.test(address) || address.startsWith('/ip6/::1/') || /^\/dns[46]?\/localhost\//.test(address);
}
