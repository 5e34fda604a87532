import type { IncomingMessage, ServerResponse } from 'node:http';
import { KithError } from '../../../protocol/errors.ts';
import type { HttpConnection, HttpRequest, HttpResponse } from '../../ports/http.ts';
import { HTTP_LIMITS } from './limits.ts';

export function toHttpRequest(message: IncomingMessage, connection: HttpConnection, signal: AbortSignal): HttpRequest {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers)) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return {
    method: message.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers,
    connection,
    body: (limitBytes) => readBody(message, limitBytes),
    signal,
  };
}

async function readBody(message: IncomingMessage, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = (): KithError => new KithError('BodyTooLarge', `the request's body is larger than ${limitBytes} bytes`);
  if (Number(message.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limitBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Of a longer body so much is given to the connection at a time: who takes none of it is cut off, and it is let go. */
const PIECE_BYTES = 256 * 1024;

/** Sends a response at the pace of its reader. */
export async function sendResponse(message: IncomingMessage, reply: ServerResponse, response: HttpResponse): Promise<void> {
  const body = typeof response.body === 'string' ? Buffer.from(response.body) : response.body;
  // What was not read of the request would be taken for the next one.
  if (!message.complete) reply.setHeader('connection', 'close');
  const isWhole = body instanceof Uint8Array;
  const headers = isWhole ? { ...response.headers, 'content-length': String(body.byteLength) } : response.headers;
  reply.writeHead(response.status, headers);
  if (isWhole && body.byteLength <= PIECE_BYTES) return void reply.end(body);
  reply.flushHeaders();
  let missing = Number(headers['content-length'] ?? NaN);
  try {
    for await (const chunk of isWhole ? piecesOf(body) : body) {
      if (reply.destroyed) return;
      missing -= Buffer.byteLength(chunk);
      if (missing === 0) return await sendLast(reply, chunk);
      if (!reply.write(chunk)) await drained(reply);
    }
    reply.end();
  } catch {
    // The stream broke off in the middle: without its last chunk the client knows it.
    reply.destroy();
  }
}

function* piecesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < body.byteLength; offset += PIECE_BYTES) yield body.subarray(offset, offset + PIECE_BYTES);
}

/**
 * A client that knows the length goes on with its next request when it has the last byte. That it gets with the end of the answer, and when all before it has
 * left: a request that comes while Node (20.20) holds something of an earlier answer is paused, and the connection is reset when it is a long one.
 */
async function sendLast(reply: ServerResponse, chunk: string | Uint8Array): Promise<void> {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  if (!reply.write(bytes.subarray(0, -1))) await drained(reply);
  reply.end(bytes.subarray(-1));
}

/** @throws Error when the client takes nothing for too long */
async function drained(reply: ServerResponse): Promise<void> {
  if (reply.destroyed) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A timer and not `AbortSignal.timeout`: those of a long answer, thousands a second, would all live on until they fire.
  const timer = setTimeout(() => reject(new Error('the client takes nothing')), HTTP_LIMITS.stalledWriteMs);
  reply.once('drain', resolve).once('close', resolve);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    reply.off('drain', resolve).off('close', resolve);
  }
}
