import { lookup } from 'node:dns';
import { isIP, isIPv4 } from 'node:net';

/** A name is asked for again after this long. */
const NAME_LIFETIME_MS = 30_000;
/** Names remembered; members have few. */
const MAX_NAMES = 4_096;

export interface SocketAddress {
  host: string;
  port: number;
}

/** `HOST:PORT` or `[HOST]:PORT`; undefined when it is neither. */
export function parseAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** A socket bound to an IPv6 address reaches IPv4 hosts by their mapped address. */
export function addressFor(socketType: 'udp4' | 'udp6', host: string): string {
  return socketType === 'udp6' && isIPv4(host) ? `::ffff:${host}` : host;
}

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string, family: number) => void;

/** dgram looks a host up for every datagram: addresses are answered at once, names from memory. */
export function rememberingLookup(now: () => number): (host: string, options: object, done: LookupCallback) => void {
  const names = new Map<string, { address: string; family: number; until: number }>();
  return (host, options, done) => {
    const family = isIP(host);
    if (family !== 0) {
      done(null, host, family);
      return;
    }
    const known = names.get(host);
    if (known && known.until > now()) {
      done(null, known.address, known.family);
      return;
    }
    lookup(host, { ...options, all: false }, (error, address, addressFamily) => {
      if (!error) {
        if (names.size >= MAX_NAMES) names.clear();
        names.set(host, { address, family: addressFamily, until: now() + NAME_LIFETIME_MS });
      }
      done(error, address, addressFamily);
    });
  };
}
