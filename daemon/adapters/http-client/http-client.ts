import { type IncomingMessage, request as startRequest } from 'node:http';
import { connect as startTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import { KithError } from '../../../protocol/errors.ts';
import type { HttpClient, IncomingAnswer, OutgoingRequest } from '../../ports/http-client.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { StreamDuplex } from './stream-duplex.ts';

/** {@link HttpClient} by Node's own. */
export const httpClient: HttpClient = {
  send: async (connection, request, signal) => {
    const duplex = new StreamDuplex(connection);
    try {
      return await exchange(duplex, request, signal);
    } catch (error) {
      duplex.destroy();
      throw new KithError('NoAnswer', (error as Error).message, {}, { cause: error });
    }
  },
};

function exchange(duplex: Duplex, { method, target, headers, body, tls }: OutgoingRequest, signal: AbortSignal): Promise<IncomingAnswer> {
  return new Promise((resolve, reject) => {
    // Whom a pod's certificate names is not known here, as nobody says it: the way there is what is trusted.
    const createConnection = (): Duplex => (tls ? startTls({ socket: duplex, rejectUnauthorized: false }) : duplex);
    const sent = startRequest({ method, path: target, headers, setHost: false, createConnection, signal });
    sent.on('error', reject);
    sent.on('response', (answer) => resolve({ ...headOf(answer), body: answer }));
    sent.on('upgrade', (answer, socket, head) => {
      socket.on('error', () => undefined);
      resolve({ ...headOf(answer), body: nothing(), upgraded: cutBy(signal, socket, socketStream(socket, head)) });
    });
    sent.end(body);
  });
}

function headOf(answer: IncomingMessage): Pick<IncomingAnswer, 'status' | 'headers'> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) if (value !== undefined) headers[name] = value;
  return { status: answer.statusCode ?? 0, headers };
}

/** Node looks at a request's signal no longer once the connection is another protocol's. */
function cutBy(signal: AbortSignal, socket: Duplex, stream: ByteStream): ByteStream {
  const cut = (): void => void socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', cut));
  if (signal.aborted) cut();
  return stream;
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}
