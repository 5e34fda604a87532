import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';
import { runRemote } from '../../cli/remote-command.ts';
import { writeTo, type Channels } from '../../cli/streaming.ts';

let folder: string;
let said: string;
let server: http.Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-cli-'));
  [said, server] = ['', undefined];
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function kith(...words: string[]): Promise<number> {
  const err = (text: string): void => void (said += text);
  const terminal = { out: () => undefined, err, signal: new AbortController().signal, environment: {}, uid: 1 } as unknown as Terminal;
  return runKith(words, terminal, '0');
}

async function peer(answer: http.RequestListener): Promise<string> {
  const socket = path.join(folder, 'kith.sock');
  server = http.createServer(answer);
  await new Promise<void>((resolve) => server!.listen(socket, resolve));
  return socket;
}

it('says so when its peer dies in the middle of an answer', async () => {
  const socket = await peer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
    response.write('{"items":[', () => response.destroy());
  });
  expect(await kith('--socket', socket, 'get', 'pods')).toBe(1);
  expect(said).toContain(`error: ${socket} broke off its answer`);
});

it.each([
  ['clusters: [\nnot: yaml: {', 'is no YAML'],
  ['current-context: a\ncontexts: {}', 'no entry named "a" in contexts'],
  ['current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\nclusters: [{name: b, cluster: {}}]', 'expected https://HOST:PORT'],
])('names a kubeconfig that it can not read: %j', async (text, why) => {
  const file = path.join(folder, 'config');
  await writeFile(file, text);
  expect(await kith('--kubeconfig', file, 'get', 'pods')).toBe(2);
  expect(said).toContain(file);
  expect(said).toContain(why);
});

it.each(['https://', 'https://host:port', 'http://host:6443'])('names an address that is none: %s', async (address) => {
  expect(await kith('--server', address, 'get', 'pods')).toBe(2);
  expect(said).toContain('expected https://HOST:PORT');
});

it.each(['10y', '-1', 'x', ''])('deletes nothing when it does not understand how long to wait: %s', async (timeout) => {
  let asked = 0;
  const socket = await peer((_request, response) => {
    asked += 1;
    response.end('{}');
  });
  expect(await kith('--socket', socket, 'delete', 'pod', 'web', `--timeout=${timeout}`)).toBe(2);
  expect(said).toContain('--timeout');
  expect(asked).toBe(0);
});

it('says so when a file that it passes on can not be read to its end: the command would wait for the rest for ever', async () => {
  const gone = Promise.withResolvers<void>();
  const socket = {
    send: async () => undefined,
    messages: async function* () {
      await gone.promise;
      throw new Error('the connection is closed');
    },
  };
  const channels = { socket, destroy: () => gone.resolve() } as unknown as Channels;
  const input = (async function* (): AsyncGenerator<Uint8Array> {
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
  })();
  const streams = { input, stdout: async () => undefined, stderr: async () => undefined };
  await expect(runRemote(channels, streams)).rejects.toThrow('its input can not be read: EIO: i/o error, read');
});

it('leaves no listeners where what it copies is taken slowly', async () => {
  const output = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setImmediate(done) });
  for (let left = 20; left > 0; left -= 1) await writeTo(output, new Uint8Array(10));
  expect(output.eventNames().map((name) => [name, output.listenerCount(name)])).toEqual([]);
  output.write('x');
  output.destroy();
  await writeTo(output, new Uint8Array(10)).catch(() => undefined);
});
