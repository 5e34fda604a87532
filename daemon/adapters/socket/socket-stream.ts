import type { Duplex } from 'node:stream';
import { KithError } from '../../../protocol/errors.ts';
import type { ByteStream } from '../../ports/streams.ts';

/** A socket as a {@link ByteStream}. `head`: what was read of it already. */
export function socketStream(socket: Duplex, head: Uint8Array = new Uint8Array(0)): ByteStream {
  const drain = new Drain(socket);
  return {
    source: readFrom(socket, head),
    write: (chunk) => drain.write(chunk),
    end: async () => {
      if (!socket.destroyed && !socket.writableEnded) await new Promise<void>((resolve) => socket.end(resolve));
    },
    abort: () => socket.destroy(),
  };
}

async function* readFrom(socket: Duplex, head: Uint8Array): AsyncGenerator<Uint8Array> {
  if (head.byteLength > 0) yield head;
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw closed(error);
  }
}

/** All writers of a socket wait for one and the same drain. */
class Drain {
  readonly #socket: Duplex;
  #drained: Promise<void> | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) throw closed();
    if (socket.write(chunk)) return;
    this.#drained ??= this.#wait().finally(() => (this.#drained = undefined));
    await this.#drained;
    if (socket.destroyed) throw closed();
  }

  #wait(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const done = (): void => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.on('drain', done);
      socket.on('close', done);
    });
  }
}

function closed(cause?: unknown): KithError {
  return new KithError('StreamClosed', 'the connection was closed by the other side', {}, { cause });
}
