import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';

const GONE = { kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'pods "b" not found', code: 404 };

let folder: string;
let server: Server;
let told: { out: string; err: string };

/** A daemon with two pods, of which the second goes between the list and its deletion. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'kith-delete-'));
  told = { out: '', err: '' };
  server = createServer((request, response) => {
    const [status, body] =
      request.method === 'GET'
        ? [
            200,
            {
              kind: 'PodList',
              metadata: { resourceVersion: '1' },
              items: ['a', 'b'].map((name) => ({ metadata: { name, namespace: 'default' } })),
            },
          ]
        : request.url?.endsWith('/b')
          ? [404, GONE]
          : [200, { kind: 'Status', status: 'Success' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'sock'), resolve));
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

/** Answers the given requests, one after the other, instead of what the daemon above answers. */
function answerWith(answers: [status: number, body: object][]): string[] {
  const asked: string[] = [];
  server.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${request.method ?? ''} ${request.url?.includes('watch=true') === true ? 'watch' : 'read'}`);
    const [status, body] = answers[asked.length - 1] ?? [500, {}];
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  });
  return asked;
}

async function kith(...words: string[]): Promise<number> {
  const terminal: Terminal = {
    out: (text) => (told.out += text),
    err: (text) => (told.err += text),
    outBytes: async (bytes) => void (told.out += Buffer.from(bytes).toString()),
    errBytes: async (bytes) => void (told.err += Buffer.from(bytes).toString()),
    keyboard: {
      isTerminal: false,
      bytes: async function* () {},
      setRaw: () => undefined,
      close: () => undefined,
      size: () => undefined,
      onResize: () => () => undefined,
    },
    interactive: false,
    environment: {},
    uid: 0,
    readStdin: async () => '',
    signal: new AbortController().signal,
    now: () => 0,
  };
  return runKith(['--socket', path.join(folder, 'sock'), ...words], terminal, '0');
}

it('does not mind that what it found has gone meanwhile, but that what was named is not there', async () => {
  expect(await kith('delete', 'pods', '--all')).toBe(0);
  expect(told).toEqual({ out: 'pod "a" deleted\n', err: '' });
  expect(await kith('delete', 'pod', 'a', 'b')).toBe(1);
  expect(told.err).toBe('Error from server (NotFound): pods "b" not found\nerror: 1 of 2 objects could not be deleted\n');
});

it('lists again when a watch has ended or can not go on, as after a restart of the daemon, until the object is gone', async () => {
  const listed = (...names: string[]): object => ({
    metadata: { resourceVersion: '1' },
    items: names.map((name) => ({ metadata: { name, uid: 'a-1' } })),
  });
  const expired = { kind: 'Status', metadata: {}, reason: 'Expired', message: 'too old resource version', code: 410 };
  const asked = answerWith([
    [200, { kind: 'Pod', metadata: { name: 'a', uid: 'a-1' } }],
    [200, listed('a')],
    [410, expired],
    [200, listed('a')],
    [200, { type: 'ERROR', object: expired }],
    [200, listed('a')],
    [200, { type: 'MODIFIED', object: { metadata: { name: 'a', uid: 'a-1' } } }],
    [200, listed()],
  ]);
  expect(await kith('delete', 'pod', 'a', '--now')).toBe(0);
  expect(told).toEqual({ out: 'pod "a" deleted\n', err: '' });
  expect(asked).toEqual(['DELETE read', ...Array.from({ length: 3 }, () => ['GET read', 'GET watch']).flat(), 'GET read']);
});
