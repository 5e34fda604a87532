import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sharesNetwork } from '../../daemon/app/kernel.ts';
import { waitFor } from '../support/wait.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-kernel-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('an engine shares our network where its socket is in it, and is taken to while it is away', async () => {
  const socket = path.join(folder, 'docker.sock');
  expect(await sharesNetwork(`unix://${socket}`)).toBe(true);
  const engine = createServer();
  await new Promise<void>((resolve) => engine.listen(socket, resolve));
  expect(await sharesNetwork(`unix://${socket}`)).toBe(true);
  await new Promise((resolve) => engine.close(resolve));
  expect(await sharesNetwork('tcp://127.0.0.1:2375')).toBe(false);
});

it.skipIf(process.getuid?.() !== 0)('an engine that listens in another network does not', async () => {
  const socket = path.join(folder, 'docker.sock');
  const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('listens'))`;
  const engine = spawn('unshare', ['--net', process.execPath, '-e', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let listens = false;
  engine.stdout.once('data', () => (listens = true));
  try {
    await waitFor('it listens', () => listens);
    expect(await sharesNetwork(`unix://${socket}`)).toBe(false);
  } finally {
    engine.kill();
  }
});
