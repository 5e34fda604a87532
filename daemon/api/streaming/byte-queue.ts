import { KithError } from '../../../protocol/errors.ts';

/** Chunks that fit into so much together become one: a chunk costs memory beside its bytes, and a client may send them one by one. */
const MERGED_BYTES = 1024;

/** Chunks between one writer and one reader. Whoever fills it looks at `byteLength` and waits for {@link ByteQueue.onTaken}. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onTaken: (bytes: number) => void;
  #byteLength = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || chunk.byteLength === 0) return;
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.byteLength + chunk.byteLength <= MERGED_BYTES) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, chunk]);
    } else {
      this.#chunks.push(chunk);
    }
    this.#byteLength += chunk.byteLength;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Drops what was not read. */
  fail(error: Error): void {
    if (this.#ended && this.#chunks.length === 0) return;
    this.#failure ??= error;
    this.#ended = true;
    const dropped = this.#byteLength;
    this.#chunks.length = 0;
    this.#byteLength = 0;
    if (dropped > 0) this.#onTaken(dropped);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#byteLength -= chunk.byteLength;
        this.#onTaken(chunk.byteLength);
        yield chunk;
      } else if (this.#failure !== undefined) {
        throw new KithError('StreamClosed', this.#failure.message, {}, { cause: this.#failure });
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
