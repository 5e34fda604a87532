/**
 * `pods/NAME/proxy/…` and `services/NAME/proxy/…`: a request for what answers HTTP in a pod, wherever that runs, over the same relay as `port-forward`.
 */
import { pipe } from '../../protocol/streaming/byte-stream.ts';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import type { IncomingAnswer } from '../ports/http-client.ts';
import type { ByteStream } from '../ports/streams.ts';
import { readBytes } from './body.ts';
import type { ApiDeps, ObjectCall } from './deps.ts';
import { proxyTarget, type ProxyTarget } from './proxy-target.ts';
import { ApiError } from './status.ts';

/** A larger request is refused: it is held whole. Answers may be of any size. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** What is between two ends of one connection (RFC 9110, 7.6.1), and is not passed on. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** What was for the API is not told to pods. `expect` was answered here. */
const OURS = ['authorization', 'expect', 'content-length'];

export async function proxyRequest(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  const { request } = call;
  const { prefix, rest } = splitPath(request.path);
  const query = request.query.size === 0 ? '' : `?${request.query.toString()}`;
  // Else what a page names relatively would be beside the pod.
  if (rest === '' && ['GET', 'HEAD'].includes(request.method)) {
    return { status: 301, headers: { location: `${prefix}/${query}` }, body: '' };
  }
  const target = proxyTarget(call, deps);
  const body = await readBytes(request, MAX_BODY_BYTES);
  const path = rest === '' ? '/' : rest;
  const answer = await ask(target, { ...request, headers: passedOn(request, prefix, body.byteLength) }, `${path}${query}`, body, deps);
  const headers = answerHeaders(answer, prefix, path, request.headers['host'] ?? '');
  const { upgraded } = answer;
  if (upgraded === undefined) return { status: answer.status, headers, body: request.method === 'HEAD' ? '' : answer.body };
  return { status: answer.status, headers, body: '', upgraded: (client) => splice(client, upgraded) };
}

async function ask(target: ProxyTarget, request: HttpRequest, where: string, body: Uint8Array, deps: ApiDeps): Promise<IncomingAnswer> {
  const { method, signal } = request;
  const { node, podUid, port, tls } = target;
  const headers = request.headers as Record<string, string>;
  try {
    const connection = await deps.streams.connect(node, { podUid, port }, signal);
    return await deps.httpClient.send(connection, { method, target: where, headers, body, tls }, signal);
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${(error as Error).message}`, undefined, { cause: error });
  }
}

/** `…/proxy` and what follows, undecoded: the pod gets what the client wrote. */
function splitPath(path: string): { prefix: string; rest: string } {
  const [, prefix = path, rest = ''] = /^(\/+api\/+[^/]+\/+namespaces\/+[^/]+\/+[^/]+\/+[^/]+\/+proxy)(\/.*)?$/.exec(path) ?? [];
  return { prefix, rest };
}

function passedOn({ headers, method }: HttpRequest, prefix: string, length: number): Record<string, string> {
  const upgrade = headers['upgrade'];
  const left = [...HOP_BY_HOP, ...OURS, ...named(headers['connection'])];
  const passed = Object.entries(headers).filter(([name]) => !left.includes(name) && !name.startsWith('impersonate-'));
  const kept = Object.fromEntries(passed.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  const carriesBody = length > 0 || !['GET', 'HEAD', 'DELETE'].includes(method);
  return {
    ...kept,
    ...(carriesBody ? { 'content-length': String(length) } : {}),
    ...(upgrade === undefined ? { connection: 'close' } : { connection: 'Upgrade', upgrade }),
    'x-forwarded-host': headers['host'] ?? '',
    'x-forwarded-proto': 'https',
    'x-forwarded-uri': prefix,
  };
}

function answerHeaders(answer: IncomingAnswer, prefix: string, path: string, host: string): HttpResponse['headers'] {
  const left = [...HOP_BY_HOP, ...named([answer.headers['connection'] ?? ''].flat().join(','))];
  const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !left.includes(name)));
  const { location } = headers;
  if (typeof location === 'string') headers['location'] = behind(location, prefix, path, host);
  if (answer.upgraded === undefined) return headers;
  return { ...headers, connection: 'Upgrade', upgrade: answer.headers['upgrade'] ?? '' };
}

/** Where a redirect within the pod leads for the client. One to elsewhere, or a relative one, stays. */
function behind(location: string, prefix: string, path: string, host: string): string {
  const base = `http://${host === '' ? 'localhost' : host}`;
  if (!location.includes('//') && !location.startsWith('/')) return location;
  if (!URL.canParse(location, `${base}${path}`)) return location;
  const url = new URL(location, `${base}${path}`);
  return url.host === new URL(base).host ? `${prefix}${url.pathname}${url.search}${url.hash}` : location;
}

function named(header: string | undefined): string[] {
  return (header ?? '').split(',').map((name) => name.trim().toLowerCase());
}

/** Both directions, until either breaks or both have ended. */
async function splice(client: ByteStream, pod: ByteStream): Promise<void> {
  try {
    await Promise.all([pipe(client.source, pod), pipe(pod.source, client)]);
  } finally {
    pod.abort(new Error('the client is gone'));
  }
}
