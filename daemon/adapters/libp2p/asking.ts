import type { Stream } from '@libp2p/interface';
import { KithError } from '../../../protocol/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { FrameTooLong } from './bytes.ts';
import { Call, CallFrames, Pieces } from './calls.ts';
import type { CallFrame } from './calls.ts';
import { MAX_REFUSAL_BYTES, MAX_REQUEST_BYTES } from './limits.ts';

interface Waiting {
  sentAt: number;
  pieces: Pieces;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export interface Answer {
  answer: Uint8Array;
  /** From the question's last byte to the answer's, so it includes the handler's time. */
  roundTripMs: number;
}

const MAX_CALL_NUMBER = 2 ** 32 - 1;

/** The asking end of a call stream. */
export class AskingEnd {
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #frames: CallFrames;
  readonly #waiting = new Map<number, Waiting>();
  #lastCall = 0;

  constructor(stream: Stream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#frames = new CallFrames(stream);
    void this.#takeAnswers();
  }

  get isOpen(): boolean {
    return this.#stream.status === 'open';
  }

  /**
   * `signal`: aborts with the error to throw.
   * @throws KithError `RequestRefused` with the handler's words; else what broke the stream
   */
  async ask(protocol: string, payload: Uint8Array, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const call = this.#nextCall();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const waiting: Waiting = { sentAt: 0, pieces: new Pieces(), resolve, reject };
    this.#waiting.set(call, waiting);
    const abort = () => {
      reject(signal.reason as Error);
      this.#frames.send(Call.cancel, call).catch(() => undefined);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([promise, this.#send(call, waiting, protocol, payload)]);
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#waiting.delete(call);
    }
  }

  async #send(call: number, waiting: Waiting, protocol: string, payload: Uint8Array): Promise<void> {
    const isWanted = () => this.#waiting.has(call);
    const last = await this.#frames.sendParts(Call.askPart, call, payload, isWanted);
    if (!isWanted()) return;
    const name = new TextEncoder().encode(protocol);
    const sent = this.#frames.send(Call.ask, call, Uint8Array.of(name.byteLength), name, last);
    waiting.sentAt = this.#clock.monotonic();
    await sent;
  }

  #nextCall(): number {
    do this.#lastCall = this.#lastCall === MAX_CALL_NUMBER ? 1 : this.#lastCall + 1;
    while (this.#waiting.has(this.#lastCall));
    return this.#lastCall;
  }

  async #takeAnswers(): Promise<void> {
    try {
      for (;;) this.#take(await this.#frames.next());
    } catch (error) {
      this.#stream.abort(error as Error);
      for (const waiting of this.#waiting.values()) waiting.reject(error as Error);
    }
  }

  /** A frame of a call that nobody waits for any more is dropped. */
  #take({ type, call, body }: CallFrame): void {
    const waiting = this.#waiting.get(call);
    if (!waiting) return;
    if (type === Call.refusal) {
      waiting.reject(new KithError('RequestRefused', new TextDecoder().decode(body.subarray(0, MAX_REFUSAL_BYTES))));
      return;
    }
    if (type !== Call.answer && type !== Call.answerPart) throw new Error(`an answer of the unknown type ${type}`);
    waiting.pieces.add(body);
    if (waiting.pieces.byteLength > MAX_REQUEST_BYTES) waiting.reject(new FrameTooLong(waiting.pieces.byteLength, MAX_REQUEST_BYTES));
    else if (type === Call.answer)
      waiting.resolve({ answer: waiting.pieces.joined(), roundTripMs: this.#clock.monotonic() - waiting.sentAt });
  }
}
