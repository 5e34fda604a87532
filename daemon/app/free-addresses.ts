import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { isIPv6 } from 'node:net';
import { KithError } from '../../protocol/errors.ts';
import { listen } from '../adapters/https/listen.ts';
import { hostPortText } from './addresses.ts';
import type { DaemonConfig, HostPort } from './config.ts';

/**
 * Tries the addresses that the daemon will listen at. Before a cluster is founded or joined: who corrects the command line after a failed start would otherwise find the
 * folder to be of a cluster already, and a token used.
 * @throws KithError that names the flag
 */
export async function requireFreeAddresses({ peerListen, apiListen }: Pick<DaemonConfig, 'peerListen' | 'apiListen'>): Promise<void> {
  const servers = [createServer(), createServer()] as const;
  try {
    await listen(servers[0], peerListen, '--listen');
    await listen(servers[1], apiListen, '--api-listen');
  } finally {
    await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  }
  await requireFreeUdp(peerListen);
}

async function requireFreeUdp({ host, port }: HostPort): Promise<void> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, host, resolve));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'another program has it' : (error as Error).message;
    throw new KithError('AddressInUse', `can't listen on ${hostPortText(host, port)} (UDP): ${why}; choose another with --listen`);
  } finally {
    socket.close();
  }
}
