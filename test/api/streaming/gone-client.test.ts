import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import { controlFrame, dataFrame, FRAME, RST } from '../../../daemon/api/streaming/spdy-frames.ts';
import { HeaderPacker } from '../../../daemon/api/streaming/spdy-headers.ts';
import type { ByteStream } from '../../../daemon/ports/streams.ts';
import { channelMessage } from '../../../protocol/streaming/channels.ts';
import { encodeFrame, OPCODE } from '../../../protocol/streaming/websocket-frames.ts';
import { apiWorld, type ApiWorld } from '../support/world.ts';

/** So much faster than in life silent clients are pinged. */
const HASTE = 300;
const clock = { ...systemClock, after: (delayMs: number, run: () => void) => systemClock.after(delayMs / HASTE, run) };
const PATH = '/api/v1/namespaces/default/pods/web/portforward?ports=80';
const PIECE = new Uint8Array(32 * 1024);
const MASK = new Uint8Array(4);

/** Takes nothing and says nothing until it is aborted. */
class DeafPod implements ByteStream {
  writes = 0;
  isAborted = false;
  readonly #over = Promise.withResolvers<never>();
  readonly source: AsyncIterable<Uint8Array>;

  constructor(signal: AbortSignal) {
    this.#over.promise.catch(() => undefined);
    this.source = { [Symbol.asyncIterator]: () => ({ next: () => this.#over.promise }) };
    signal.addEventListener('abort', () => this.abort(new Error('the client is gone')), { once: true });
  }

  write(): Promise<void> {
    this.writes += 1;
    return this.#over.promise;
  }

  async end(): Promise<void> {}

  abort(reason: Error): void {
    this.isAborted = true;
    this.#over.reject(reason);
  }
}

describe('port forwarding to a pod that takes nothing', () => {
  let world: ApiWorld;
  const pods: DeafPod[] = [];
  beforeEach(async () => {
    pods.length = 0;
    const refuse = async (): Promise<never> => Promise.reject(new Error('not asked for'));
    const open = async (_node: string, _request: unknown, signal: AbortSignal): Promise<ByteStream> => {
      pods.push(new DeafPod(signal));
      return pods.at(-1)!;
    };
    world = await apiWorld({ deps: { clock, streams: { exec: refuse, attach: refuse, connect: open } } });
    const binding = { node: 'node-1', membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at: '' } as const;
    world.set(
      'pods/default/web',
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web', namespace: 'default', uid: 'uid-web', creationTimestamp: '' },
        spec: { containers: [{ name: 'web' }] },
        kith: { binding },
      },
      { phase: 'Running' },
    );
  });
  afterEach(() => world.stop());

  const upgrade = async (method: string, headers: Record<string, string>): Promise<Socket> => {
    const socket = connect(world.path);
    socket.on('error', () => undefined);
    const lines = Object.entries({ host: 'x', connection: 'Upgrade', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`${method} ${PATH} HTTP/1.1\r\n${lines.join('')}\r\n`);
    let answer = '';
    while (!answer.includes('\r\n\r\n')) answer += String(await new Promise((resolve) => socket.once('data', resolve)));
    expect(answer).toMatch(/^HTTP\/1.1 101 /);
    socket.resume();
    return socket;
  };
  const overSpdy = async (): Promise<Socket> => {
    const packer = new HeaderPacker();
    const socket = await upgrade('POST', { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'portforward.k8s.io' });
    for (const [id, streamtype] of [
      [1, 'error'],
      [3, 'data'],
    ] as const)
      socket.write(controlFrame(FRAME.synStream, 0, id, 0, Buffer.from([0, 0]), packer.pack({ streamtype, requestid: '0', port: '80' })));
    return socket;
  };
  const overWebSocket = (): Promise<Socket> =>
    upgrade('GET', {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': 'v4.channel.k8s.io',
    });
  const fillAndGo = async (socket: Socket, frame: Uint8Array): Promise<void> => {
    await expect.poll(() => pods.length).toBe(1);
    while (socket.write(frame));
    for (let extra = 0; extra < 64; extra += 1) socket.write(frame);
    await expect.poll(() => pods[0]?.writes).toBe(1);
    socket.destroy();
    await expect.poll(() => pods[0]?.isAborted, { timeout: 5_000 }).toBe(true);
  };

  it('ends with its client over SPDY', async () => fillAndGo(await overSpdy(), dataFrame(3, PIECE, false)));

  it('ends with its client over a WebSocket', async () =>
    fillAndGo(await overWebSocket(), encodeFrame(OPCODE.binary, channelMessage(0, PIECE), MASK)));

  it('ends with its stream when the client resets that', async () => {
    const socket = await overSpdy();
    socket.write(dataFrame(3, PIECE, false));
    await expect.poll(() => pods[0]?.writes).toBe(1);
    socket.write(controlFrame(FRAME.rstStream, 0, 3, RST.cancel));
    await expect.poll(() => pods[0]?.isAborted).toBe(true);
    socket.destroy();
  });
});
