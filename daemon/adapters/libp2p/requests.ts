import type { Connection, Stream } from '@libp2p/interface';
import { KithError } from '../../../protocol/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { ByteReader, FrameTooLong, frame, readFrame, sendAll } from './bytes.ts';
import { Deadline } from './deadline.ts';
import {
  MAX_REFUSAL_BYTES,
  MAX_REQUESTS_UNDER_WAY,
  MAX_REQUESTS_WAITING,
  MAX_REQUEST_BYTES,
  RECEIVE_TIMEOUT_MS,
  SERVE_TIMEOUT_MS,
  STREAM_CLOSE_TIMEOUT_MS,
} from './limits.ts';
import { Slots } from './slots.ts';

export type RequestHandler = (from: string, payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

/** Types of the frames of a request stream: one request, one answer. */
const REQUEST = 0;
const ANSWER = 1;
const REFUSAL = 2;

export interface RequestsDeps {
  clock: Clock;
  log: Log;
  /** Aborts when the transport stops. */
  stopping: AbortSignal;
}

/** One question, one answer, on a stream of its own. */
export class Requests {
  readonly #deps: RequestsDeps;
  readonly #slots = new Map<string, Slots>();

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
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

  /** `roundTripMs` counts from the opened stream to the answer, so it includes the handler's time. */
  async exchange(
    connection: Connection,
    protocol: string,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ answer: Uint8Array; roundTripMs: number }> {
    const stream = await connection.newStream(protocol, { signal });
    const abort = () => stream.abort(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      signal.throwIfAborted();
      const reader = new ByteReader(stream);
      const askedAt = this.#deps.clock.monotonic();
      await sendAll(stream, frame(REQUEST, payload));
      const { type, payload: answer } = await readFrame(reader, MAX_REQUEST_BYTES);
      const roundTripMs = this.#deps.clock.monotonic() - askedAt;
      if (type !== ANSWER) throw new KithError('RequestRefused', new TextDecoder().decode(answer.subarray(0, MAX_REFUSAL_BYTES)));
      this.#finish(stream);
      return { answer, roundTripMs };
    } catch (error) {
      if (error instanceof KithError && error.code === 'RequestRefused') this.#finish(stream);
      else stream.abort(error as Error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Takes one request from the stream, has it handled, answers. Never throws. */
  async answer(from: string, protocol: string, stream: Stream, handler: RequestHandler): Promise<void> {
    const { clock, stopping, log } = this.#deps;
    const gone = new AbortController();
    stream.addEventListener('close', () => gone.abort(new Error('the asking peer went away')), { once: true });
    const abort = () => stream.abort(stopping.reason as Error);
    stopping.addEventListener('abort', abort, { once: true });
    let cancelLimit = clock.after(RECEIVE_TIMEOUT_MS, () => stream.abort(new Error('the request did not arrive in time')));
    try {
      const { payload } = await readFrame(new ByteReader(stream), MAX_REQUEST_BYTES);
      cancelLimit();
      gone.signal.throwIfAborted();
      cancelLimit = clock.after(SERVE_TIMEOUT_MS, () => stream.abort(new Error('the request was not handled in time')));
      const answer = await handler(from, payload, gone.signal);
      if (answer.byteLength > MAX_REQUEST_BYTES) throw new Error(`the answer of ${answer.byteLength} bytes is too large to be sent`);
      await sendAll(stream, frame(ANSWER, answer));
    } catch (error) {
      log.debug('a request was refused', { from, protocol, error: String(error) });
      await this.#refuse(stream, error);
    } finally {
      cancelLimit();
      stopping.removeEventListener('abort', abort);
      this.#finish(stream);
    }
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

  async #refuse(stream: Stream, error: unknown): Promise<void> {
    const said =
      error instanceof FrameTooLong ? `the request is too large: ${error.message}` : error instanceof Error ? error.message : String(error);
    const text = new TextEncoder().encode(said);
    await sendAll(stream, frame(REFUSAL, text.subarray(0, MAX_REFUSAL_BYTES))).catch(() => undefined);
  }

  /** Closes our side; a stream that the other side leaves open is cut, so that none is kept for ever. */
  #finish(stream: Stream): void {
    closeStream(stream, this.#deps.clock);
  }
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
