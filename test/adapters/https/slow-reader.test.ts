import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type * as limits from '../../../daemon/adapters/https/limits.ts';
import { UnixServer } from '../../../daemon/adapters/https/unix-server.ts';
import type { HttpResponse } from '../../../daemon/ports/http.ts';
import { silentLog } from '../../support/silent-log.ts';
import { waitFor } from '../../support/wait.ts';

vi.mock('../../../daemon/adapters/https/limits.ts', async (original) => {
  const { HTTP_LIMITS } = await original<typeof limits>();
  return { HTTP_LIMITS: { ...HTTP_LIMITS, stalledWriteMs: 500 } };
});

let folder: string;
let server: UnixServer;
let signal: AbortSignal | undefined;
let answer: HttpResponse;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kith-slow-'));
  signal = undefined;
  const handler = async (request: { signal: AbortSignal }): Promise<HttpResponse> => ((signal = request.signal), answer);
  server = new UnixServer({ handler, log: silentLog }, { path: join(folder, 'kith.sock') });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const BYTES = 16 * 1024 * 1024;

it('cuts off who takes nothing of a long answer: it would be held in memory for as long as the client likes', async () => {
  answer = { status: 200, headers: {}, body: 'x'.repeat(BYTES) };
  const socket = connect(join(folder, 'kith.sock'));
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  socket.pause();
  await waitFor('the answer is given up', async () => signal?.aborted === true);
  socket.destroy();
});

it('gives a long answer whole to who takes it slowly, and the next one after it on the same connection', async () => {
  answer = { status: 200, headers: {}, body: Buffer.alloc(BYTES, 'é') };
  const socket = connect(join(folder, 'kith.sock'));
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let size = 0;
  let pauses = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > pauses * 8 * 1024 * 1024 && (pauses += 1)) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(size).toBeGreaterThan(2 * BYTES);
  expect(size).toBeLessThan(2 * BYTES + 1_000);
});
