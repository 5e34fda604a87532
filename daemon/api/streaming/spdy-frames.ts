import { KithError } from '../../../protocol/errors.ts';
import { STREAMING_LIMITS } from './limits.ts';

/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.2 and 2.6; 3.1 adds a window for the whole session). */
export const FRAME = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const;
export const FLAG_FIN = 0x01;
/** RST_STREAM, 2.6.3. */
export const RST = { protocolError: 1, invalidStream: 2, refused: 3, cancel: 5, internal: 6 } as const;
/** SETTINGS, 2.6.4. */
export const SETTING_INITIAL_WINDOW = 7;

const VERSION = 3;
const CONTROL = 0x8000;
const HEAD_BYTES = 8;

/** What a client breaks of the protocol: the connection can not go on. */
export class SpdyViolation extends KithError<'SpdyViolation'> {
  constructor(message: string) {
    super('SpdyViolation', `the client sent ${message}`);
  }
}

export type SpdyFrame =
  | { type: 'control'; kind: number; flags: number; payload: Uint8Array }
  /** A piece of a DATA frame: pieces come as they arrive. */
  | { type: 'data'; streamId: number; bytes: Uint8Array; fin: boolean };

/** Cuts a stream of bytes into frames. Holds at most one control frame. */
export class SpdyDecoder {
  #held: Uint8Array = new Uint8Array(0);
  /** The DATA frame under way: its stream, what is left of it, and its flags. */
  #data: { streamId: number; left: number; flags: number } | undefined;

  /** @throws SpdyViolation */
  *push(chunk: Uint8Array): Generator<SpdyFrame> {
    let rest = this.#held.byteLength === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = new Uint8Array(0);
    for (;;) {
      if (this.#data !== undefined) {
        if (rest.byteLength === 0 && this.#data.left > 0) break;
        const bytes = rest.slice(0, this.#data.left);
        rest = rest.subarray(bytes.byteLength);
        yield this.#piece(this.#data, bytes);
        continue;
      }
      if (rest.byteLength < HEAD_BYTES) break;
      const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      const [first, flags, length] = [view.getUint16(0), view.getUint8(4), view.getUint32(4) & 0xffffff];
      if ((first & CONTROL) === 0) {
        this.#data = { streamId: view.getUint32(0), left: length, flags };
        rest = rest.subarray(HEAD_BYTES);
        continue;
      }
      if ((first & ~CONTROL) !== VERSION) throw new SpdyViolation(`a frame of SPDY/${first & ~CONTROL}, and SPDY/3.1 is spoken here`);
      if (length > STREAMING_LIMITS.spdyControlBytes) throw new SpdyViolation(`a control frame of ${length} bytes`);
      if (rest.byteLength < HEAD_BYTES + length) break;
      yield { type: 'control', kind: view.getUint16(2), flags, payload: rest.slice(HEAD_BYTES, HEAD_BYTES + length) };
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#held = rest.slice();
  }

  #piece(data: { streamId: number; left: number; flags: number }, bytes: Uint8Array): SpdyFrame {
    data.left -= bytes.byteLength;
    if (data.left === 0) this.#data = undefined;
    return { type: 'data', streamId: data.streamId, bytes, fin: data.left === 0 && (data.flags & FLAG_FIN) !== 0 };
  }
}

export function controlFrame(kind: number, flags: number, ...parts: readonly (number | Uint8Array)[]): Uint8Array {
  const pieces = parts.map((part) => (typeof part === 'number' ? word(part) : part));
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt16BE(CONTROL | VERSION, 0);
  head.writeUInt16BE(kind, 2);
  head.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
  return Buffer.concat([head, ...pieces]);
}

export function dataFrame(streamId: number, bytes: Uint8Array, fin: boolean): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE((((fin ? FLAG_FIN : 0) << 24) | bytes.byteLength) >>> 0, 4);
  return Buffer.concat([head, bytes]);
}

/** A field of 32 bits. @throws SpdyViolation when the frame is too short for it */
export function wordAt(payload: Uint8Array, offset: number): number {
  if (payload.byteLength < offset + 4) throw new SpdyViolation('a control frame that is too short');
  return new DataView(payload.buffer, payload.byteOffset).getUint32(offset);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
