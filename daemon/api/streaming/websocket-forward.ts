import { CHANNEL, channelMessage } from '../../../protocol/streaming/channels.ts';
import { CLOSE } from '../../../protocol/streaming/websocket-frames.ts';
import type { WebSocketStream } from '../../../protocol/streaming/web-socket.ts';
import type { ByteStream } from '../../ports/streams.ts';
import type { Dial } from './dial.ts';

/** Port forwarding in the channels of a WebSocket: one connection to each port, on channel 2i for data and 2i+1 for errors. Client libraries use it. */
export class WebSocketForward {
  readonly #socket: WebSocketStream;
  readonly #ports: readonly number[];
  /** Whether the end of one direction can be said (v5). */
  readonly #saysEnd: boolean;
  readonly #connections = new Map<number, ByteStream>();

  constructor(socket: WebSocketStream, ports: readonly number[], saysEnd: boolean) {
    this.#socket = socket;
    this.#ports = ports;
    this.#saysEnd = saysEnd;
  }

  /** Until the client goes, or no connection is left. `client` fires when its connection is lost. */
  async run(dial: Dial, client: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const end = (): void => {
      ended.abort(new Error('the client is gone'));
      for (const connection of this.#connections.values()) connection.abort(new Error('the client is gone'));
    };
    // While a pod takes nothing the client is not read, so that only its connection tells that it has gone.
    client.addEventListener('abort', end, { once: true });
    if (client.aborted) end();
    try {
      const opened = this.#ports.map((port, index) => this.#open(index, port, dial, ended.signal));
      await Promise.all(opened);
      const receiving = this.#receive();
      const sending = Promise.all(this.#ports.map((_port, index) => this.#send(index)));
      // What the client still has to send matters until it says that it is done, or all connections are.
      await Promise.race([receiving, sending.then(() => this.#socket.close(CLOSE.normal, ''))]);
      await receiving;
    } finally {
      end();
    }
  }

  async #open(index: number, port: number, dial: Dial, signal: AbortSignal): Promise<void> {
    const number = Uint8Array.of(port & 0xff, port >> 8);
    await this.#socket.send(channelMessage(2 * index, number));
    await this.#socket.send(channelMessage(2 * index + 1, number));
    try {
      this.#connections.set(index, await dial(port, signal));
    } catch (error) {
      await this.#fail(index, error as Error);
    }
  }

  async #send(index: number): Promise<void> {
    const connection = this.#connections.get(index);
    if (connection === undefined) return;
    try {
      for await (const bytes of connection.source) await this.#socket.send(channelMessage(2 * index, bytes));
      if (this.#saysEnd) await this.#socket.send(Uint8Array.of(CHANNEL.close, 2 * index));
    } catch (error) {
      await this.#fail(index, error as Error);
    }
  }

  async #receive(): Promise<void> {
    let channel: number | undefined;
    for await (const piece of this.#socket.messages()) {
      let { bytes } = piece;
      if (channel === undefined && bytes.byteLength > 0) {
        channel = bytes[0];
        bytes = bytes.subarray(1);
      }
      if (channel !== undefined && bytes.byteLength > 0) await this.#take(channel, bytes);
      if (piece.last) channel = undefined;
    }
  }

  async #take(channel: number, bytes: Uint8Array): Promise<void> {
    const index = channel === CHANNEL.close ? (bytes[0] ?? 1) / 2 : channel / 2;
    const connection = this.#connections.get(index);
    try {
      if (channel === CHANNEL.close) await connection?.end();
      else await connection?.write(bytes);
    } catch (error) {
      await this.#fail(index, error as Error);
    }
  }

  async #fail(index: number, error: Error): Promise<void> {
    this.#connections.get(index)?.abort(error);
    this.#connections.delete(index);
    await this.#socket.send(channelMessage(2 * index + 1, Buffer.from(error.message))).catch(() => undefined);
  }
}
