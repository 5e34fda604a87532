import { expect, it } from 'vitest';
import { STREAMING_LIMITS } from '../../../daemon/api/streaming/limits.ts';
import { SpdyConnection } from '../../../daemon/api/streaming/spdy-connection.ts';
import {
  controlFrame,
  dataFrame,
  FRAME,
  SETTING_INITIAL_WINDOW,
  SpdyDecoder,
  type SpdyFrame,
} from '../../../daemon/api/streaming/spdy-frames.ts';
import { HeaderPacker } from '../../../daemon/api/streaming/spdy-headers.ts';
import type { SpdyStream } from '../../../daemon/api/streaming/spdy-stream.ts';

const KIB = 1024;

/** A client of our own: what it sends is read when the connection asks for it, what it gets is decoded. */
function client() {
  const packer = new HeaderPacker();
  const waiting: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  let ended = false;
  let taken = 0;
  const got: SpdyFrame[] = [];
  const decoder = new SpdyDecoder();
  const streams: SpdyStream[] = [];
  const connection = new SpdyConnection(
    {
      source: (async function* () {
        for (;;) {
          const next = waiting.shift();
          if (next !== undefined) {
            taken += next.byteLength;
            yield next;
          } else if (ended) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      })(),
      write: async (chunk) => void got.push(...decoder.push(chunk)),
      end: async () => undefined,
      abort: () => undefined,
    },
    (stream) => streams.push(stream),
  );
  const send = (...frames: Uint8Array[]): void => {
    waiting.push(...frames);
    wake();
  };
  return {
    streams,
    got,
    send,
    open: (id: number, headers: Record<string, string>) =>
      send(controlFrame(FRAME.synStream, 0, id, 0, Buffer.from([0, 0]), packer.pack(headers))),
    end: () => {
      ended = true;
      wake();
    },
    taken: () => taken,
    sentOf: (id: number) =>
      got.reduce((sum, frame) => sum + (frame.type === 'data' && frame.streamId === id ? frame.bytes.byteLength : 0), 0),
    kinds: () => got.flatMap((frame) => (frame.type === 'control' ? [frame.kind] : [])),
    running: connection.run(),
  };
}

it('opens streams with their headers, answers pings, and passes bytes and ends both ways', async () => {
  const one = client();
  one.open(1, { streamtype: 'data', port: '80' });
  one.send(controlFrame(FRAME.ping, 0, 1), dataFrame(1, Buffer.from('question'), true));
  await expect.poll(() => one.streams.length).toBe(1);
  const stream = one.streams[0]!;
  expect(Object.fromEntries(stream.headers)).toEqual({ streamtype: 'data', port: '80' });
  const read: string[] = [];
  for await (const bytes of stream.source) read.push(Buffer.from(bytes).toString());
  expect(read.join('')).toBe('question');
  await stream.write(Buffer.from('answer'));
  await stream.end();
  expect(one.kinds()).toEqual(expect.arrayContaining([FRAME.synReply, FRAME.ping]));
  expect(one.got.filter((frame) => frame.type === 'data').map(({ bytes, fin }) => [Buffer.from(bytes).toString(), fin])).toEqual([
    ['answer', false],
    ['', true],
  ]);
  one.end();
  await one.running;
});

it('does not read on while the reader of a stream is slow, and reads on when it has read', async () => {
  const one = client();
  one.open(1, {});
  const piece = dataFrame(1, new Uint8Array(32 * KIB), false);
  one.send(...Array.from({ length: 64 }, () => piece));
  await expect.poll(() => one.taken()).toBeGreaterThan(STREAMING_LIMITS.streamQueueBytes);
  await new Promise((resolve) => setImmediate(resolve));
  expect(one.taken()).toBeLessThan(STREAMING_LIMITS.streamQueueBytes + 4 * piece.byteLength);
  let bytes = 0;
  one.send(dataFrame(1, new Uint8Array(0), true));
  for await (const chunk of one.streams[0]!.source) bytes += chunk.byteLength;
  expect(bytes).toBe(64 * 32 * KIB);
  expect(one.kinds()).toContain(FRAME.windowUpdate);
  one.end();
  await one.running;
});

it('heeds the windows of a client that has some, and of no other', async () => {
  const plain = client();
  plain.open(1, {});
  await expect.poll(() => plain.streams.length).toBe(1);
  await plain.streams[0]!.write(new Uint8Array(300 * KIB));
  expect(plain.sentOf(1)).toBe(300 * KIB);
  plain.end();
  await plain.running;

  const careful = client();
  careful.send(controlFrame(FRAME.settings, 0, 1, SETTING_INITIAL_WINDOW, 10 * KIB));
  careful.open(1, {});
  await expect.poll(() => careful.streams.length).toBe(1);
  const writing = careful.streams[0]!.write(new Uint8Array(100 * KIB));
  await expect.poll(() => careful.sentOf(1)).toBe(10 * KIB);
  careful.send(controlFrame(FRAME.windowUpdate, 0, 1, 90 * KIB));
  await expect.poll(() => careful.sentOf(1)).toBe(64 * KIB);
  careful.send(controlFrame(FRAME.windowUpdate, 0, 0, 64 * KIB));
  await writing;
  expect(careful.sentOf(1)).toBe(100 * KIB);
  careful.end();
  await careful.running;
});

it('refuses more streams than it holds, and numbers that go back', async () => {
  const many = client();
  for (let id = 1; id <= 2 * STREAMING_LIMITS.spdyStreams + 1; id += 2) many.open(id, {});
  await expect.poll(() => many.kinds().includes(FRAME.rstStream)).toBe(true);
  expect(many.streams).toHaveLength(STREAMING_LIMITS.spdyStreams);
  const refused = expect(many.running).rejects.toMatchObject({ code: 'SpdyViolation' });
  many.open(1, {});
  await refused;
});

it('tells the readers of all streams when the client breaks off or resets one', async () => {
  const one = client();
  one.open(1, {});
  one.open(3, {});
  one.send(controlFrame(FRAME.rstStream, 0, 1, 5));
  await expect.poll(() => one.streams.length).toBe(2);
  await expect(one.streams[0]!.source[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'StreamClosed' });
  await expect(one.streams[0]!.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'StreamClosed' });
  one.end();
  await one.running.catch(() => undefined);
  await expect(one.streams[1]!.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'StreamClosed' });
});
