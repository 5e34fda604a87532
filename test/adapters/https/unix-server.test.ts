import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnixServer } from '../../../daemon/adapters/https/unix-server.ts';
import type { HttpHandler } from '../../../daemon/ports/http.ts';
import { call, openStream, silentLog } from '../../api/support/world.ts';

let folder: string;
const servers: UnixServer[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kith-unix-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const hello: HttpHandler = async (request) => ({ status: 200, headers: {}, body: request.connection.credential.type });

async function serve(path: string, handler: HttpHandler = hello): Promise<UnixServer> {
  const server = new UnixServer({ handler, log: silentLog }, { path });
  await server.start();
  servers.push(server);
  return server;
}

describe('UnixServer', () => {
  it('makes a socket that only its owner may open, in a folder of its own', async () => {
    const path = join(folder, 'run', 'kith.sock');
    await serve(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700);
    expect((await call(path, 'GET', '/')).text).toBe('socket');
  });

  it('refuses a path that would be cut', async () => {
    await expect(serve(join(folder, 'x'.repeat(100)))).rejects.toMatchObject({
      code: 'SocketPathTooLong',
      message: expect.stringContaining('--socket') as string,
    });
  });

  it('refuses a socket that another daemon answers on, and leaves it alone', async () => {
    const path = join(folder, 'kith.sock');
    await serve(path);
    await expect(serve(path)).rejects.toMatchObject({ code: 'SocketInUse' });
    expect((await call(path, 'GET', '/')).status).toBe(200);
  });

  it('takes the place of a daemon that was killed', async () => {
    const path = join(folder, 'kith.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const killed = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => killed.stdout.once('data', resolve));
    killed.kill('SIGKILL');
    await new Promise((resolve) => killed.once('exit', resolve));
    expect((await stat(path)).isSocket()).toBe(true);
    await serve(path);
    expect((await call(path, 'GET', '/')).status).toBe(200);
  });

  it('leaves a file that is no socket alone', async () => {
    const path = join(folder, 'kith.sock');
    await writeFile(path, 'mine');
    await expect(serve(path)).rejects.toMatchObject({ code: 'SocketInUse' });
    expect((await stat(path)).size).toBe(4);
  });

  it('removes its socket on stop', async () => {
    const path = join(folder, 'kith.sock');
    const server = await serve(path);
    await server.stop();
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('tells the handler when the client goes, and ends its stream', async () => {
    const path = join(folder, 'kith.sock');
    const ended = Promise.withResolvers<string>();
    await serve(path, async (request) => ({
      status: 200,
      headers: {},
      body: (async function* () {
        try {
          yield 'line\n';
          await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
        } finally {
          ended.resolve('ended');
        }
      })(),
    }));
    const stream = await openStream(path, '/');
    await stream.lines.next();
    stream.close();
    expect(await ended.promise).toBe('ended');
  });

  it('makes no more of a stream than its reader takes', async () => {
    const path = join(folder, 'kith.sock');
    let made = 0;
    await serve(path, async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        for (; made < 1000; made++) yield `${'x'.repeat(64 * 1024)}\n`;
      })(),
    }));
    const socket = connect(path);
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    socket.pause();
    // The server stalls once the kernel's and Node's buffers are full: then nothing more is made.
    let before = -1;
    while (before !== made || made === 0) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(made).toBeLessThan(100);
    socket.destroy();
  });

  it('cuts the connection when a stream fails, so that nobody takes the part for the whole', async () => {
    const path = join(folder, 'kith.sock');
    await serve(path, async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield 'part';
        throw new Error('the other end is gone');
      })(),
    }));
    await expect(call(path, 'GET', '/')).rejects.toThrow(/aborted/);
  });

  it('refuses URLs and headers beyond the limits', async () => {
    const path = join(folder, 'kith.sock');
    await serve(path);
    expect((await call(path, 'GET', `/${'x'.repeat(20_000)}`)).status).toBe(414);
    expect((await call(path, 'GET', '/', undefined, { huge: 'x'.repeat(40_000) })).status).toBe(431);
  });

  it('does not wait for a stream that will not end', async () => {
    const path = join(folder, 'kith.sock');
    const server = await serve(path, async () => ({
      status: 200,
      headers: {},
      body: (async function* () {
        yield 'line\n';
        await new Promise(() => undefined);
      })(),
    }));
    const stream = await openStream(path, '/');
    await stream.lines.next();
    const ended = stream.lines.next();
    ended.catch(() => undefined);
    await server.stop();
    await expect(ended).rejects.toThrow();
  });

  it('cuts off a client that keeps its connection after its upgrade was refused', async () => {
    const path = join(folder, 'kith.sock');
    await serve(path, async () => ({ status: 401, headers: {}, body: 'who are you?' }));
    const client = connect({ path, allowHalfOpen: true });
    const broken = new Promise((resolve) => client.once('error', resolve));
    client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    let answer = '';
    for await (const chunk of client.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) answer += chunk.toString();
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    const writing = setInterval(() => client.write('still here'), 100);
    await broken;
    clearInterval(writing);
  }, 15_000);
});
