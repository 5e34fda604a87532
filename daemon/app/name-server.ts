import { readFileSync } from 'node:fs';
import { NameServers } from '../adapters/dns/name-servers.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { NameServer } from '../ports/names.ts';
import type { PodDns } from '../ports/runtime.ts';
import type { DaemonConfig } from './config.ts';

const DNS_PORT = 53;
/** Where the host itself may ask, unless the person names another place. Of 127.0.0.0/16, which neither pods nor Services take. */
const HOST_ADDRESS = { host: '127.0.0.42', port: DNS_PORT };

export interface Names {
  nameServer?: NameServer;
  hostDns?: PodDns;
}

/** Names of the cluster are told where the person wants them, and to pods where the kernel's network is ours. Others are asked of whom this host asks itself. */
export function createNames(deps: { clock: Clock; log: Log }, { dnsListen }: Pick<DaemonConfig, 'dnsListen'>, inKernel: boolean): Names {
  if (dnsListen === undefined && !inKernel) return {};
  const hostDns = readResolver(resolverFile());
  const upstreams = hostDns.nameservers.map((host) => ({ host, port: DNS_PORT }));
  const nameServer = new NameServers(deps, { fixed: [dnsListen ?? HOST_ADDRESS], upstreams });
  return inKernel ? { nameServer, hostDns } : { nameServer };
}

function resolverFile(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

function readResolver(text: string): PodDns {
  const words = (name: string): string[] =>
    [...text.matchAll(new RegExp(`^[ \\t]*${name}[ \\t]+(.*)$`, 'gm'))].flatMap((match) => (match[1] ?? '').trim().split(/\s+/));
  const nameservers = words('nameserver').filter((address) => /^[0-9a-fA-F.:]+$/.test(address));
  return { nameservers, searches: words('search').filter((word) => word !== '' && word !== '.'), options: words('options') };
}
