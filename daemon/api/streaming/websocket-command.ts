import { CHANNEL, channelMessage } from '../../../protocol/streaming/channels.ts';
import { CLOSE } from '../../../protocol/streaming/websocket-frames.ts';
import type { MessagePiece, WebSocketStream } from '../../../protocol/streaming/web-socket.ts';
import type { OutputChunk } from '../../ports/streams.ts';
import { readSize, type ClientEvent, type CommandClient, type CommandStatus } from './command-client.ts';
import { STREAMING_LIMITS } from './limits.ts';

/** Exec and attach in the channels of a WebSocket (v4 and v5.channel.k8s.io). */
export class WebSocketCommand implements CommandClient {
  readonly events: AsyncIterable<ClientEvent>;
  readonly #socket: WebSocketStream;

  constructor(socket: WebSocketStream) {
    this.#socket = socket;
    this.events = { [Symbol.asyncIterator]: () => this.#read() };
  }

  /** An empty message, which tells clients that wait for one that all is ready; upstream sends it, too. */
  greet(): Promise<void> {
    return this.#socket.send(channelMessage(CHANNEL.stdout, new Uint8Array(0)));
  }

  write({ stream, bytes }: OutputChunk): Promise<void> {
    return this.#socket.send(channelMessage(stream === 'stdout' ? CHANNEL.stdout : CHANNEL.stderr, bytes));
  }

  async finish(status: CommandStatus): Promise<void> {
    await this.#socket.send(channelMessage(CHANNEL.error, Buffer.from(JSON.stringify(status))));
    await this.#socket.close(CLOSE.normal, '');
  }

  ping(): Promise<void> {
    return this.#socket.ping();
  }

  async *#read(): AsyncGenerator<ClientEvent> {
    const message = new ChannelMessage();
    for await (const piece of this.#socket.messages()) {
      const event = message.take(piece);
      if (event !== undefined) yield event;
    }
  }
}

/** Input is passed on piece by piece; what else a client says is short, and read when it is whole. */
class ChannelMessage {
  #channel: number | undefined;
  #control: Uint8Array[] = [];
  #controlBytes = 0;

  take(piece: MessagePiece): ClientEvent | undefined {
    let { bytes } = piece;
    if (this.#channel === undefined && bytes.byteLength > 0) {
      this.#channel = bytes[0];
      bytes = bytes.subarray(1);
    }
    const channel = this.#channel;
    if (channel === CHANNEL.stdin) {
      if (piece.last) this.#reset();
      return bytes.byteLength === 0 ? undefined : { type: 'input', bytes };
    }
    this.#controlBytes += bytes.byteLength;
    // A message may have any number of empty pieces.
    if (bytes.byteLength > 0 && this.#controlBytes <= STREAMING_LIMITS.controlMessageBytes) this.#control.push(bytes);
    if (!piece.last) return undefined;
    const whole = Buffer.concat(this.#control);
    this.#reset();
    if (channel === CHANNEL.close) return whole[0] === CHANNEL.stdin ? { type: 'inputEnd' } : undefined;
    const size = channel === CHANNEL.resize ? readSize(whole) : undefined;
    return size === undefined ? undefined : { type: 'resize', size };
  }

  #reset(): void {
    this.#channel = undefined;
    this.#control = [];
    this.#controlBytes = 0;
  }
}
