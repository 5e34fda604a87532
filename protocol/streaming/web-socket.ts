import type { ByteStream } from './byte-stream.ts';
import { CLOSE, closePayload, encodeFrame, FrameDecoder, OPCODE, WebSocketViolation } from './websocket-frames.ts';

export interface MessagePiece {
  bytes: Uint8Array;
  /** The first piece of a message; the last one. */
  first: boolean;
  last: boolean;
}

export interface WebSocketOptions {
  /** A client's masks: 4 random bytes a frame. Without it this is the server's end. */
  mask?: () => Uint8Array;
}

/** One end of a WebSocket over a connection whose handshake is done. Pings are answered while the messages are read. */
export class WebSocketStream {
  readonly #stream: ByteStream;
  readonly #mask: (() => Uint8Array) | undefined;
  #closeSent = false;
  #pong: Promise<void> | undefined;
  /** The newest ping that waits for its pong: older ones need none (RFC 6455, 5.5.3). */
  #unanswered: Uint8Array | undefined;

  constructor(stream: ByteStream, options: WebSocketOptions = {}) {
    this.#stream = stream;
    this.#mask = options.mask;
  }

  /** A whole binary message. Resolves when the other side can take more. */
  send(payload: Uint8Array): Promise<void> {
    return this.#write(OPCODE.binary, payload);
  }

  ping(): Promise<void> {
    return this.#write(OPCODE.ping, new Uint8Array(0));
  }

  /** Messages in pieces, until the other side closes. One reader. @throws WebSocketViolation, which the other side has been told of */
  async *messages(): AsyncGenerator<MessagePiece> {
    const decoder = new FrameDecoder({ expectMask: this.#mask === undefined });
    try {
      for await (const chunk of this.#stream.source) {
        for (const event of decoder.push(chunk)) {
          if (event.type === 'message') yield event;
          else if (event.type === 'ping') this.#answer(event.bytes);
          else if (event.type === 'close') return await this.close(CLOSE.normal, '');
        }
      }
    } catch (error) {
      if (error instanceof WebSocketViolation) await this.close(error.closeCode, error.message);
      throw error;
    }
  }

  /** Says goodbye, once. The connection itself is the caller's to end. */
  async close(code: number, reason: string): Promise<void> {
    if (this.#closeSent) return;
    await this.#write(OPCODE.close, closePayload(code, reason)).catch(() => undefined);
    this.#closeSent = true;
  }

  /** At most one pong waits for a slow reader: neither memory nor reading depends on it. */
  #answer(ping: Uint8Array): void {
    this.#unanswered = ping;
    this.#pong ??= this.#pongs().finally(() => (this.#pong = undefined));
  }

  async #pongs(): Promise<void> {
    while (this.#unanswered !== undefined) {
      const payload = this.#unanswered;
      this.#unanswered = undefined;
      await this.#write(OPCODE.pong, payload).catch(() => undefined);
    }
  }

  async #write(opcode: number, payload: Uint8Array): Promise<void> {
    if (this.#closeSent) return;
    await this.#stream.write(encodeFrame(opcode, payload, this.#mask?.()));
  }
}
