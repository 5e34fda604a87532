import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acceptKey,
  closePayload,
  encodeFrame,
  FrameDecoder,
  OPCODE,
  WebSocketViolation,
  type FrameEvent,
} from '../../../protocol/streaming/websocket-frames.ts';

const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function decode(chunks: readonly Uint8Array[], expectMask: boolean): FrameEvent[] {
  const decoder = new FrameDecoder({ expectMask });
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...[...new Set(places.map((place) => place % (bytes.length + 1)))].sort((left, right) => left - right), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

/** Whole messages and control frames out of pieces. */
function whole(events: readonly FrameEvent[]): string[] {
  const found: string[] = [];
  let open = '';
  for (const event of events) {
    if (event.type !== 'message') found.push(`${event.type} ${hex(event.bytes)}`);
    else {
      open += hex(event.bytes);
      if (event.last) {
        found.push(`message ${open}`);
        open = '';
      }
    }
  }
  return found;
}

describe('frames of a WebSocket', () => {
  it("answers the RFC's own key", () => {
    expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it("are the RFC's own bytes (5.7)", () => {
    expect(hex(encodeFrame(OPCODE.text, Buffer.from('Hello')))).toBe('810548656c6c6f');
    expect(hex(encodeFrame(OPCODE.text, Buffer.from('Hello'), MASK))).toBe('818537fa213d7f9f4d5158');
    expect(hex(encodeFrame(OPCODE.ping, Buffer.from('Hello')))).toBe('890548656c6c6f');
    expect(hex(encodeFrame(OPCODE.binary, new Uint8Array(256)).subarray(0, 4))).toBe('827e0100');
    expect(hex(encodeFrame(OPCODE.binary, new Uint8Array(65_536)).subarray(0, 10))).toBe('827f0000000000010000');
    expect(hex(closePayload(1000, 'bye'))).toBe('03e8627965');
  });

  it('come out as they went in, wherever the stream is cut', () => {
    const frame = fc.record({
      opcode: fc.constantFrom(OPCODE.binary, OPCODE.ping, OPCODE.pong),
      payload: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), fc.boolean(), (frames, places, masked) => {
        const sent = frames.map(({ opcode, payload }) => ({
          opcode,
          payload: opcode === OPCODE.binary ? payload : payload.subarray(0, 125),
        }));
        const bytes = Buffer.concat(sent.map(({ opcode, payload }) => encodeFrame(opcode, payload, masked ? MASK : undefined)));
        const names = { [OPCODE.binary]: 'message', [OPCODE.ping]: 'ping', [OPCODE.pong]: 'pong' };
        const expected = sent.map(({ opcode, payload }) => `${names[opcode]} ${hex(payload)}`);
        expect(whole(decode(cut(bytes, places), masked))).toEqual(expected);
      }),
    );
  });

  it('puts a message in fragments together, with control frames between', () => {
    const fragments = Buffer.from('010348656c' + '8900' + '80026c6f', 'hex');
    expect(whole(decode([fragments], false))).toEqual(['ping ', `message ${hex(Buffer.from('Hello'))}`]);
  });

  it('gives out a long message before it is all there', () => {
    const decoder = new FrameDecoder({ expectMask: false });
    const head = Buffer.from('827f0000000040000000', 'hex');
    expect([...decoder.push(head)]).toEqual([]);
    const piece = new Uint8Array(10);
    expect([...decoder.push(piece)]).toEqual([{ type: 'message', bytes: piece, first: true, last: false }]);
    expect([...decoder.push(piece)]).toEqual([{ type: 'message', bytes: piece, first: false, last: false }]);
  });

  it.each([
    ['unmasked of a client', '8200', true],
    ['masked of a server', '828037fa213d', false],
    ['with reserved bits', 'c200', false],
    ['of an unknown kind', '8300', false],
    ['a continuation of nothing', '8000', false],
    ['a message in a message', '02008200', false],
    ['a ping in pieces', '0900', false],
    ['a ping of 126 bytes', '897e007e', false],
    ['of 2^60 bytes', '827f1000000000000000', false],
  ])('refuses a frame %s', (_why, bytes, expectMask) => {
    expect(() => decode([Buffer.from(bytes, 'hex')], expectMask)).toThrow(WebSocketViolation);
  });

  it('survives any bytes: events or a violation, and never more held than a frame head and a control frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        try {
          decode(chunks, true);
        } catch (error) {
          expect(error).toBeInstanceOf(WebSocketViolation);
        }
      }),
      { numRuns: 500 },
    );
  });
});
