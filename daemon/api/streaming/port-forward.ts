import { PORT_CHANNEL_PROTOCOLS, TUNNEL_PROTOCOL } from '../../../protocol/streaming/channels.ts';
import { CLOSE } from '../../../protocol/streaming/websocket-frames.ts';
import { WebSocketStream } from '../../../protocol/streaming/web-socket.ts';
import type { Pod } from '../../../protocol/types.ts';
import type { HttpResponse } from '../../ports/http.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { nodeOf } from '../containers.ts';
import type { ApiDeps, ObjectCall } from '../deps.ts';
import { existing } from '../reading.ts';
import { ApiError } from '../status.ts';
import { portNumber, type Dial } from './dial.ts';
import { STREAMING_LIMITS } from './limits.ts';
import { whilePinged } from './pinging.ts';
import { SpdyConnection } from './spdy-connection.ts';
import { SpdyForwards } from './spdy-forwards.ts';
import { negotiateUpgrade } from './upgrade.ts';
import { WebSocketForward } from './websocket-forward.ts';

const OFFER = { websocket: [TUNNEL_PROTOCOL, ...PORT_CHANNEL_PROTOCOLS], spdy: ['portforward.k8s.io'] };

/** GET or POST `pods/NAME/portforward`: many connections to the pod over one to us. */
export async function forwardPorts(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  const pod = existing(call, deps) as Pod;
  const node = nodeOf(pod);
  const phase = pod.status?.phase;
  if (phase !== 'Running') {
    const message = `unable to forward port because pod is not running. Current status=${phase ?? 'Pending'}`;
    throw new ApiError('BadRequest', message);
  }
  const dial: Dial = async (port, signal) => {
    try {
      return await deps.streams.connect(node, { podUid: pod.metadata.uid, port }, signal);
    } catch (error) {
      throw new Error(`error forwarding port ${port} to pod ${pod.metadata.name}: ${(error as Error).message}`, { cause: error });
    }
  };
  const { via, protocol, headers } = negotiateUpgrade(call.request, OFFER);
  const { signal } = call.request;
  const upgraded = async (stream: ByteStream): Promise<void> => {
    if (via === 'spdy') return overSpdy(stream, dial, deps, signal);
    const socket = new WebSocketStream(stream);
    if (protocol === TUNNEL_PROTOCOL) return overSpdy(tunnel(socket), dial, deps, signal);
    const ports = forwardedPorts(call.request.query);
    const forward = new WebSocketForward(socket, ports, protocol === 'v5.channel.k8s.io');
    await whilePinged(socket, deps.clock, () => forward.run(dial, signal));
  };
  if (via === 'websocket' && protocol !== TUNNEL_PROTOCOL) forwardedPorts(call.request.query);
  return { status: 101, headers, body: '', upgraded };
}

async function overSpdy(stream: ByteStream, dial: Dial, deps: Pick<ApiDeps, 'clock'>, client: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const forwards = new SpdyForwards(dial, ended.signal);
  const connection = new SpdyConnection(stream, (each) => forwards.take(each));
  const cut = (): void => connection.cut(new Error('the client is gone'));
  client.addEventListener('abort', cut, { once: true });
  if (client.aborted) cut();
  try {
    await whilePinged(connection, deps.clock, () => connection.run());
  } finally {
    ended.abort(new Error('the client is gone'));
  }
}

/** The bytes of a WebSocket's messages as one stream. */
function tunnel(socket: WebSocketStream): ByteStream {
  return {
    source: { [Symbol.asyncIterator]: () => bytesOf(socket) },
    write: (chunk) => socket.send(chunk),
    end: () => socket.close(CLOSE.normal, ''),
    abort: (reason) => void socket.close(CLOSE.internal, reason.message),
  };
}

async function* bytesOf(socket: WebSocketStream): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of socket.messages()) yield bytes;
}

/** Query parameters `ports`, each a number or several with commas. */
function forwardedPorts(query: URLSearchParams): number[] {
  const ports = query.getAll('ports').flatMap((text) => text.split(','));
  if (ports.length === 0) throw new ApiError('BadRequest', 'query parameter "ports" is required');
  if (ports.length > STREAMING_LIMITS.forwardedPorts)
    throw new ApiError('BadRequest', `${ports.length} ports; at most ${STREAMING_LIMITS.forwardedPorts} are forwarded on one connection`);
  return ports.map((text) => {
    const port = portNumber(text);
    if (port === undefined) throw new ApiError('BadRequest', `query parameter "ports": "${text}" is no port from 1 to 65535`);
    return port;
  });
}
