import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiClient } from '../../cli/client.ts';
import { processKeyboard } from '../../cli/process-terminal.ts';

const TIMEOUT_MS = 300;

let folder: string;
let socket: string;
const mute = net.createServer(() => undefined);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-client-'));
  socket = path.join(folder, 'mute.sock');
  await new Promise<void>((resolve) => mute.listen(socket, resolve));
});

afterAll(async () => {
  mute.close();
  await rm(folder, { recursive: true, force: true });
});

function clientOf(signal: AbortSignal, timeoutMs: number): ApiClient {
  return new ApiClient({ type: 'socket', path: socket }, () => undefined, signal, timeoutMs);
}

/** What nothing but a request under way holds is collected. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

it('gives a daemon up that takes the request and says nothing, also when memory was collected meanwhile', async () => {
  const asked = clientOf(new AbortController().signal, TIMEOUT_MS).call({ path: '/api' });
  const upgraded = clientOf(new AbortController().signal, TIMEOUT_MS).upgrade(
    '/x',
    new URLSearchParams(),
    [],
    new AbortController().signal,
  );
  const refused = [asked, upgraded].map(async (request) => expect(request).rejects.toThrow(`did not answer within ${TIMEOUT_MS / 1000} s`));
  await pause(TIMEOUT_MS / 5);
  collect();
  await Promise.all(refused);
});

it('ends what it waits for when it is told to stop', async () => {
  const stop = new AbortController();
  const asked = clientOf(stop.signal, 60_000).call({ path: '/api' });
  const refused = expect(asked).rejects.toThrow(/abort/i);
  await pause(20);
  stop.abort();
  await refused;
});

it('still asks for what tidies up after that', async () => {
  const tidying = clientOf(AbortSignal.abort(), TIMEOUT_MS).call({ method: 'DELETE', path: '/api', evenIfStopped: true });
  await expect(tidying).rejects.toThrow('did not answer within');
});

it('knows whether there is a terminal, and not only where there is one', () => {
  expect(typeof processKeyboard.isTerminal).toBe('boolean');
});
