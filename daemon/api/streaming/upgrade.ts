import { acceptKey } from '../../../protocol/streaming/websocket-frames.ts';
import type { HttpRequest, HttpResponse } from '../../ports/http.ts';
import { ApiError } from '../status.ts';

/** Which way a client wants to speak on its connection, and what we agreed on. */
export interface Upgrade {
  via: 'websocket' | 'spdy';
  /** The subprotocol, or the stream protocol of SPDY. */
  protocol: string;
  /** Of the answer, status 101. */
  headers: HttpResponse['headers'];
}

/** What a subresource speaks, the best first. */
export interface Offer {
  websocket: readonly string[];
  spdy: readonly string[];
}

const SPDY = 'SPDY/3.1';
const WEBSOCKET_VERSION = '13';

/** @throws ApiError `BadRequest` | `Forbidden`, in upstream's words where clients look at them (apimachinery, pkg/util/httpstream) */
export function negotiateUpgrade(request: HttpRequest, offer: Offer): Upgrade {
  const { headers } = request;
  const wanted = words(headers['upgrade']).map((word) => word.toLowerCase());
  const upgrades = words(headers['connection']).some((word) => word.toLowerCase() === 'upgrade');
  if (upgrades && wanted.includes('websocket')) return webSocketUpgrade(request, offer.websocket);
  if (upgrades && wanted.includes(SPDY.toLowerCase())) return spdyUpgrade(request, offer.spdy);
  const why = `${request.path} is a stream: ask for an upgrade to websocket or ${SPDY}, as kubectl does`;
  throw new ApiError('BadRequest', `Upgrade request required: ${why}`);
}

function webSocketUpgrade(request: HttpRequest, offered: readonly string[]): Upgrade {
  const { headers, method } = request;
  const key = headers['sec-websocket-key'] ?? '';
  if (method !== 'GET' || headers['sec-websocket-version'] !== WEBSOCKET_VERSION || Buffer.from(key, 'base64').byteLength !== 16) {
    throw new ApiError('BadRequest', `not a WebSocket handshake of RFC 6455 (GET, version ${WEBSOCKET_VERSION}, a key of 16 bytes)`);
  }
  const asked = words(headers['sec-websocket-protocol']);
  const protocol = offered.find((each) => asked.includes(each));
  if (protocol === undefined) throw new ApiError('BadRequest', cannotNegotiate(asked, offered));
  return {
    via: 'websocket',
    protocol,
    headers: {
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-accept': acceptKey(key),
      'sec-websocket-protocol': protocol,
    },
  };
}

function spdyUpgrade(request: HttpRequest, offered: readonly string[]): Upgrade {
  const asked = words(request.headers['x-stream-protocol-version']);
  const protocol = offered.find((each) => asked.includes(each));
  if (protocol === undefined) throw new ApiError('Forbidden', cannotNegotiate(asked, offered));
  return { via: 'spdy', protocol, headers: { upgrade: SPDY, connection: 'Upgrade', 'x-stream-protocol-version': protocol } };
}

function cannotNegotiate(asked: readonly string[], offered: readonly string[]): string {
  return `unable to upgrade: unable to negotiate protocol: client supports [${asked.join(' ')}], server accepts [${offered.join(' ')}]`;
}

/** Of a header that lists some. */
function words(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
