import type { Stream } from '@libp2p/interface';
import { KithError } from '../../../protocol/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PeerStream } from '../../ports/transport.ts';
import { frame, readFrame, sendAll } from './bytes.ts';
import type { ByteReader } from './bytes.ts';
import { MAX_REFUSAL_BYTES, MAX_RELAY_FRAME_BYTES } from './limits.ts';
import { closeStream } from './requests.ts';

/** Types of the frames of a relay stream. An end is said, because libp2p shows a lost connection like an orderly close. */
export const HEADER = 0;
const DATA = 1;
const END = 2;
const FAILURE = 3;
/** Whoever reads has read to the END. Older releases do not say it. */
const TAKEN = 4;

/** A {@link PeerStream} over a libp2p stream. Either side ends its direction with END, or both with FAILURE and a text. */
export class RelayStream implements PeerStream {
  readonly #stream: Stream;
  readonly #reader: ByteReader;
  readonly #clock: Clock;
  #ended = false;
  /** Writes go out one after the other, frame by frame. */
  #lastWrite: Promise<void> = Promise.resolve();
  #lastRead: Promise<unknown> = Promise.resolve();
  readonly #taken = Promise.withResolvers<void>();
  readonly source: AsyncIterable<Uint8Array>;

  constructor(stream: Stream, reader: ByteReader, clock: Clock) {
    this.#stream = stream;
    this.#reader = reader;
    this.#clock = clock;
    this.source = { [Symbol.asyncIterator]: () => this.#read() };
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#ended)
      return Promise.reject(new KithError('StreamClosed', 'this side of the stream was ended; nothing can be written to it'));
    return this.#inOrder(async () => {
      for (let offset = 0; offset < chunk.byteLength; offset += MAX_RELAY_FRAME_BYTES) {
        await sendAll(this.#stream, frame(DATA, chunk.subarray(offset, offset + MAX_RELAY_FRAME_BYTES)));
      }
    });
  }

  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#inOrder(() => sendAll(this.#stream, frame(END, new Uint8Array(0))));
  }

  /** Both directions, at once. Tells the other side why, if the link takes it just now. */
  abort(reason: Error): void {
    this.#ended = true;
    const text = new TextEncoder().encode(reason.message).subarray(0, MAX_REFUSAL_BYTES);
    try {
      if (!this.#stream.writableNeedsDrain) this.#stream.send(frame(FAILURE, text));
    } catch {
      // The link is gone already: the other side sees that by itself.
    }
    this.#stream.abort(reason);
  }

  /** After `end`: resolves when the other side has read all, at its own pace, or is gone. To close before would cut off a slow reader. */
  async taken(timeoutMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(timeoutMs, resolve);
    const drain = async (): Promise<void> => {
      while (this.#stream.status === 'open') await this.#next();
    };
    await Promise.race([this.#taken.promise, late, drain().catch(() => undefined)]);
    cancel();
  }

  /** Frees the stream in order. */
  close(): void {
    closeStream(this.#stream, this.#clock);
  }

  async #inOrder(task: () => Promise<void>): Promise<void> {
    const mine = this.#lastWrite.then(task);
    this.#lastWrite = mine.catch(() => undefined);
    try {
      await mine;
    } catch (error) {
      throw new KithError('StreamClosed', `the stream broke: ${(error as Error).message}`, {}, { cause: error });
    }
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { type, payload } = await this.#next();
      if (type === END) {
        void this.#inOrder(() => sendAll(this.#stream, frame(TAKEN, new Uint8Array(0)))).catch(() => undefined);
        return;
      }
      if (type === FAILURE) throw new KithError('StreamAborted', new TextDecoder().decode(payload));
      if (type === DATA) yield payload;
    }
  }

  /** Frames one after the other, whoever asks. */
  async #next(): Promise<{ type: number; payload: Uint8Array }> {
    const mine = this.#lastRead.then(() => readFrame(this.#reader, MAX_RELAY_FRAME_BYTES));
    this.#lastRead = mine.catch(() => undefined);
    try {
      const read = await mine;
      if (read.type === TAKEN) this.#taken.resolve();
      return read;
    } catch (error) {
      throw new KithError('StreamClosed', `the stream broke: ${(error as Error).message}`, {}, { cause: error });
    }
  }
}
