/**
 * What a turn of the loop sends over a connection leaves together. libp2p writes every frame by itself, its length and its body apart, and yamux answers every data
 * frame with a frame of credit: each of them is a packet that wakes the other side, and waking costs a peer more than the work it does then.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';
import { MAX_GATHERED_BYTES, MAX_HELD_CREDIT_BYTES } from './limits.ts';

type Bytes = Parameters<MessageStream['send']>[0];

/** A yamux frame's header: version, type, flags (2 bytes), stream (4), length (4). https://github.com/hashicorp/yamux/blob/master/spec.md */
const HEADER_BYTES = 12;
const WINDOW_UPDATE = 1;

/** For the connection below yamux, which sends one frame at a time. */
export function gatherFrames(connection: MessageStream): MessageStream {
  const gathering = new Gathering(connection);
  const close = connection.close.bind(connection);
  connection.send = (frame) => gathering.add(frame);
  connection.close = async (options) => {
    gathering.flush();
    await close(options);
  };
  return connection;
}

class Gathering {
  readonly #connection: MessageStream;
  readonly #send: (bytes: Bytes) => boolean;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #flushing: NodeJS.Immediate | undefined;
  /** Bytes that the other side may send more, by stream: told with the next frame, or when they are many. */
  readonly #credit = new Map<number, number>();

  constructor(connection: MessageStream) {
    this.#connection = connection;
    this.#send = connection.send.bind(connection);
  }

  /** Whether more can be sent at once. */
  add(frame: Bytes): boolean {
    if (!this.#holds(frame)) this.#append(frame);
    if (this.#bytes >= MAX_GATHERED_BYTES) this.flush();
    else if (this.#bytes > 0) this.#flushing ??= setImmediate(() => this.flush());
    return !this.#connection.writableNeedsDrain;
  }

  /** yamux sends in a microtask, where an exception would end the daemon: what a closed connection does not take is lost with it. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#bytes === 0) return;
    for (const [stream, bytes] of this.#credit) this.#append(creditFrame(stream, bytes));
    this.#credit.clear();
    const bytes = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    try {
      this.#send(bytes);
    } catch (error) {
      queueMicrotask(() => this.#connection.abort(error as Error));
    }
  }

  #append(frame: Bytes): void {
    if (frame instanceof Uint8Array) this.#parts.push(frame);
    else this.#parts.push(...frame);
    this.#bytes += frame.byteLength;
  }

  /** Whether it is credit that can wait: less than half a window, so that the other side never stands still for want of it. */
  #holds(frame: Bytes): boolean {
    if (frame.byteLength !== HEADER_BYTES || !(frame instanceof Uint8Array)) return false;
    const header = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES);
    // With flags it opens or ends a stream.
    if (header.getUint8(1) !== WINDOW_UPDATE || header.getUint16(2) !== 0) return false;
    const stream = header.getUint32(4);
    const bytes = (this.#credit.get(stream) ?? 0) + header.getUint32(8);
    if (bytes <= MAX_HELD_CREDIT_BYTES) this.#credit.set(stream, bytes);
    else {
      this.#credit.delete(stream);
      this.#append(creditFrame(stream, bytes));
    }
    return true;
  }
}

function creditFrame(stream: number, bytes: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES);
  const header = new DataView(frame.buffer);
  header.setUint8(1, WINDOW_UPDATE);
  header.setUint32(4, stream);
  header.setUint32(8, bytes);
  return frame;
}

/** For the connection below noise: a message's length and its body are one write. */
export function encryptWhole(encrypter: ConnectionEncrypter): ConnectionEncrypter {
  const inbound = encrypter.secureInbound.bind(encrypter);
  const outbound = encrypter.secureOutbound.bind(encrypter);
  encrypter.secureInbound = (connection, options) => inbound(writeWhole(connection), options);
  encrypter.secureOutbound = (connection, options) => outbound(writeWhole(connection), options);
  return encrypter;
}

function writeWhole<Connection extends MessageStream>(connection: Connection): Connection {
  const send = connection.send.bind(connection);
  connection.send = (bytes) => send(bytes.subarray());
  return connection;
}
