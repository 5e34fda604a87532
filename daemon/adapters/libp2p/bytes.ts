import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { READ_AHEAD_BYTES } from './limits.ts';

/**
 * Reads a libp2p stream at the reader's pace: what is not taken makes the sender pause. (The stream's own async iterator queues without bound.)
 * Cancel by aborting the stream. One reader a stream, made before the first await after the stream was opened.
 */
export class ByteReader {
  readonly #stream: Stream;
  #chunks: Uint8Array[] = [];
  #available = 0;
  #wanted = 0;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #resuming = false;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.addEventListener('message', (event: StreamMessageEvent) => this.#take(event.data.subarray()));
    stream.addEventListener('end', () => this.#wake?.());
    stream.addEventListener('close', (event: StreamCloseEvent) => {
      this.#failure ??= event.error;
      this.#wake?.();
    });
  }

  /**
   * Exactly `length` bytes.
   * @throws Error when the stream ends or fails before
   */
  async read(length: number): Promise<Uint8Array> {
    this.#wanted = length;
    while (this.#available < length) {
      this.#resume();
      if (this.#available >= length) break;
      if (this.#failure) throw this.#failure;
      if (this.#ended()) throw new Error('the stream ended early');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#cut(length);
  }

  #take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#available += chunk.byteLength;
    this.#pauseIfFull();
    this.#wake?.();
  }

  /** A pause while `resume` hands out what was held back would be undone by its last step, and the sender be let go on without end. */
  #pauseIfFull(): void {
    if (this.#resuming || this.#available < Math.max(READ_AHEAD_BYTES, this.#wanted)) return;
    if (this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  /** Also brings out what libp2p held back while the stream was paused and, meanwhile, closed. */
  #resume(): void {
    if (this.#stream.readStatus !== 'paused') return;
    this.#resuming = true;
    try {
      this.#stream.resume();
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#resuming = false;
    this.#pauseIfFull();
  }

  #ended(): boolean {
    const { readableEnded, status, readBufferLength } = this.#stream;
    return readableEnded || (status !== 'open' && status !== 'closing' && readBufferLength === 0);
  }

  #cut(length: number): Uint8Array {
    const result = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const chunk = this.#chunks[0];
      if (!chunk) break;
      const part = chunk.subarray(0, length - filled);
      result.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength === chunk.byteLength) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.byteLength);
    }
    this.#available -= length;
    return result;
  }
}

/** Resolves when the other side can take more; at most one chunk is queued on top of a full window. */
export async function sendAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength; offset += READ_AHEAD_BYTES) {
    await writable(stream);
    stream.send(bytes.subarray(offset, offset + READ_AHEAD_BYTES));
  }
  await writable(stream);
}

/** libp2p's own `onDrain` keeps one promise for ever, so from the second time on it does not wait. */
async function writable(stream: Stream): Promise<void> {
  while (stream.writableNeedsDrain && stream.writeStatus === 'writable') {
    await new Promise<void>((resolve) => {
      const done = () => {
        stream.removeEventListener('drain', done);
        stream.removeEventListener('close', done);
        resolve();
      };
      stream.addEventListener('drain', done);
      stream.addEventListener('close', done);
    });
  }
  if (stream.writeStatus !== 'writable') throw new Error('the stream was closed by the other side');
}

/** A frame is one byte that says what it is, four bytes of length (big endian), and that many bytes. */
export function frame(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + payload.byteLength);
  bytes[0] = type;
  new DataView(bytes.buffer).setUint32(1, payload.byteLength);
  bytes.set(payload, 5);
  return bytes;
}

/**
 * @throws FrameTooLong before any of an oversized frame is taken in
 */
export async function readFrame(reader: ByteReader, maxBytes: number): Promise<{ type: number; payload: Uint8Array }> {
  const head = await reader.read(5);
  const length = new DataView(head.buffer).getUint32(1);
  if (length > maxBytes) throw new FrameTooLong(length, maxBytes);
  return { type: head[0] ?? 0, payload: await reader.read(length) };
}

export class FrameTooLong extends Error {
  constructor(length: number, maxBytes: number) {
    super(`${length} bytes, at most ${maxBytes} are taken`);
    this.name = 'FrameTooLong';
  }
}
