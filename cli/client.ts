import { randomBytes } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { Endpoint } from './connection.ts';
import { ApiError, CliError, EXIT_NO_DAEMON, type StatusCause } from './errors.ts';
import { timeLimit } from './time-limit.ts';

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
  /** What is tidied up after Ctrl-C goes out all the same. */
  evenIfStopped?: boolean;
}

export interface ApiResponse {
  status: number;
  body: unknown;
}

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
/** An answer larger than this is not what any command asks for. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;
/** An idle daemon answers in milliseconds; a write waits 2 s for other peers at most. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Without a byte for so long the other host is asked whether it is there, then every second, ten times (libuv's choice): a watch of a host without power ends. */
const KEEP_ALIVE_MS = 5_000;

const NOT_LOGGED_IN =
  'you must be logged in: the certificate or token is missing, has expired, or was taken back; take a new kubeconfig ("kith kubeconfig" on a member)';
const OTHER_CLUSTER =
  'its certificate is not signed by the CA that was given; take a kubeconfig (--kubeconfig, from "kith kubeconfig" on a member) or name the CA with --certificate-authority';
/** By Node's code. */
const HINTS: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_CLUSTER,
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_CLUSTER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_CLUSTER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_CLUSTER,
  CERT_SIGNATURE_FAILURE: OTHER_CLUSTER,
  ERR_OSSL_PEM_NO_START_LINE: 'the certificate or the key of the kubeconfig is none; take a new one: "kith kubeconfig" on a member',
  ECONNRESET: 'is that the port of the API (6443), and not the one between peers (7420)?',
  EPROTO: 'is that the port of the API (6443)?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'name the peer by an address that it was started with (--advertise)',
};

/** Speaks to one peer's API: JSON over a unix socket or over TLS. Warnings the server sends go to `onWarning`. */
export class ApiClient {
  readonly #endpoint: Endpoint;
  readonly #onWarning: (text: string) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;

  /** `signal` ends every request, as Ctrl-C does. */
  constructor(endpoint: Endpoint, onWarning: (text: string) => void, signal?: AbortSignal, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.#endpoint = endpoint;
    this.#onWarning = onWarning;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws ApiError for any status of 400 and above. */
  async call(request: ApiRequest): Promise<ApiResponse> {
    const stop = request.evenIfStopped === true ? undefined : this.#signal;
    const signal = AbortSignal.any([timeLimit(this.#timeoutMs), stop ?? [], request.signal ?? []].flat());
    const response = await this.#send({ ...request, signal });
    const text = await this.#readAll(response, signal);
    return { status: response.statusCode ?? 0, body: text === '' ? undefined : parseJson(text, request.path) };
  }

  async get<T>(path: string, query?: ApiRequest['query']): Promise<T> {
    return (await this.call({ path, query })).body as T;
  }

  async table(path: string, query?: ApiRequest['query']): Promise<unknown> {
    return (await this.call({ path, query, accept: TABLE })).body;
  }

  /** A body that goes on: logs, or one JSON object a line for watches. Ends with the response or with the signal. */
  async *stream(request: ApiRequest & { signal: AbortSignal }): AsyncGenerator<Buffer> {
    const response = await this.#send(request);
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      if (!request.signal.aborted) throw new CliError(`${this.#where()} broke off its answer: ${(error as Error).message}`);
    }
  }

  async *watch(request: ApiRequest & { signal: AbortSignal; table?: boolean }): AsyncGenerator<{ type: string; object: unknown }> {
    const query = { ...request.query, watch: 'true' };
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of this.stream({ ...request, query, ...(request.table ? { accept: TABLE } : {}) })) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield parseJson(line, request.path) as { type: string; object: unknown };
    }
  }

  /**
   * A request that becomes a connection of its own (WebSocket). @returns it, and what came with the answer
   * @throws ApiError when the server answers with a status instead
   */
  async upgrade(
    path: string,
    query: URLSearchParams,
    protocols: readonly string[],
    signal: AbortSignal,
  ): Promise<{ connection: Duplex; head: Uint8Array }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ connection: Duplex; head: Uint8Array }>();
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': protocols.join(', '),
    };
    const opening = AbortSignal.any([signal, timeLimit(this.#timeoutMs)]);
    const outgoing = this.#request(`${path}?${query.toString()}`, { method: 'GET', headers });
    const stop = (): void => void outgoing.destroy(opening.reason as Error);
    opening.addEventListener('abort', stop, { once: true });
    outgoing.once('upgrade', (_response, connection, head) => resolve({ connection, head }));
    outgoing.once('response', (response) => {
      this.#readAll(response, opening).then((text) => reject(toApiError(response.statusCode ?? 0, text)), reject);
    });
    outgoing.once('error', (error) => reject(this.#explain(error, opening)));
    outgoing.end();
    return promise.finally(() => opening.removeEventListener('abort', stop));
  }

  async #send(request: ApiRequest): Promise<http.IncomingMessage> {
    const response = await this.#open(request).catch((error: unknown) => {
      throw this.#explain(error as NodeJS.ErrnoException, request.signal);
    });
    for (const warning of [response.headers.warning ?? []].flat()) {
      for (const found of warning.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) this.#onWarning((found[1] ?? '').replaceAll(/\\(.)/g, '$1'));
    }
    if ((response.statusCode ?? 0) >= 400) throw toApiError(response.statusCode ?? 0, await this.#readAll(response, request.signal));
    return response;
  }

  async #open(request: ApiRequest): Promise<http.IncomingMessage> {
    const body = request.body === undefined ? undefined : typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(request.query ?? {})) if (value !== undefined) search.set(key, value);
    const target = search.size === 0 ? request.path : `${request.path}?${search.toString()}`;
    const headers: Record<string, string> = { accept: request.accept ?? 'application/json', 'user-agent': 'kith' };
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(body));
    }
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const outgoing = this.#request(target, { method: request.method ?? 'GET', headers, signal: request.signal });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(body);
    return promise;
  }

  #request(target: string, options: { method: string; headers: Record<string, string>; signal?: AbortSignal }): http.ClientRequest {
    const endpoint = this.#endpoint;
    if (endpoint.type === 'socket') return http.request({ ...options, socketPath: endpoint.path, path: target, host: 'localhost' });
    if (endpoint.token !== undefined) options.headers.authorization = `Bearer ${endpoint.token}`;
    const outgoing = https.request(new URL(target, endpoint.server), { ...options, ...tlsOptions(endpoint) });
    outgoing.setSocketKeepAlive(true, KEEP_ALIVE_MS);
    return outgoing;
  }

  async #readAll(response: http.IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await readAll(response);
    } catch (error) {
      if (error instanceof CliError) throw error;
      if (signal?.aborted) throw this.#explain(error as Error, signal);
      throw new CliError(`${this.#where()} broke off its answer: ${(error as Error).message}`);
    }
  }

  #where(): string {
    return this.#endpoint.type === 'socket' ? this.#endpoint.path : this.#endpoint.server;
  }

  #explain(error: NodeJS.ErrnoException, signal: AbortSignal | undefined): Error {
    const where = this.#where();
    if (signal?.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError') {
      return new CliError(
        `${where} did not answer within ${this.#timeoutMs / 1000} s: is the daemon busy or stopped? "kith peers" on another host tells`,
      );
    }
    if (signal?.aborted) return error;
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
      return new CliError(`no Kith daemon answers at ${where} (${error.code}): is kithd running there?`, EXIT_NO_DAEMON);
    }
    if (error.code === 'EACCES') return new CliError(`no permission to use ${where}: run as the user that runs kithd (root, usually)`);
    const hint = HINTS[error.code ?? ''];
    return new CliError(`cannot talk to ${where}: ${error.message}${hint === undefined ? '' : `: ${hint}`}`);
  }
}

function tlsOptions(endpoint: Extract<Endpoint, { type: 'https' }>): https.RequestOptions {
  return { ca: endpoint.ca, cert: endpoint.certificate, key: endpoint.key, rejectUnauthorized: endpoint.insecure !== true };
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) throw new CliError(`the answer is larger than ${MAX_BODY_BYTES} bytes: ask for less with -l or a namespace`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(`the answer to ${path} is not JSON: ${text.slice(0, 200)}`);
  }
}

function toApiError(status: number, text: string): ApiError {
  try {
    const body = JSON.parse(text) as { reason?: string; message?: string; details?: { causes?: StatusCause[] } };
    if (status === 401) return new ApiError(status, body.reason ?? 'Unauthorized', NOT_LOGGED_IN);
    return new ApiError(status, body.reason ?? String(status), body.message ?? text, body.details?.causes);
  } catch {
    return new ApiError(status, String(status), text.slice(0, 1000));
  }
}
