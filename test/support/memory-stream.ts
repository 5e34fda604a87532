import { KithError } from '../../protocol/errors.ts';
import type { PeerStream } from '../../daemon/ports/transport.ts';

/** Bytes that one direction holds before writers wait. */
const CAPACITY_BYTES = 256 * 1024;

/** One direction of a memory stream. `carry` delivers a step later and in order, or never. */
class Pipe {
  readonly #chunks: Uint8Array[] = [];
  #underWay = 0;
  #ended = false;
  #failure: Error | undefined;
  readonly #changed = new Set<() => void>();

  async write(chunk: Uint8Array, carry: (arrive: () => void) => void): Promise<void> {
    this.#throwIfFailed();
    this.#underWay += chunk.byteLength;
    const copy = chunk.slice();
    carry(() => {
      this.#chunks.push(copy);
      this.#wake();
    });
    while (this.#underWay > CAPACITY_BYTES && !this.#failure) await this.#change();
    this.#throwIfFailed();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#underWay -= chunk.byteLength;
        this.#wake();
        yield chunk;
      } else {
        this.#throwIfFailed();
        if (this.#ended) return;
        await this.#change();
      }
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.add(resolve));
  }

  #wake(): void {
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}

export interface MemoryStreamEnds {
  opener: PeerStream;
  server: PeerStream;
  /** Aborts when either side aborts or the link breaks. */
  gone: AbortSignal;
  breakLink(): void;
}

/** `forth` and `back` carry a step from the opener to the server and the other way, in order. */
export function memoryStream(forth: (arrive: () => void) => void, back: (arrive: () => void) => void): MemoryStreamEnds {
  const there = new Pipe();
  const here = new Pipe();
  const gone = new AbortController();
  const failBoth = (error: Error) => {
    there.fail(error);
    here.fail(error);
    gone.abort(error);
  };
  const side = (read: Pipe, write: Pipe, carry: (arrive: () => void) => void): PeerStream => {
    let ended = false;
    return {
      source: { [Symbol.asyncIterator]: () => read.read() },
      write: async (chunk) => {
        if (ended) throw new KithError('StreamClosed', 'this side of the stream was ended; nothing can be written to it');
        await write.write(chunk, carry);
      },
      end: async () => {
        ended = true;
        carry(() => write.end());
      },
      abort: (reason) => carry(() => failBoth(new KithError('StreamAborted', reason.message))),
    };
  };
  return {
    opener: side(here, there, forth),
    server: side(there, here, back),
    gone: gone.signal,
    breakLink: () => failBoth(new KithError('StreamClosed', 'the stream broke: the link is down')),
  };
}
