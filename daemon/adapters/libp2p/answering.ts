import type { Stream } from '@libp2p/interface';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { Call, CallFrames, Pieces } from './calls.ts';
import type { CallFrame } from './calls.ts';
import { MAX_CALLS_OF_A_PEER, MAX_REFUSAL_BYTES, MAX_REQUEST_BYTES, MAX_UNFINISHED_BYTES, SERVE_TIMEOUT_MS } from './limits.ts';

export type RequestHandler = (from: string, payload: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

export interface AnsweringDeps {
  clock: Clock;
  log: Log;
  handlerOf: (protocol: string) => RequestHandler | undefined;
}

/** The answering end of a call stream: takes questions, has them handled side by side, answers. What breaks the rules of the wire ends the stream. */
export class AnsweringEnd {
  readonly #stream: Stream;
  readonly #from: string;
  readonly #deps: AnsweringDeps;
  readonly #frames: CallFrames;
  readonly #unfinished = new Map<number, Pieces>();
  #unfinishedBytes = 0;
  readonly #underWay = new Map<number, AbortController>();

  constructor(stream: Stream, from: string, deps: AnsweringDeps) {
    this.#stream = stream;
    this.#from = from;
    this.#deps = deps;
    this.#frames = new CallFrames(stream);
  }

  /** Until the stream ends. Never throws. */
  async serve(): Promise<void> {
    try {
      for (;;) this.#take(await this.#frames.next());
    } catch (error) {
      this.#stream.abort(error as Error);
      for (const call of this.#underWay.values()) call.abort(new Error('the asking peer went away'));
    }
  }

  #take({ type, call, body }: CallFrame): void {
    if (type === Call.askPart) this.#takePart(call, body);
    else if (type === Call.ask) this.#takeQuestion(call, body);
    else if (type === Call.cancel) this.#cancel(call);
    else throw new Error(`a question of the unknown type ${type}`);
  }

  #takePart(call: number, body: Uint8Array): void {
    const pieces = this.#unfinished.get(call) ?? new Pieces();
    pieces.add(body);
    this.#unfinished.set(call, pieces);
    this.#unfinishedBytes += body.byteLength;
    if (this.#unfinishedBytes > MAX_UNFINISHED_BYTES || this.#unfinished.size > MAX_CALLS_OF_A_PEER) {
      throw new Error('too many unfinished questions');
    }
  }

  #takeQuestion(call: number, body: Uint8Array): void {
    const nameLength = body[0] ?? 0;
    const protocol = new TextDecoder().decode(body.subarray(1, 1 + nameLength));
    const pieces = this.#finished(call);
    pieces.add(body.subarray(1 + nameLength));
    void this.#answer(call, protocol, pieces);
  }

  #finished(call: number): Pieces {
    const pieces = this.#unfinished.get(call) ?? new Pieces();
    this.#unfinished.delete(call);
    this.#unfinishedBytes -= pieces.byteLength;
    return pieces;
  }

  #cancel(call: number): void {
    this.#finished(call);
    this.#underWay.get(call)?.abort(new Error('the asking peer no longer waits'));
  }

  async #answer(call: number, protocol: string, pieces: Pieces): Promise<void> {
    const gone = new AbortController();
    let cancelLimit: CancelTimer | undefined;
    try {
      const handler = this.#admit(call, protocol, pieces);
      this.#underWay.set(call, gone);
      const late = Promise.withResolvers<never>();
      cancelLimit = this.#deps.clock.after(SERVE_TIMEOUT_MS, () => late.reject(new Error('the request was not handled in time')));
      const answer = await Promise.race([handler(this.#from, pieces.joined(), gone.signal), late.promise]);
      if (answer.byteLength > MAX_REQUEST_BYTES) throw new Error(`the answer of ${answer.byteLength} bytes is too large to be sent`);
      const isWanted = () => !gone.signal.aborted;
      const last = await this.#frames.sendParts(Call.answerPart, call, answer, isWanted);
      if (isWanted()) await this.#frames.send(Call.answer, call, last);
    } catch (error) {
      if (!gone.signal.aborted) await this.#refuse(call, protocol, error);
      gone.abort(error);
    } finally {
      cancelLimit?.();
      if (this.#underWay.get(call) === gone) this.#underWay.delete(call);
    }
  }

  #admit(call: number, protocol: string, pieces: Pieces): RequestHandler {
    if (pieces.byteLength > MAX_REQUEST_BYTES)
      throw new Error(`the request is too large: ${pieces.byteLength} bytes, at most ${MAX_REQUEST_BYTES} are taken`);
    if (this.#underWay.size >= MAX_CALLS_OF_A_PEER || this.#underWay.has(call))
      throw new Error('too many requests of this peer are under way');
    const handler = this.#deps.handlerOf(protocol);
    if (handler === undefined) throw new Error(`this peer does not serve ${protocol}; it may be of another version`);
    return handler;
  }

  async #refuse(call: number, protocol: string, error: unknown): Promise<void> {
    this.#deps.log.debug('a request was refused', { from: this.#from, protocol, error: String(error) });
    const text = new TextEncoder().encode(error instanceof Error ? error.message : String(error));
    await this.#frames.send(Call.refusal, call, text.subarray(0, MAX_REFUSAL_BYTES)).catch(() => undefined);
  }
}
