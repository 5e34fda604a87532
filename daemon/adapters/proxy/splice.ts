import type { Socket } from 'node:net';
import { pipe } from '../../../protocol/streaming/byte-stream.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { socketStream } from '../socket/socket-stream.ts';

/** Copies both ways until both have ended; each direction ends by itself. Whoever breaks off is told to the other by a reset. Resolves when all is over. */
export async function splice(client: Socket, server: Socket | ByteStream): Promise<void> {
  await ('source' in server ? spliceStream(client, server) : spliceSockets(client, server));
}

export function cut(end: Socket | ByteStream, why: string): void {
  if ('source' in end) end.abort(new Error(why));
  else if (!end.destroyed) end.resetAndDestroy();
}

async function spliceSockets(client: Socket, server: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    let open = 2;
    const closed = (other: Socket, failed: boolean): void => {
      if (failed) cut(other, 'the other end broke off');
      // A side that is closed without an error has ended its direction: what it sent is still to arrive.
      else if (!other.destroyed) other.end();
      open -= 1;
      if (open === 0) resolve();
    };
    client.once('close', (failed) => closed(server, failed || !client.readableEnded));
    server.once('close', (failed) => closed(client, failed || !server.readableEnded));
    client.on('error', () => undefined);
    server.on('error', () => undefined);
    client.pipe(server);
    server.pipe(client);
  });
}

async function spliceStream(client: Socket, server: ByteStream): Promise<void> {
  const near = socketStream(client);
  const up = pipe(near.source, server);
  const down = pipe(server.source, near);
  const results = await Promise.allSettled([up.catch(both(client, server)), down.catch(both(client, server))]);
  if (results.every(({ status }) => status === 'fulfilled')) client.destroySoon();
}

function both(client: Socket, server: ByteStream): (error: unknown) => never {
  return (error) => {
    cut(client, 'the other end broke off');
    cut(server, 'the client broke off');
    throw error;
  };
}
