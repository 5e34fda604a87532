import { KithError } from '../../protocol/errors.ts';
import type { ByteStream, OutputChunk, ProcessStreams, TerminalSize } from '../ports/streams.ts';
import type { PeerStream } from '../ports/transport.ts';
import { frameOf, readFrames } from './relay-frames.ts';
import { cutPieces, type FromAsker, type FromConnection, type FromProcess } from './relay-words.ts';

/** Frames of the other side up to its own last word. */
class Answer<Frame extends object> {
  readonly stream: PeerStream;
  readonly #node: string;
  readonly #frames: AsyncIterator<Frame>;

  constructor(stream: PeerStream, node: string) {
    this.stream = stream;
    this.#node = node;
    this.#frames = readFrames<Frame>(stream.source);
  }

  /** @throws KithError what the other side says went wrong, or `PeerUnreachable` when it says nothing more */
  async next(): Promise<Frame> {
    let next: IteratorResult<Frame>;
    try {
      next = await this.#frames.next();
    } catch (error) {
      throw this.#lost(error);
    }
    if (next.done === true) throw this.#lost();
    const frame = next.value;
    if ('error' in frame) {
      const { code, message } = frame.error as { code: string; message: string };
      throw new KithError(code, message);
    }
    return frame;
  }

  /** Until the other side has nothing more to do. */
  async finished(): Promise<void> {
    while ((await this.#frames.next()).done !== true);
  }

  #lost(cause?: unknown): KithError {
    const message = `the connection to node ${this.#node} was lost: is it alive? "kith peers" tells`;
    return new KithError('PeerUnreachable', message, {}, { cause });
  }
}

/** A program on another node. */
export class RemoteProcess implements ProcessStreams {
  readonly output: AsyncIterable<OutputChunk>;
  readonly #answer: Answer<FromProcess>;
  readonly #exit = Promise.withResolvers<number>();

  constructor(stream: PeerStream, node: string) {
    this.#answer = new Answer(stream, node);
    this.output = { [Symbol.asyncIterator]: () => this.#read() };
    this.#exit.promise.catch(() => undefined);
  }

  /** @throws KithError as the runtime there */
  async opened(): Promise<this> {
    await firstWord(this.#answer);
    return this;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const piece of cutPieces(bytes)) await this.#say({ in: piece });
  }

  endInput(): Promise<void> {
    return this.#say({ eof: true });
  }

  resize({ columns, rows }: TerminalSize): Promise<void> {
    return this.#say({ size: [columns, rows] });
  }

  exitCode(): Promise<number> {
    return this.#exit.promise;
  }

  #say(frame: FromAsker): Promise<void> {
    return this.#answer.stream.write(frameOf(frame));
  }

  async *#read(): AsyncGenerator<OutputChunk> {
    const { stream } = this.#answer;
    try {
      for (;;) {
        const frame = await this.#answer.next();
        if ('out' in frame) yield { stream: frame.out[0] === 1 ? 'stdout' : 'stderr', bytes: frame.out[1] };
        if ('exit' in frame) {
          this.#exit.resolve(frame.exit);
          return;
        }
      }
    } catch (error) {
      this.#exit.reject(error);
      throw error;
    } finally {
      stream.abort(new Error('all was read'));
    }
  }
}

/** A connection to a pod on another node. */
export class RemoteConnection implements ByteStream {
  readonly source: AsyncIterable<Uint8Array>;
  readonly #answer: Answer<FromConnection>;
  #readEnded = false;
  #writeEnded = false;

  constructor(stream: PeerStream, node: string) {
    this.#answer = new Answer(stream, node);
    this.source = { [Symbol.asyncIterator]: () => this.#read() };
  }

  /** @throws KithError as the runtime there */
  async opened(): Promise<this> {
    await firstWord(this.#answer);
    return this;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const piece of cutPieces(bytes)) await this.#answer.stream.write(frameOf({ data: piece }));
  }

  async end(): Promise<void> {
    if (this.#writeEnded) return;
    this.#writeEnded = true;
    await this.#answer.stream.write(frameOf({ eof: true }));
    await this.#answer.stream.end();
    this.#freeWhenDone();
  }

  abort(reason: Error): void {
    this.#answer.stream.abort(reason);
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = await this.#answer.next();
      if ('data' in frame) yield frame.data;
      if ('eof' in frame) break;
    }
    this.#readEnded = true;
    this.#freeWhenDone();
  }

  /** Not before the other side has passed on our last bytes. */
  #freeWhenDone(): void {
    if (!this.#readEnded || !this.#writeEnded) return;
    const free = (): void => this.#answer.stream.abort(new Error('both directions have ended'));
    this.#answer.finished().then(free, free);
  }
}

async function firstWord(answer: Answer<FromProcess> | Answer<FromConnection>): Promise<void> {
  try {
    await answer.next();
  } catch (error) {
    answer.stream.abort(error as Error);
    throw error;
  }
}
