import type { ByteStream } from '../../ports/streams.ts';
import { STREAMING_LIMITS } from './limits.ts';
import {
  controlFrame,
  FLAG_FIN,
  FRAME,
  RST,
  SETTING_INITIAL_WINDOW,
  SpdyDecoder,
  SpdyViolation,
  wordAt,
  type SpdyFrame,
} from './spdy-frames.ts';
import { HeaderPacker, HeaderUnpacker } from './spdy-headers.ts';
import { SpdyStream } from './spdy-stream.ts';
import { SendWindows } from './spdy-windows.ts';

const STREAM_ID = 0x7fffffff;
/** Number of the window that all streams share. */
const SESSION = 0;

/**
 * The server's end of SPDY/3.1: streams that the client opens over one connection. While a stream's reader is slow the connection is not read, as there is no other
 * bound: kubectl's SPDY heeds no windows. It opens no streams itself.
 */
export class SpdyConnection {
  readonly #connection: ByteStream;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #unpacker = new HeaderUnpacker();
  readonly #packer = new HeaderPacker();
  readonly #windows = new SendWindows();
  #lastStream = 0;
  #queued = 0;
  /** Bytes taken of each stream that the client has not been told of yet. */
  readonly #credit = new Map<number, number>();
  #granting = false;
  #pings = 0;
  #roomMade: (() => void) | undefined;

  constructor(connection: ByteStream, onStream: (stream: SpdyStream) => void) {
    this.#connection = connection;
    this.#onStream = onStream;
  }

  /** Until the client ends the connection. @throws SpdyViolation, KithError `StreamClosed` */
  async run(): Promise<void> {
    const decoder = new SpdyDecoder();
    let failure = new Error('the client has ended the connection');
    try {
      for await (const chunk of this.#connection.source) for (const frame of decoder.push(chunk)) await this.#take(frame);
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      this.#unpacker.close();
      this.cut(failure);
    }
  }

  /** Ends all streams. While one's reader is slow the connection is not read, and so does not tell by itself that the client has gone. */
  cut(reason: Error): void {
    for (const stream of this.#streams.values()) stream.cut(reason);
    this.#streams.clear();
    this.#windows.close();
    this.#roomMade?.();
  }

  /** Server's pings have even numbers. */
  ping(): Promise<void> {
    this.#pings += 2;
    return this.#connection.write(controlFrame(FRAME.ping, 0, this.#pings));
  }

  /** No more streams; those that are open may go on. */
  goAway(): Promise<void> {
    return this.#connection.write(controlFrame(FRAME.goAway, 0, this.#lastStream, 0));
  }

  async #take(frame: SpdyFrame): Promise<void> {
    if (frame.type === 'data') return this.#takeData(frame.streamId, frame.bytes, frame.fin);
    const { kind, flags, payload } = frame;
    switch (kind) {
      case FRAME.synStream:
        return this.#open(payload, flags);
      case FRAME.headers:
        // Read for the sake of the state that all header blocks share.
        await this.#unpacker.unpack(payload.subarray(4));
        return this.#half(wordAt(payload, 0) & STREAM_ID, flags);
      case FRAME.rstStream:
        return this.#streams.get(wordAt(payload, 0) & STREAM_ID)?.cut(new Error('the client has reset the stream'));
      case FRAME.ping:
        // Answers to our own have even numbers.
        if ((wordAt(payload, 0) & 1) === 1) await this.#connection.write(controlFrame(FRAME.ping, 0, wordAt(payload, 0)));
        return;
      case FRAME.settings:
        return this.#takeSettings(payload);
      case FRAME.windowUpdate:
        return this.#windows.widen(wordAt(payload, 0) & STREAM_ID, wordAt(payload, 4) & STREAM_ID);
      default:
        // GOAWAY: the client opens no more streams. SYN_REPLY and unknown ones mean nothing to a server (2.2.1).
        return;
    }
  }

  async #open(payload: Uint8Array, flags: number): Promise<void> {
    const id = wordAt(payload, 0) & STREAM_ID;
    const headers = await this.#unpacker.unpack(payload.subarray(10));
    if (id % 2 === 0 || id <= this.#lastStream) throw new SpdyViolation(`a new stream of the number ${id} after ${this.#lastStream}`);
    this.#lastStream = id;
    if (this.#streams.size >= STREAMING_LIMITS.spdyStreams)
      return this.#connection.write(controlFrame(FRAME.rstStream, 0, id, RST.refused));
    const stream = new SpdyStream(id, headers, {
      connection: this.#connection,
      windows: this.#windows,
      onTaken: (bytes) => this.#taken(id, bytes),
      onClosed: () => this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    await this.#connection.write(controlFrame(FRAME.synReply, 0, id, this.#packer.pack({})));
    this.#half(id, flags);
    this.#onStream(stream);
  }

  async #takeData(id: number, bytes: Uint8Array, fin: boolean): Promise<void> {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (stream.push(bytes)) this.#queued += bytes.byteLength;
    if (fin) stream.endInput();
    while (
      this.#streams.get(id) === stream &&
      (stream.queued > STREAMING_LIMITS.streamQueueBytes || this.#queued > STREAMING_LIMITS.connectionQueueBytes)
    ) {
      await new Promise<void>((resolve) => (this.#roomMade = resolve));
    }
  }

  #half(id: number, flags: number): void {
    if ((flags & FLAG_FIN) !== 0) this.#streams.get(id)?.endInput();
  }

  /** For clients that heed windows: what was taken may be sent again. One who does not read what we send is told later, in one go. */
  #taken(id: number, bytes: number): void {
    this.#queued -= bytes;
    this.#roomMade?.();
    for (const streamId of [id, SESSION]) this.#credit.set(streamId, (this.#credit.get(streamId) ?? 0) + bytes);
    if (!this.#granting) void this.#grant();
  }

  async #grant(): Promise<void> {
    this.#granting = true;
    for (const [streamId, bytes] of this.#credit) {
      this.#credit.delete(streamId);
      if (streamId !== SESSION && !this.#streams.has(streamId)) continue;
      await this.#connection.write(controlFrame(FRAME.windowUpdate, 0, streamId, bytes)).catch(() => undefined);
    }
    this.#granting = false;
  }

  #takeSettings(payload: Uint8Array): void {
    const count = wordAt(payload, 0);
    if (payload.byteLength < 4 + count * 8) throw new SpdyViolation('settings that end too early');
    for (let index = 0; index < count; index += 1) {
      const id = wordAt(payload, 4 + index * 8) & 0xffffff;
      if (id === SETTING_INITIAL_WINDOW) this.#windows.start(wordAt(payload, 8 + index * 8) & STREAM_ID);
    }
  }
}
