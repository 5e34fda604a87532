import type { ConnectionEncrypter, MessageStream, MultiaddrConnection } from '@libp2p/interface';
import { describe, expect, it, vi } from 'vitest';
import { encryptWhole, gatherFrames } from '../../../daemon/adapters/libp2p/gathering.ts';
import { MAX_GATHERED_BYTES, MAX_HELD_CREDIT_BYTES, STREAM_WINDOW_BYTES } from '../../../daemon/adapters/libp2p/limits.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const SYN = 1;
const creditOf = (stream: number, bytes: number, flags = 0): Uint8Array => {
  const frame = Buffer.alloc(12);
  frame[1] = 1;
  frame.writeUInt16BE(flags, 2);
  frame.writeUInt32BE(stream, 4);
  frame.writeUInt32BE(bytes, 8);
  return frame;
};
const dataOf = (text: string): Uint8Array => Buffer.from(text);

function fakeConnection() {
  const sent: Buffer[] = [];
  const events: string[] = [];
  const connection = {
    writableNeedsDrain: false,
    send: (bytes: Uint8Array) => {
      sent.push(Buffer.from(bytes));
      events.push('sent');
      return true;
    },
    close: async () => void events.push('closed'),
    abort: vi.fn(),
  };
  return { connection, stream: gatherFrames(connection as unknown as MessageStream), sent, events };
}

describe('what is sent over a connection', () => {
  it('leaves together at the end of the turn, in order', async () => {
    const { stream, sent } = fakeConnection();
    stream.send(dataOf('one '));
    stream.send(dataOf('two'));
    expect(sent).toEqual([]);
    await turn();
    expect(sent.map(String)).toEqual(['one two']);
  });

  it('leaves at once when it is much', () => {
    const { stream, sent } = fakeConnection();
    stream.send(new Uint8Array(MAX_GATHERED_BYTES));
    expect(sent).toHaveLength(1);
  });

  it('tells of credit with the next frame, all of a stream at once', async () => {
    const { stream, sent } = fakeConnection();
    stream.send(creditOf(7, 100));
    stream.send(creditOf(7, 50));
    stream.send(creditOf(9, 1));
    await turn();
    expect(sent).toEqual([]);
    stream.send(dataOf('data'));
    await turn();
    expect(sent).toEqual([Buffer.concat([dataOf('data'), creditOf(7, 150), creditOf(9, 1)])]);
    stream.send(dataOf('more'));
    await turn();
    expect(sent.map(String)[1]).toBe('more');
  });

  it('tells of credit without waiting before the sender lacks it', async () => {
    expect(MAX_HELD_CREDIT_BYTES).toBeLessThan(STREAM_WINDOW_BYTES);
    const { stream, sent } = fakeConnection();
    stream.send(creditOf(7, MAX_HELD_CREDIT_BYTES));
    await turn();
    expect(sent).toEqual([]);
    stream.send(creditOf(7, 1));
    await turn();
    expect(sent).toEqual([creditOf(7, MAX_HELD_CREDIT_BYTES + 1)]);
  });

  it('opens and ends streams without waiting', async () => {
    const { stream, sent } = fakeConnection();
    stream.send(creditOf(7, 0, SYN));
    await turn();
    expect(sent).toEqual([creditOf(7, 0, SYN)]);
  });

  it('is sent before the connection closes', async () => {
    const { stream, events } = fakeConnection();
    stream.send(dataOf('farewell'));
    await stream.close();
    expect(events).toEqual(['sent', 'closed']);
  });

  it('is told to wait while the connection is full', () => {
    const { connection, stream } = fakeConnection();
    expect(stream.send(dataOf('a'))).toBe(true);
    connection.writableNeedsDrain = true;
    expect(stream.send(dataOf('b'))).toBe(false);
  });

  it('is dropped when the connection is closed, which is aborted, instead of an exception that nobody catches', async () => {
    const { connection, stream } = fakeConnection();
    connection.send = () => {
      throw new Error('Cannot write to a stream that is closed');
    };
    const closed = gatherFrames(connection as unknown as MessageStream);
    closed.send(dataOf('late'));
    await turn();
    await Promise.resolve();
    expect(connection.abort).toHaveBeenCalledOnce();
    expect(stream).toBe(closed);
  });

  it('is written in one piece, whatever noise makes of it', async () => {
    const written: unknown[] = [];
    const raw = { send: (bytes: unknown) => written.push(bytes) > 0 } as unknown as MultiaddrConnection;
    const secure = async (connection: MessageStream) => {
      connection.send({ subarray: () => dataOf('length and body') } as never);
      return undefined as never;
    };
    const encrypter = encryptWhole({ secureInbound: secure, secureOutbound: secure } as unknown as ConnectionEncrypter);
    await encrypter.secureInbound(raw);
    expect(written).toEqual([dataOf('length and body')]);
  });
});
