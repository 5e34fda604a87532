import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { ByteQueue } from '../../../daemon/api/streaming/byte-queue.ts';
import type { ClientEvent } from '../../../daemon/api/streaming/command-client.ts';
import { CommandStreams, SpdyCommand } from '../../../daemon/api/streaming/spdy-command.ts';
import { SpdyConnection } from '../../../daemon/api/streaming/spdy-connection.ts';
import { controlFrame, dataFrame, FRAME } from '../../../daemon/api/streaming/spdy-frames.ts';
import { HeaderPacker } from '../../../daemon/api/streaming/spdy-headers.ts';
import { WebSocketCommand } from '../../../daemon/api/streaming/websocket-command.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import type { ByteStream } from '../../../daemon/ports/streams.ts';
import { CHANNEL } from '../../../protocol/streaming/channels.ts';
import { WebSocketStream } from '../../../protocol/streaming/web-socket.ts';

const MIB = 1024 * 1024;

function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

function reading(source: AsyncIterable<Uint8Array>): ByteStream {
  return { source, write: async () => undefined, end: async () => undefined, abort: () => undefined };
}

it('holds bytes that come one by one in few chunks, in order', async () => {
  const queue = new ByteQueue(() => undefined);
  const sent = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  for (const byte of sent) queue.push(Uint8Array.of(byte));
  queue.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of queue) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  expect(chunks.length).toBeLessThan(200);
});

it('holds nothing of the empty pieces of a message without end', async () => {
  let grown = 0;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    // A masked message that goes on: for the channel of sizes.
    yield Buffer.from([0x02, 0x81, 0, 0, 0, 0, CHANNEL.resize]);
    const empty = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x00, 0x80, 0, 0, 0, 0])));
    const before = heldBytes();
    for (let round = 0; round < 20; round += 1) yield empty;
    grown = heldBytes() - before;
  };
  const command = new WebSocketCommand(new WebSocketStream(reading(source())));
  for await (const _event of command.events);
  expect(grown).toBeLessThan(4 * MIB);
});

it('reads sizes of a terminal however the connection has cut them', async () => {
  const packer = new HeaderPacker();
  const streams = new CommandStreams({ stdin: false, stdout: false, stderr: false, tty: true });
  const open = (id: number, streamtype: string): Uint8Array =>
    controlFrame(FRAME.synStream, 0, id, 0, Buffer.from([0, 0]), packer.pack({ streamtype }));
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.concat([open(1, 'error'), open(3, 'resize')]);
    yield dataFrame(3, Buffer.from('{"Width":80,"Hei'), false);
    await new Promise((resolve) => setImmediate(resolve));
    yield dataFrame(3, Buffer.from('ght":24}\n{"Width":91,"Height":33}\n'), true);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const connection = new SpdyConnection(reading(source()), (stream) => streams.take(stream));
  const gone = connection.run();
  const command = new SpdyCommand(connection, await streams.all(systemClock, new AbortController().signal), gone);
  const events: ClientEvent[] = [];
  try {
    for await (const event of command.events) events.push(event);
  } catch {
    // The client has gone.
  }
  expect(events.at(-1)).toEqual({ type: 'resize', size: { columns: 91, rows: 33 } });
});

it('refuses headers that would cost much memory', async () => {
  const packer = new HeaderPacker();
  const headers = Object.fromEntries(Array.from({ length: 800 }, (_, index) => [`x${index}`, '']));
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield controlFrame(FRAME.synStream, 0, 1, 0, Buffer.from([0, 0]), packer.pack(headers));
  };
  await expect(new SpdyConnection(reading(source()), () => undefined).run()).rejects.toMatchObject({ code: 'SpdyViolation' });
});
