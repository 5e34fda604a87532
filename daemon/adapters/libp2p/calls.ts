import type { Stream } from '@libp2p/interface';
import { ByteReader, frame, readFrame, sendAll } from './bytes.ts';
import { CALL_CHUNK_BYTES } from './limits.ts';

/**
 * Questions and answers of one direction of a connection share a stream that stays open: opening one a question costs libp2p a negotiation of several messages, which
 * was more than most questions themselves. Each frame starts with the call's number. Long bodies travel in chunks, between which those of others pass.
 */
export const Call = {
  /** A piece of the question's body; more follow. */
  askPart: 0,
  /** One byte of length, the protocol's name, and the last piece of the question's body. */
  ask: 1,
  answerPart: 2,
  answer: 3,
  /** A text instead of an answer. */
  refusal: 4,
  /** Whoever asked no longer waits. */
  cancel: 5,
} as const;

const NUMBER_BYTES = 4;
/** A frame is its call's number, the protocol's name and a chunk. */
const MAX_FRAME_BYTES = NUMBER_BYTES + 1 + 255 + CALL_CHUNK_BYTES;

export interface CallFrame {
  type: number;
  call: number;
  body: Uint8Array;
}

/** Sends frames of calls one after the other, and takes the other side's. */
export class CallFrames {
  readonly #stream: Stream;
  readonly #reader: ByteReader;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#reader = new ByteReader(stream);
    stream.inactivityTimeout = Number.POSITIVE_INFINITY;
  }

  /**
   * Resolves when the stream takes more.
   * @throws Error when the stream is closed
   */
  send(type: number, call: number, ...pieces: readonly Uint8Array[]): Promise<void> {
    const length = pieces.reduce((sum, piece) => sum + piece.byteLength, NUMBER_BYTES);
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, call);
    let offset = NUMBER_BYTES;
    for (const piece of pieces) {
      bytes.set(piece, offset);
      offset += piece.byteLength;
    }
    const mine = this.#lastWrite.then(() => sendAll(this.#stream, frame(type, bytes)));
    this.#lastWrite = mine.catch(() => undefined);
    return mine;
  }

  /** Sends all of a body but its last chunk, and returns that one. Stops when `wanted` says no. */
  async sendParts(type: number, call: number, body: Uint8Array, wanted: () => boolean): Promise<Uint8Array> {
    let offset = 0;
    for (; body.byteLength - offset > CALL_CHUNK_BYTES && wanted(); offset += CALL_CHUNK_BYTES) {
      await this.send(type, call, body.subarray(offset, offset + CALL_CHUNK_BYTES));
    }
    return body.subarray(offset);
  }

  /** @throws Error when the stream ends or brings what is no frame of a call */
  async next(): Promise<CallFrame> {
    const { type, payload } = await readFrame(this.#reader, MAX_FRAME_BYTES);
    if (payload.byteLength < NUMBER_BYTES) throw new Error('a frame without a call');
    return {
      type,
      call: new DataView(payload.buffer, payload.byteOffset).getUint32(0),
      body: payload.subarray(NUMBER_BYTES),
    };
  }
}

/** A body that comes in pieces. */
export class Pieces {
  readonly #pieces: Uint8Array[] = [];
  byteLength = 0;

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.byteLength += piece.byteLength;
  }

  joined(): Uint8Array {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    const whole = new Uint8Array(this.byteLength);
    let offset = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, offset);
      offset += piece.byteLength;
    }
    return whole;
  }
}
