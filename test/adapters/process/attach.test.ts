import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, it } from 'vitest';
import { attachTo } from '../../../daemon/adapters/process/attach.ts';
import { CONSOLE_SOCKET } from '../../../daemon/adapters/process/console-frames.ts';
import { waitFor } from '../../support/wait.ts';

let folder: string;
let console: Server;
let clients = 0;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-attach-'));
  console = createServer((client) => {
    clients += 1;
    client.once('close', () => (clients -= 1)).resume();
  });
  await new Promise<void>((resolve) => console.listen(path.join(folder, CONSOLE_SOCKET), resolve));
});
afterEach(async () => {
  console.close();
  await rm(folder, { recursive: true, force: true });
});

it('leaves the console also when its client goes while it connects: the program waits for who is connected and reads nothing', async () => {
  const client = new AbortController();
  const request = { podUid: 'u', container: 'main', stdin: true };
  const attached = attachTo(
    folder,
    true,
    request,
    () => {
      throw new Error('there is a console');
    },
    client.signal,
  );
  client.abort();
  await attached.catch(() => undefined);
  await waitFor('nobody is connected', () => clients === 0);
});
