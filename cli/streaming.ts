/**
 * Connections that go on after the answer: a WebSocket to the peer's API, for `exec`, `attach`, `cp` and `port-forward`.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex, Writable } from 'node:stream';
import type { ByteStream } from '../protocol/streaming/byte-stream.ts';
import { WebSocketStream } from '../protocol/streaming/web-socket.ts';
import type { ApiClient } from './client.ts';

export interface Channels {
  socket: WebSocketStream;
  /** Ends the connection at once. */
  destroy: () => void;
}

/** @throws ApiError when the server refuses in words. The signal ends the connection. */
export async function openChannels(
  client: ApiClient,
  path: string,
  query: URLSearchParams,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<Channels> {
  const { connection, head } = await client.upgrade(path, query, protocols, signal);
  const destroy = (): void => void connection.destroy();
  signal.addEventListener('abort', destroy, { once: true });
  connection.once('close', () => signal.removeEventListener('abort', destroy));
  if (signal.aborted) destroy();
  return { socket: new WebSocketStream(byteStreamOf(connection, head), { mask: () => randomBytes(4) }), destroy };
}

/** @param head bytes that came with the answer to the upgrade */
export function byteStreamOf(connection: Duplex, head?: Uint8Array): ByteStream {
  if (head !== undefined && head.byteLength > 0) connection.unshift(head);
  // What breaks the connection is thrown where it is read or written.
  connection.on('error', () => undefined);
  return {
    source: connection,
    write: async (chunk) => {
      if (connection.destroyed) throw new Error('the connection is closed');
      await writeTo(connection, chunk);
    },
    end: async () => void connection.end(),
    abort: (reason) => void connection.destroy(reason),
  };
}

/** At the pace of whoever takes it. Of one that is closed nothing is waited for. */
export async function writeTo(output: Writable, chunk: Uint8Array): Promise<void> {
  if (output.write(chunk) || output.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      output.off('drain', done).off('close', done);
      resolve();
    };
    output.once('drain', done).once('close', done);
  });
}
