import { pipe, type ByteStream } from '../../../protocol/streaming/byte-stream.ts';
import { portNumber, type Dial } from './dial.ts';
import { STREAMING_LIMITS } from './limits.ts';
import type { SpdyStream } from './spdy-stream.ts';

/** Port forwarding over SPDY: a connection is a pair of streams with the same request id, `error` and `data`. */
export class SpdyForwards {
  readonly #dial: Dial;
  readonly #signal: AbortSignal;
  /** Error streams whose data stream has not come yet. */
  readonly #halves = new Map<string, SpdyStream>();
  #running = 0;

  constructor(dial: Dial, signal: AbortSignal) {
    this.#dial = dial;
    this.#signal = signal;
  }

  take(stream: SpdyStream): void {
    const [type, id] = [stream.headers.get('streamtype'), stream.headers.get('requestid') ?? stream.headers.get('port') ?? ''];
    const other = this.#halves.get(id);
    if (type === 'error' && other === undefined && this.#halves.size < STREAMING_LIMITS.forwardedConnections) {
      this.#halves.set(id, stream);
      return;
    }
    if (type !== 'data' || other === undefined)
      return stream.abort(new Error('a stream that is neither an error stream nor its data stream'));
    this.#halves.delete(id);
    this.#running += 1;
    void this.#forward(stream, other).finally(() => (this.#running -= 1));
  }

  async #forward(data: SpdyStream, error: SpdyStream): Promise<void> {
    const port = portNumber(data.headers.get('port'));
    try {
      if (port === undefined) throw new Error(`"${data.headers.get('port')}" is no port from 1 to 65535`);
      if (this.#running > STREAMING_LIMITS.forwardedConnections)
        throw new Error(`more than ${STREAMING_LIMITS.forwardedConnections} connections are being forwarded: close some`);
      const pod = await this.#dial(port, this.#signal);
      // A pod that takes nothing must not hold a connection whose client has gone.
      const cut = (): void => pod.abort(data.gone.reason as Error);
      data.gone.addEventListener('abort', cut, { once: true });
      if (data.gone.aborted) cut();
      await join(data, pod);
      await error.end();
    } catch (failure) {
      if (this.#signal.aborted) return;
      // kubectl resets the streams of connections that are done; to call that an error would end all of its others.
      if (data.gone.aborted) return error.abort(failure as Error);
      await tell(error, failure as Error);
      data.abort(failure as Error);
    }
  }
}

/** Copies both ways until both have ended. When either breaks, both do. */
export async function join(client: ByteStream, pod: ByteStream): Promise<void> {
  try {
    await Promise.all([pipe(client.source, pod), pipe(pod.source, client)]);
  } catch (error) {
    pod.abort(error as Error);
    throw error;
  }
}

async function tell(stream: SpdyStream, failure: Error): Promise<void> {
  try {
    await stream.write(Buffer.from(failure.message));
    await stream.end();
  } catch {
    // The client is gone, or no longer listens to this one.
  }
}
