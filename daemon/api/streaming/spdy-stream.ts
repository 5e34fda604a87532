import { KithError } from '../../../protocol/errors.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { ByteQueue } from './byte-queue.ts';
import { STREAMING_LIMITS } from './limits.ts';
import { controlFrame, dataFrame, FRAME, RST } from './spdy-frames.ts';
import type { SpdyHeaders } from './spdy-headers.ts';
import type { SendWindows } from './spdy-windows.ts';

interface SpdyStreamDeps {
  connection: ByteStream;
  windows: SendWindows;
  /** The reader took so many bytes. */
  onTaken: (bytes: number) => void;
  /** Both directions are over. */
  onClosed: () => void;
}

/** One stream of a client, as a {@link ByteStream}. */
export class SpdyStream implements ByteStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly source: ByteQueue;
  readonly #deps: SpdyStreamDeps;
  #inputOver = false;
  #outputOver = false;
  readonly #gone = new AbortController();

  constructor(id: number, headers: SpdyHeaders, deps: SpdyStreamDeps) {
    this.id = id;
    this.headers = headers;
    this.#deps = deps;
    this.source = new ByteQueue(deps.onTaken);
    deps.windows.open(id);
  }

  async write(chunk: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (this.#outputOver) throw new KithError('StreamClosed', 'the stream was closed');
      const length = await this.#deps.windows.take(this.id, Math.min(chunk.byteLength - offset, STREAMING_LIMITS.spdyDataBytes));
      if (length === 0) throw new KithError('StreamClosed', 'the stream was closed');
      await this.#deps.connection.write(dataFrame(this.id, chunk.subarray(offset, offset + length), false));
      offset += length;
    }
  }

  async end(): Promise<void> {
    if (this.#outputOver) return;
    this.#outputOver = true;
    await this.#deps.connection.write(dataFrame(this.id, new Uint8Array(0), true));
    this.#closeWhenOver();
  }

  abort(reason: Error): void {
    if (this.#inputOver && this.#outputOver) return;
    void this.#deps.connection.write(controlFrame(FRAME.rstStream, 0, this.id, RST.cancel)).catch(() => undefined);
    this.#over(reason);
  }

  /** Fires when the client, or the loss of it, ends the stream before its time. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get queued(): number {
    return this.source.byteLength;
  }

  /** From the client. @returns whether it is kept */
  push(bytes: Uint8Array): boolean {
    if (this.#inputOver || bytes.byteLength === 0) return false;
    this.source.push(bytes);
    return true;
  }

  endInput(): void {
    this.#inputOver = true;
    this.source.end();
    this.#closeWhenOver();
  }

  /** The client, or its connection, is gone. */
  cut(reason: Error): void {
    this.#over(reason);
    this.#gone.abort(reason);
  }

  #over(reason: Error): void {
    this.#inputOver = true;
    this.#outputOver = true;
    this.source.fail(reason);
    this.#closeWhenOver();
  }

  #closeWhenOver(): void {
    if (!this.#inputOver || !this.#outputOver) return;
    this.#deps.windows.forget(this.id);
    this.#deps.onClosed();
  }
}
