import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { DaemonConfig, HostPort } from './config.ts';

/** Bridges and virtual links of container engines: nobody reaches this host there. */
const ENGINE_LINKS = /^(docker|br-|veth|virbr|cni|flannel|kith)/;

/** Where others reach this host: what a person said, or the address it listens on, or all of its own that are neither loopback nor link-local. */
export function advertisedAddresses(config: Pick<DaemonConfig, 'advertise' | 'peerListen'>): string[] {
  if (config.advertise.length > 0) return config.advertise;
  const { host } = config.peerListen;
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const found: string[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (ENGINE_LINKS.test(name)) continue;
    for (const address of addresses ?? []) {
      if (address.internal || address.address.startsWith('fe80:') || address.address.startsWith('169.254.')) continue;
      if (host === '0.0.0.0' && address.family === 'IPv6') continue;
      found.push(address.address);
    }
  }
  return found.length > 0 ? found : ['127.0.0.1'];
}

export function peerMultiaddr(address: string, port: number): string {
  return `/${isIPv6(address) ? 'ip6' : 'ip4'}/${address}/tcp/${port}`;
}

export function listenMultiaddr({ host, port }: HostPort): string {
  return peerMultiaddr(host, port);
}

export function hostPortText(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}
