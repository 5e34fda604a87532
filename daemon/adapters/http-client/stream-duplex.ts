import { Duplex } from 'node:stream';
import type { ByteStream } from '../../ports/streams.ts';

/** A {@link ByteStream} as Node's libraries take connections. */
export class StreamDuplex extends Duplex {
  readonly #stream: ByteStream;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(stream: ByteStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#chunks = stream.source[Symbol.asyncIterator]();
  }

  override _read(): void {
    this.#chunks.next().then(
      ({ done, value }) => this.push(done === true ? null : value),
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#stream.write(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#stream.end().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.abort(error ?? new Error('the connection is done with'));
    done(error);
  }
}
