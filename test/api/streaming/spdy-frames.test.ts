import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  controlFrame,
  dataFrame,
  FRAME,
  SpdyDecoder,
  SpdyViolation,
  wordAt,
  type SpdyFrame,
} from '../../../daemon/api/streaming/spdy-frames.ts';
import { STREAMING_LIMITS } from '../../../daemon/api/streaming/limits.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function decode(chunks: readonly Uint8Array[]): SpdyFrame[] {
  const decoder = new SpdyDecoder();
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...[...new Set(places.map((place) => place % (bytes.length + 1)))].sort((left, right) => left - right), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

/** Frames as text, DATA frames of one stream put together. */
function texts(frames: readonly SpdyFrame[]): string[] {
  const found: string[] = [];
  for (const frame of frames) {
    if (frame.type === 'control') found.push(`control ${frame.kind} ${frame.flags} ${hex(frame.payload)}`);
    else found.push(`data ${frame.streamId} ${hex(frame.bytes)}${frame.fin ? ' fin' : ''}`);
  }
  return found;
}

describe('frames of SPDY/3.1', () => {
  it('are these bytes', () => {
    expect(hex(controlFrame(FRAME.ping, 0, 1))).toBe('800300060000000400000001');
    expect(hex(controlFrame(FRAME.rstStream, 0, 5, 3))).toBe('80030003000000080000000500000003');
    expect(hex(controlFrame(FRAME.goAway, 0, 7, 0))).toBe('80030007000000080000000700000000');
    expect(hex(controlFrame(FRAME.windowUpdate, 0, 0, 65_536))).toBe('80030009000000080000000000010000');
    expect(hex(controlFrame(FRAME.synReply, 1, 9, Uint8Array.of(0xaa)))).toBe('800300020100000500000009aa');
    expect(hex(dataFrame(3, Buffer.from('hi'), false))).toBe('00000003000000026869');
    expect(hex(dataFrame(3, new Uint8Array(0), true))).toBe('0000000301000000');
  });

  it('come out as they went in, wherever the stream is cut', () => {
    const control = fc.tuple(fc.constantFrom(...Object.values(FRAME)), fc.nat(255), fc.uint8Array({ maxLength: 64 }));
    const data = fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.boolean(), fc.uint8Array({ maxLength: 64 }));
    const frame = fc.oneof(
      control.map(([kind, flags, payload]) => ({
        bytes: controlFrame(kind, flags, payload),
        text: `control ${kind} ${flags} ${hex(payload)}`,
      })),
      data.map(([id, fin, bytes]) => ({ bytes: dataFrame(id, bytes, fin), text: `data ${id} ${hex(bytes)}${fin ? ' fin' : ''}` })),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 10 }), fc.array(fc.nat(), { maxLength: 12 }), (frames, places) => {
        const whole = Buffer.concat(frames.map(({ bytes }) => bytes));
        expect(texts(decode([whole]))).toEqual(frames.map(({ text }) => text));
        // A DATA frame may come in pieces: its bytes and its end are what counts.
        expect(joined(decode(cut(whole, places)))).toEqual(joined(decode([whole])));
      }),
    );
  });

  it('refuses another version, and a control frame that is too long, before it is there', () => {
    expect(() => decode([Buffer.from('8002000600000004', 'hex')])).toThrow(SpdyViolation);
    const length = STREAMING_LIMITS.spdyControlBytes + 1;
    expect(() => decode([Buffer.from(`80030001${length.toString(16).padStart(8, '0')}`, 'hex')])).toThrow(/control frame of/);
    expect(() => wordAt(Uint8Array.of(1, 2, 3), 0)).toThrow(SpdyViolation);
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        try {
          decode(chunks);
        } catch (error) {
          expect(error).toBeInstanceOf(SpdyViolation);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** Bytes of each stream, where its end was said, and control frames in their order. */
function joined(frames: readonly SpdyFrame[]): unknown {
  const data = new Map<number, string>();
  const control: string[] = [];
  for (const frame of frames) {
    if (frame.type === 'control') control.push(`${frame.kind} ${frame.flags} ${hex(frame.payload)}`);
    else data.set(frame.streamId, `${data.get(frame.streamId) ?? ''}${hex(frame.bytes)}${frame.fin ? '.' : ''}`);
  }
  return { control, data: [...data] };
}
