import { once } from 'node:events';
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

/** Sends a response at the pace of its reader. */
export async function sendResponse(message: IncomingMessage, reply: ServerResponse, response: HttpResponse): Promise<void> {
  const { body } = response;
  // What was not read of the request would be taken for the next one.
  if (!message.complete) reply.setHeader('connection', 'close');
  if (typeof body === 'string' || body instanceof Uint8Array) {
    reply.writeHead(response.status, { ...response.headers, 'content-length': Buffer.byteLength(body) });
    reply.end(body);
    return;
  }
  reply.writeHead(response.status, response.headers);
  reply.flushHeaders();
  let missing = Number(response.headers['content-length'] ?? NaN);
  try {
    for await (const chunk of body) {
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

/**
 * A client that knows the length goes on with its next request when it has the last byte. That it gets with the end of the answer, and when all before it has
 * left: a request that comes while Node (20.20) holds something of an earlier answer is paused, and the connection is reset when it is a long one.
 */
async function sendLast(reply: ServerResponse, chunk: string | Uint8Array): Promise<void> {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  if (!reply.write(bytes.subarray(0, -1))) await drained(reply);
  reply.end(bytes.subarray(-1));
}

async function drained(reply: ServerResponse): Promise<void> {
  const given = new AbortController();
  const giveUp = (): void => given.abort();
  reply.once('close', giveUp);
  const timer = setTimeout(giveUp, HTTP_LIMITS.stalledWriteMs);
  try {
    if (!reply.destroyed) await once(reply, 'drain', { signal: given.signal });
  } finally {
    clearTimeout(timer);
    reply.off('close', giveUp);
  }
}
