import Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { KithError } from '../../../protocol/errors.ts';
import type { RegistryCredential } from '../../ports/runtime.ts';

/** The oldest Engine API we can do with (Docker 20.10), and the newest we were written for. */
const OLDEST_API = '1.41';
const NEWEST_API = '1.47';
/** An engine that does not say who it is within this time is away. */
export const VERSION_TIMEOUT_MS = 2_000;
/** For calls that only read. */
export const READ_TIMEOUT_MS = 10_000;
/** Node's timers know no longer delay: they take it for one of 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** For calls that make, start or remove something. */
export const CHANGE_TIMEOUT_MS = 60_000;

/** Lists are repeated (`a=1&a=2`), undefined ones left out. */
export type Query = Record<string, string | number | boolean | string[] | undefined>;

export interface EngineCall {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  path: string;
  query?: Query;
  body?: object;
  /** A tar archive as request body. */
  upload?: NodeJS.ReadableStream;
  /** For the registry. */
  credential?: RegistryCredential;
  /** Time to the whole answer; for streams to its beginning. */
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface EngineVersion {
  version: string;
  api: string;
  architecture: string;
}

/** A refusal by the engine, with its HTTP status. Never leaves the adapter: callers say what it means for them. */
export class EngineRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EngineRefusal';
    this.status = status;
  }
}

interface DialOptions {
  path: string;
  method: string;
  options: { _query: Record<string, unknown>; _body: object };
  statusCodes: Record<number, true | string>;
  abortSignal: AbortSignal;
  isStream: boolean;
  hijack: boolean;
  file?: NodeJS.ReadableStream;
  authconfig?: object;
}
interface Modem {
  dial(options: DialOptions, done: (error: (Error & { statusCode?: number; json?: unknown }) | null, answer: unknown) => void): void;
}

const SUCCESS: Record<number, true> = { 200: true, 201: true, 204: true, 304: true };

/**
 * One door to the engine: every call has a time limit and a signal, and fails as `RuntimeUnavailable` (no answer), `Timeout` (what it was told
 * to do takes too long) or EngineRefusal (an answer that says no).
 * dockerode's own methods are passed by: they negotiate no version, and half of them can't be cancelled.
 */
export class EngineClient {
  readonly #address: Docker.DockerOptions;
  readonly #where: string;
  #negotiated: Promise<{ modem: Modem; version: EngineVersion }> | undefined;

  /** @param host `unix:///PATH`, `/PATH` or `tcp://HOST:PORT` (TLS as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say) */
  constructor(host: string) {
    this.#where = host;
    this.#address = clientAddress(host);
  }

  async version(signal?: AbortSignal): Promise<EngineVersion> {
    return (await this.#connect(signal)).version;
  }

  /** Asks again who is there: the engine may have been replaced. */
  async refreshVersion(signal?: AbortSignal): Promise<EngineVersion> {
    this.#negotiated = undefined;
    return this.version(signal);
  }

  async call<T>(call: EngineCall): Promise<T> {
    const { modem } = await this.#connect(call.signal);
    return (await this.#dial(modem, call, false)) as T;
  }

  /** The answer as a stream that the caller must read to its end or destroy. Its errors are the caller's. */
  async stream(call: EngineCall): Promise<NodeJS.ReadableStream & { destroy(error?: Error): void }> {
    const { modem } = await this.#connect(call.signal);
    return (await this.#dial(modem, call, true)) as NodeJS.ReadableStream & { destroy(error?: Error): void };
  }

  /** The connection itself, after the engine has agreed to give it up: both directions are the caller's, and so is its end. */
  async hijack(call: EngineCall): Promise<Duplex> {
    const { modem } = await this.#connect(call.signal);
    return (await this.#dial(modem, call, true, true)) as Duplex;
  }

  async #connect(signal?: AbortSignal): Promise<{ modem: Modem; version: EngineVersion }> {
    signal?.throwIfAborted();
    this.#negotiated ??= this.#negotiate();
    try {
      return await this.#negotiated;
    } catch (error) {
      this.#negotiated = undefined;
      throw error;
    }
  }

  async #negotiate(): Promise<{ modem: Modem; version: EngineVersion }> {
    const unversioned = new Docker(this.#address).modem as Modem;
    const call: EngineCall = { method: 'GET', path: '/version', timeoutMs: VERSION_TIMEOUT_MS };
    const answer = (await this.#dial(unversioned, call, false)) as {
      Version: string;
      ApiVersion?: string;
      MinAPIVersion?: string;
      Arch: string;
    };
    const api = chooseApi(answer.ApiVersion ?? '', answer.MinAPIVersion ?? '');
    if (api === undefined) {
      const message = `the engine at ${this.#where} speaks API ${answer.ApiVersion}, and ${OLDEST_API} is the oldest that Kith can use: upgrade it to Docker 20.10 or newer`;
      throw new KithError('RuntimeUnavailable', message);
    }
    const modem = new Docker({ ...this.#address, version: `v${api}` }).modem as Modem;
    return { modem, version: { version: answer.Version, api, architecture: answer.Arch } };
  }

  async #dial(modem: Modem, call: EngineCall, isStream: boolean, hijack = false): Promise<unknown> {
    call.signal?.throwIfAborted();
    const limit = new AbortController();
    const timeoutMs = Math.min(call.timeoutMs, LONGEST_TIMER_MS);
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const stop = (): void => limit.abort(call.signal?.reason);
    call.signal?.addEventListener('abort', stop, { once: true });
    try {
      const answer = await new Promise((resolve, reject) => {
        modem.dial(
          {
            path: `${call.path}?`,
            method: call.method,
            options: { _query: definedOnly(call.query ?? {}), _body: call.body ?? {} },
            statusCodes: SUCCESS,
            abortSignal: limit.signal,
            isStream,
            hijack,
            ...(call.upload === undefined ? {} : { file: call.upload }),
            ...(call.credential === undefined ? {} : { authconfig: authOf(call.credential) }),
          },
          (error, given) => (error === null || error === undefined ? resolve(given) : reject(error)),
        );
      });
      if (isStream) endWith(answer as Duplex, call.signal);
      return answer;
    } catch (error) {
      throw this.#explain(error as Error & { statusCode?: number; json?: unknown }, call, limit.signal);
    } finally {
      clearTimeout(timer);
      // From now on it is about the answer, and no more about the call.
      call.signal?.removeEventListener('abort', stop);
    }
  }

  #explain(error: Error & { statusCode?: number; json?: unknown }, call: EngineCall, limit: AbortSignal): Error {
    if (error.statusCode !== undefined) {
      const said =
        (error.json as { message?: string } | null | undefined)?.message ?? error.message.replace(/^\(HTTP code \d+\) [a-z ]+ - /, '');
      return new EngineRefusal(error.statusCode, said.trim(), { cause: error });
    }
    if (call.signal?.aborted === true) return call.signal.reason as Error;
    // Who answers next may be another engine.
    this.#negotiated = undefined;
    const why = limit.aborted ? (limit.reason as Error).message : error.message;
    // It may be busy with this one thing (a slow disk, a volume that is away). Whether it still answers at all is told by a question.
    if (limit.aborted && call.method !== 'GET')
      return new KithError('Timeout', `the container engine: ${call.method} ${call.path}: ${why}`);
    return new KithError(
      'RuntimeUnavailable',
      `the container engine at ${this.#where} is not reachable (${call.method} ${call.path}: ${why}); is it running, and may this user open its socket?`,
      { host: this.#where },
      { cause: error },
    );
  }
}

/**
 * An answer that comes bit by bit ends with the signal, and without an error: Node.js throws that of a request whose answer is being let go of at this moment (a log of which somebody
 * has enough) where nobody can catch it, and the daemon ends.
 */
function endWith(answer: Pick<Duplex, 'on' | 'once' | 'destroy'>, signal: AbortSignal | undefined): void {
  // Whoever reads it hears of its errors; nobody may.
  answer.on('error', () => undefined);
  if (signal === undefined) return;
  const end = (): void => void answer.destroy();
  signal.addEventListener('abort', end, { once: true });
  answer.once('close', () => signal.removeEventListener('abort', end));
  if (signal.aborted) end();
}

/** A call that makes, starts, stops or removes something and answers nothing. */
export async function change(
  client: EngineClient,
  method: 'POST' | 'DELETE',
  path: string,
  signal?: AbortSignal,
  query: Query = {},
  timeoutMs = CHANGE_TIMEOUT_MS,
): Promise<void> {
  await client.call({ method, path, query, timeoutMs, signal });
}

/** @returns false when its removal is under way already */
export async function forceRemove(client: EngineClient, id: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await change(client, 'DELETE', `/containers/${id}`, signal, { force: true, v: true });
    return true;
  } catch (error) {
    ignoreStatus(404, 409)(error);
    return (error as EngineRefusal).status === 404;
  }
}

export function ignoreStatus(...statuses: number[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof EngineRefusal) || !statuses.includes(error.status)) throw error;
  };
}

/** The newest version that both sides know. An engine whose oldest is newer than our newest is taken at its word that it still means the same. */
export function chooseApi(newest: string, oldest: string): string | undefined {
  if (compareApi(newest, OLDEST_API) < 0) return undefined;
  const chosen = compareApi(newest, NEWEST_API) < 0 ? newest : NEWEST_API;
  return oldest !== '' && compareApi(chosen, oldest) < 0 ? oldest : chosen;
}

function compareApi(left: string, right: string): number {
  const [[leftMajor = 0, leftMinor = 0], [rightMajor = 0, rightMinor = 0]] = [left, right].map((version) =>
    version.split('.').map(Number),
  ) as [number[], number[]];
  return leftMajor - rightMajor || leftMinor - rightMinor;
}

/** dockerode reads DOCKER_HOST itself where a field is missing: every field that it would take from there is set. */
function clientAddress(host: string): Docker.DockerOptions {
  const tcp = /^(?:tcp|https?):\/\/(\[[0-9a-f:]+\]|[^/:]+):([0-9]+)\/?$/i.exec(host);
  if (tcp !== null) {
    const secure = host.startsWith('https:') || tcp[2] === '2376' || process.env['DOCKER_TLS_VERIFY'] === '1';
    return { host: tcp[1]!, port: Number(tcp[2]), protocol: secure ? 'https' : 'http' };
  }
  const path = host.startsWith('unix://') ? host.slice('unix://'.length) : host;
  if (!path.startsWith('/')) {
    throw new KithError('RuntimeUnavailable', `"${host}" is no address of an engine: give unix:///PATH or tcp://HOST:PORT`);
  }
  return { socketPath: path, host: undefined, port: undefined, protocol: 'http' };
}

function definedOnly(query: Query): Query {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

/** JSON values of a stream of lines, as /events and /images/create send them. */
export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncGenerator<unknown, void, void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.write(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_JSON_LINE_CHARS) throw new Error(`the engine sent a line longer than ${MAX_JSON_LINE_CHARS} characters`);
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as unknown;
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as unknown;
}

const MAX_JSON_LINE_CHARS = 4 * 1024 * 1024;

/** As the engine's API names it. */
function authOf({ server, username, password, identityToken }: RegistryCredential): object {
  return identityToken === undefined
    ? { serveraddress: server, username, password }
    : { serveraddress: server, identitytoken: identityToken };
}
