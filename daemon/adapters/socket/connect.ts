import { connect, type Socket } from 'node:net';
import { KithError } from '../../../protocol/errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** A connection to one of `hosts`, the first that takes it. @throws KithError `ConnectionRefused` */
export async function connectTo(hosts: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  let why = '';
  for (const host of hosts) {
    try {
      return await connectOne(host, port, signal);
    } catch (error) {
      signal.throwIfAborted();
      why += `${why === '' ? '' : ', '}${(error as Error).message}`;
    }
  }
  throw new KithError('ConnectionRefused', `nothing takes connections on port ${port} of the pod: ${why}`);
}

async function connectOne(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    // Each direction ends by itself.
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const give = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const cut = (): void => void socket.destroy(new Error('the other end is gone'));
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => give(new Error(`no answer of ${host} within ${CONNECT_TIMEOUT_MS} ms`)));
    socket.once('error', give);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', give);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    signal.addEventListener('abort', cut, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', cut));
  });
}
