import type { Connection, Stream } from '@libp2p/interface';
import { KithError } from '../../../protocol/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { AnsweringEnd } from './answering.ts';
import type { RequestHandler } from './answering.ts';
import { AskingEnd } from './asking.ts';
import type { Answer } from './asking.ts';
import { FrameTooLong } from './bytes.ts';
import { Deadline } from './deadline.ts';
import {
  MAX_CALL_STREAMS,
  MAX_REQUESTS_UNDER_WAY,
  MAX_REQUESTS_WAITING,
  MAX_REQUEST_BYTES,
  OPEN_TIMEOUT_MS,
  STREAM_CLOSE_TIMEOUT_MS,
} from './limits.ts';
import { Slots } from './slots.ts';

export interface RequestsDeps {
  clock: Clock;
  log: Log;
  /** Aborts when the transport stops. */
  stopping: AbortSignal;
}

/** The protocol of streams that carry calls. */
export const CALLS = '/kith/1/calls';

/** Questions of peers and to peers: in their turn, each with its deadline, on one stream a connection and direction. */
export class Requests {
  readonly #deps: RequestsDeps;
  readonly #slots = new Map<string, Slots>();
  readonly #handlers = new Map<string, RequestHandler>();
  /** The asking end on each connection, opened with the first question. */
  readonly #ends = new WeakMap<Connection, Opening>();

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  serve(protocol: string, handler: RequestHandler): void {
    this.#handlers.set(protocol, handler);
  }

  /**
   * `connection` is looked up once it is our turn.
   * @throws KithError as {@link Transport.request} says
   */
  async ask(
    peer: string,
    protocol: string,
    payload: Uint8Array,
    options: { timeoutMs: number; signal?: AbortSignal; connection: () => Connection | undefined },
  ): Promise<Uint8Array> {
    if (payload.byteLength > MAX_REQUEST_BYTES) {
      throw new KithError(
        'RequestRefused',
        `a ${protocol} request of ${payload.byteLength} bytes is too large, at most ${MAX_REQUEST_BYTES} can be sent`,
      );
    }
    const late = () => new KithError('RequestTimeout', `peer ${peer} did not answer ${protocol} within ${options.timeoutMs} ms`, { peer });
    const deadline = new Deadline(this.#deps.clock, options.timeoutMs, late, [options.signal, this.#deps.stopping]);
    try {
      const release = await this.#slotsOf(peer, protocol).take(deadline.signal);
      try {
        const connection = options.connection();
        if (!connection) throw new KithError('PeerUnreachable', `not connected to peer ${peer}; it is dialled again and again`, { peer });
        return (await this.exchange(connection, protocol, payload, deadline.signal)).answer;
      } finally {
        release();
      }
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw asRequestError(error, peer, protocol);
    } finally {
      deadline.clear();
    }
  }

  /** `signal`: aborts with the error to throw. */
  async exchange(connection: Connection, protocol: string, payload: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const known = this.#ends.get(connection);
    const opening = known && !known.isOver ? known : this.#open(connection);
    const end = opening.end ?? (await unlessAborted(opening.ready, signal));
    return end.ask(protocol, payload, signal);
  }

  /** Answers what comes on a stream of {@link CALLS}, until it ends. Never throws. */
  async answer(from: string, stream: Stream): Promise<void> {
    const { clock, log, stopping } = this.#deps;
    cutWith(stream, stopping);
    await new AnsweringEnd(stream, from, { clock, log, handlerOf: (protocol) => this.#handlers.get(protocol) }).serve();
  }

  forget(peer: string): void {
    for (const key of this.#slots.keys()) if (key.startsWith(`${peer} `)) this.#slots.delete(key);
  }

  #slotsOf(peer: string, protocol: string): Slots {
    const key = `${peer} ${protocol}`;
    let slots = this.#slots.get(key);
    if (!slots) {
      slots = new Slots(MAX_REQUESTS_UNDER_WAY, MAX_REQUESTS_WAITING);
      this.#slots.set(key, slots);
    }
    return slots;
  }

  /** Those who ask at once wait for one stream; who of them gives up leaves it to the others. */
  #open(connection: Connection): Opening {
    const opening = new Opening(connection, this.#deps);
    this.#ends.set(connection, opening);
    return opening;
  }
}

class Opening {
  end: AskingEnd | undefined;
  readonly ready: Promise<AskingEnd>;
  #failed = false;

  constructor(connection: Connection, { clock, stopping }: RequestsDeps) {
    this.ready = this.#start(connection, clock, stopping);
    this.ready.catch(() => (this.#failed = true));
  }

  get isOver(): boolean {
    return this.#failed || this.end?.isOpen === false;
  }

  async #start(connection: Connection, clock: Clock, stopping: AbortSignal): Promise<AskingEnd> {
    const late = () => new Error(`the connection did not open a stream within ${OPEN_TIMEOUT_MS} ms`);
    const deadline = new Deadline(clock, OPEN_TIMEOUT_MS, late, [stopping]);
    try {
      const stream = await connection.newStream(CALLS, { signal: deadline.signal, maxOutboundStreams: MAX_CALL_STREAMS });
      cutWith(stream, stopping);
      this.end = new AskingEnd(stream, clock);
      return this.end;
    } finally {
      deadline.clear();
    }
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Ends the stream when the signal aborts. */
export function cutWith(stream: Stream, signal: AbortSignal): void {
  const abort = () => stream.abort(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  stream.addEventListener('close', () => signal.removeEventListener('abort', abort), { once: true });
}

export function closeStream(stream: Stream, clock: Clock): void {
  if (isClosed(stream)) return;
  const cancel = clock.after(STREAM_CLOSE_TIMEOUT_MS, () => stream.abort(new Error('the other side did not close the stream')));
  stream.addEventListener('close', cancel, { once: true });
  stream.close().catch((error: unknown) => stream.abort(error as Error));
}

function isClosed(stream: Stream): boolean {
  return stream.status === 'closed' || stream.status === 'aborted' || stream.status === 'reset';
}

function isKithError(error: unknown): error is KithError {
  return error instanceof KithError;
}

export function asRequestError(error: unknown, peer: string, protocol: string): KithError {
  if (isKithError(error)) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.name === 'UnsupportedProtocolError') {
    return new KithError('RequestRefused', `peer ${peer} does not serve ${protocol}; it may be of another version`, { peer }, { cause });
  }
  if (cause instanceof FrameTooLong)
    return new KithError('RequestRefused', `the answer of peer ${peer} is too large: ${cause.message}`, { peer }, { cause });
  return new KithError('PeerUnreachable', `the link to peer ${peer} broke: ${cause.message}`, { peer }, { cause });
}
