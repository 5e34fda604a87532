import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StreamRelay } from '../../../daemon/peer/stream-relay.ts';
import type { ContainerRuntime } from '../../../daemon/ports/runtime.ts';
import type { ByteStream } from '../../../daemon/ports/streams.ts';
import { connectAll } from '../../acceptance/transport.ts';
import { libp2pWorld, type Libp2pWorld } from '../../support/libp2p-world.ts';

/** More than libp2p holds of a stream that is paused. */
const ANSWER_BYTES = 10 * 1024 * 1024;
const PAUSE_EVERY_BYTES = 128 * 1024;
const REQUEST = { podUid: 'pod', port: 80 };

/** Answers each connection with so many bytes, once the client has said a word, and ends when the client does. */
class Server implements ByteStream {
  readonly source: AsyncIterable<Uint8Array>;
  readonly #asked = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(bytes: number, pieceBytes: number) {
    this.source = this.#answer(bytes, pieceBytes);
  }

  async *#answer(bytes: number, pieceBytes: number): AsyncGenerator<Uint8Array> {
    await this.#asked.promise;
    for (let sent = 0; sent < bytes; sent += pieceBytes) {
      yield new Uint8Array(Math.min(pieceBytes, bytes - sent)).fill((sent / pieceBytes) % 251);
      // As a socket: what it read comes in a later turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async write(): Promise<void> {
    this.#asked.resolve();
  }

  async end(): Promise<void> {
    this.#ended.resolve();
  }

  abort(): void {
    this.#ended.resolve();
  }
}

describe('the relay of streams over libp2p', () => {
  let world: Libp2pWorld;
  beforeEach(() => {
    world = libp2pWorld();
  });
  afterEach(() => world.close());

  it.each([4 * 1024, 100_001])(
    'carries large answers side by side to slow readers, whole, in pieces of %d bytes',
    async (pieceBytes) => {
      const [a, b] = [await world.create('a'), await world.create('b')];
      await connectAll([a, b]);
      const runtime = { connect: async () => new Server(ANSWER_BYTES, pieceBytes) } as unknown as ContainerRuntime;
      new StreamRelay({ transport: b, runtime, peerOfNode: () => b.self }).start();
      const relay = new StreamRelay({ transport: a, runtime, peerOfNode: () => b.self });
      const read = async (pauseMs: number): Promise<number> => {
        const connection = await relay.connect('node-b', REQUEST, new AbortController().signal);
        await connection.write(new Uint8Array(10));
        let [bytes, pauses] = [0, 0];
        for await (const chunk of connection.source) {
          bytes += chunk.byteLength;
          if (pauseMs === 0 || bytes < (pauses + 1) * PAUSE_EVERY_BYTES) continue;
          pauses += 1;
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
        await connection.end();
        return bytes;
      };
      const all = await Promise.all([0, 10, 20, 30].map((pauseMs) => read(pauseMs)));
      expect(all).toEqual([ANSWER_BYTES, ANSWER_BYTES, ANSWER_BYTES, ANSWER_BYTES]);
    },
    60_000,
  );
});
