import { createHash } from 'node:crypto';
import { KithError } from '../errors.ts';

/** Frames of RFC 6455, chapter 5. No extensions. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Status codes of RFC 6455, 7.4.1. */
export const CLOSE = { normal: 1000, goingAway: 1001, protocolError: 1002, policy: 1008, tooBig: 1009, internal: 1011 } as const;

const FIN = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
const MAX_CONTROL_BYTES = 125;
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`. */
export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
}

/** @param mask 4 random bytes for what a client sends; a server masks nothing. */
export function encodeFrame(opcode: number, payload: Uint8Array, mask?: Uint8Array): Uint8Array {
  const { byteLength } = payload;
  const lengthBytes = byteLength <= MAX_CONTROL_BYTES ? 0 : byteLength <= 0xffff ? 2 : 8;
  const head = 2 + lengthBytes;
  const frame = new Uint8Array(head + (mask === undefined ? 0 : MASK_BYTES) + byteLength);
  const view = new DataView(frame.buffer);
  frame[0] = FIN | opcode;
  frame[1] = (mask === undefined ? 0 : MASKED) | (lengthBytes === 0 ? byteLength : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, byteLength);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(byteLength));
  if (mask === undefined) {
    frame.set(payload, head);
    return frame;
  }
  frame.set(mask.subarray(0, MASK_BYTES), head);
  const body = frame.subarray(head + MASK_BYTES);
  body.set(payload);
  applyMask(body, mask, 0);
  return frame;
}

export function closePayload(code: number, reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason).subarray(0, MAX_CONTROL_BYTES - 2);
  const payload = new Uint8Array(2 + text.byteLength);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(text, 2);
  return payload;
}

/** What a peer breaks of RFC 6455; `closeCode` is to be told to it. */
export class WebSocketViolation extends KithError<'WebSocketViolation'> {
  readonly closeCode: number;

  constructor(message: string, closeCode: number = CLOSE.protocolError) {
    super('WebSocketViolation', message);
    this.closeCode = closeCode;
  }
}

export type FrameEvent =
  /** A piece of a message: pieces come as they arrive, so that the length of a message needs no bound. */
  { type: 'message'; bytes: Uint8Array; first: boolean; last: boolean } | { type: 'ping' | 'pong' | 'close'; bytes: Uint8Array };

interface Head {
  opcode: number;
  fin: boolean;
  mask: Uint8Array | undefined;
  length: number;
}

/** Cuts a stream of bytes into frames. Holds at most the head of a frame or a control frame. */
export class FrameDecoder {
  readonly #expectMask: boolean;
  #held: Uint8Array = new Uint8Array(0);
  #head: Head | undefined;
  #taken = 0;
  #inMessage = false;

  /** @param options.expectMask true on a server: clients mask, servers do not (5.1). */
  constructor(options: { expectMask: boolean }) {
    this.#expectMask = options.expectMask;
  }

  /** @throws WebSocketViolation */
  *push(chunk: Uint8Array): Generator<FrameEvent> {
    let rest = this.#held.byteLength === 0 ? chunk : concat(this.#held, chunk);
    this.#held = new Uint8Array(0);
    for (;;) {
      if (this.#head === undefined) {
        const read = this.#readHead(rest);
        if (read === undefined) break;
        rest = rest.subarray(read);
      }
      const head = this.#head!;
      const wanted = head.length - this.#taken;
      if (head.opcode >= OPCODE.close && rest.byteLength < wanted) break;
      if (rest.byteLength === 0 && wanted > 0) break;
      const bytes = rest.slice(0, wanted);
      rest = rest.subarray(bytes.byteLength);
      if (head.mask !== undefined) applyMask(bytes, head.mask, this.#taken);
      yield this.#event(head, bytes);
    }
    this.#held = rest.slice();
  }

  #event(head: Head, bytes: Uint8Array): FrameEvent {
    const started = this.#taken === 0;
    this.#taken += bytes.byteLength;
    const ended = this.#taken === head.length;
    if (ended) this.#head = undefined;
    if (head.opcode === OPCODE.ping) return { type: 'ping', bytes };
    if (head.opcode === OPCODE.pong) return { type: 'pong', bytes };
    if (head.opcode === OPCODE.close) return { type: 'close', bytes };
    return { type: 'message', bytes, first: started && head.opcode !== OPCODE.continuation, last: ended && head.fin };
  }

  /** @returns how many bytes the head took; undefined while they are not all there */
  #readHead(bytes: Uint8Array): number | undefined {
    const [first, second] = bytes;
    if (first === undefined || second === undefined) return undefined;
    const [opcode, fin, masked, short] = [first & 0x0f, (first & FIN) !== 0, (second & MASKED) !== 0, second & 0x7f];
    this.#check(first, opcode, fin, masked, short);
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const size = 2 + lengthBytes + (masked ? MASK_BYTES : 0);
    if (bytes.byteLength < size) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
    if (!Number.isSafeInteger(length)) throw new WebSocketViolation('a frame of more than 2^53 bytes', CLOSE.tooBig);
    const mask = masked ? bytes.slice(2 + lengthBytes, size) : undefined;
    this.#head = { opcode, fin, mask, length };
    this.#taken = 0;
    if (opcode < OPCODE.close) this.#inMessage = !fin;
    return size;
  }

  #check(first: number, opcode: number, fin: boolean, masked: boolean, short: number): void {
    if ((first & 0x70) !== 0) throw new WebSocketViolation('a frame with reserved bits, and no extension was agreed on');
    if (masked !== this.#expectMask) throw new WebSocketViolation(masked ? 'a masked frame of a server' : 'an unmasked frame of a client');
    if (opcode >= OPCODE.close) {
      if (opcode > OPCODE.pong) throw new WebSocketViolation(`a frame of the unknown kind ${opcode}`);
      if (!fin || short > MAX_CONTROL_BYTES) throw new WebSocketViolation('a control frame in pieces or of more than 125 bytes');
      return;
    }
    if (opcode > OPCODE.binary) throw new WebSocketViolation(`a frame of the unknown kind ${opcode}`);
    if ((opcode === OPCODE.continuation) !== this.#inMessage) throw new WebSocketViolation('messages that run into each other');
  }
}

function applyMask(bytes: Uint8Array, mask: Uint8Array, offset: number): void {
  for (let index = 0; index < bytes.byteLength; index += 1) bytes[index] = bytes[index]! ^ mask[(offset + index) & 3]!;
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = new Uint8Array(left.byteLength + right.byteLength);
  joined.set(left);
  joined.set(right, left.byteLength);
  return joined;
}
