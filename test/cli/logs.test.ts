import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';

const pod = (name: string, annotations = {}) => ({
  metadata: { name, namespace: 'default', annotations },
  spec: { containers: [{ name: 'web' }, { name: 'proxy' }], initContainers: [{ name: 'init' }] },
});
const PODS = { 'web-1': pod('web-1'), 'web-2': pod('web-2', { 'kubectl.kubernetes.io/default-container': 'proxy' }) };

let folder: string;
let server: http.Server;
let asked: URL[];
let [out, err] = ['', ''];

/** Each log is two lines, sent in pieces that end in the middle of a line. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://x');
  const [, name, isLog] = /\/pods\/([^/]+)(\/log)?$/.exec(url.pathname) ?? [];
  const found = PODS[name as keyof typeof PODS];
  if (isLog !== undefined) {
    asked.push(url);
    const line = `${name} ${url.searchParams.get('container')}`;
    response.write(`${line} 1\n${line}`);
    setTimeout(() => response.end(' 2\n'), 20);
  } else if (url.pathname.includes('/deployments/')) response.end('{"spec":{"selector":{"matchLabels":{"app":"web"}}},"metadata":{}}');
  else if (name !== undefined) response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? { message: 'none' }));
  else response.end(JSON.stringify({ items: url.searchParams.get('labelSelector') === 'app=web' ? Object.values(PODS) : [] }));
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kith-logs-'));
  server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(path.join(folder, 's'), resolve));
});
beforeEach(() => ([asked, out, err] = [[], '', '']));
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function logs(...words: string[]): Promise<number> {
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    signal: new AbortController().signal,
    environment: { KITH_SOCKET: path.join(folder, 's') },
  };
  return runKith(['logs', ...words], terminal as unknown as Terminal, '0');
}

const containers = (): string[] =>
  asked.map(({ pathname, searchParams }) => `${pathname.split('/').at(-2)} ${searchParams.get('container')}`);

it('takes the first container where none is named, and tells of the others; or the one that the pod names', async () => {
  expect(await logs('web-1')).toBe(0);
  expect([out, err]).toEqual(['web-1 web 1\nweb-1 web 2\n', 'Defaulted container "web" out of: web, proxy, init (init)\n']);
  err = '';
  await logs('web-2');
  await logs('web-1', 'init');
  await logs('pod', 'web-1', '-c', 'proxy');
  expect([containers().slice(1), err]).toEqual([['web-2 proxy', 'web-1 init', 'web-1 proxy'], '']);
});

it('prints all containers of all pods with some labels, the last ten lines of each', async () => {
  expect(await logs('-l', 'app=web', '--all-containers', '--prefix')).toBe(0);
  expect(containers()).toEqual(['web-1 init', 'web-1 web', 'web-1 proxy', 'web-2 init', 'web-2 web', 'web-2 proxy']);
  expect(out).toContain('[pod/web-1/init] web-1 init 1\n[pod/web-1/init] web-1 init 2\n[pod/web-1/web] web-1 web 1\n');
  expect(new Set(asked.map(({ searchParams }) => searchParams.get('tailLines')))).toEqual(new Set(['10']));
  await logs('-l', 'app=none');
  expect(err).toBe('No resources found in default namespace.\n');
});

it('follows several side by side, line by line, and not more than are wanted', async () => {
  expect(await logs('-f', 'web-1', '--all-containers')).toBe(0);
  expect(out.split('\n').sort()).toEqual([
    '',
    ...['init 1', 'init 2', 'proxy 1', 'proxy 2', 'web 1', 'web 2'].map((line) => `web-1 ${line}`),
  ]);
  expect(await logs('-f', '-l', 'app=web', '--all-containers')).toBe(2);
  expect(err).toContain('attempting to follow 6 log streams, but maximum allowed concurrency is 5, use --max-log-requests');
});

it('takes one pod of a deployment, or all', async () => {
  await logs('deploy/web', '--tail=1');
  expect(err).toContain('Found 2 pods, using pod/web-1\n');
  await logs('deploy', 'web', '--all-pods');
  expect(containers()).toEqual(['web-1 web', 'web-1 web', 'web-2 proxy']);
  expect(out).toContain('[pod/web-2/proxy] web-2 proxy 2\n');
});

it('passes on what is asked of each', async () => {
  await logs('web-1', 'web', '--since-time=2026-01-31T12:00:00Z', '--timestamps', '-p', '--tail=-1', '--limit-bytes=9');
  const query = { container: 'web', previous: 'true', timestamps: 'true', sinceTime: '2026-01-31T12:00:00Z', limitBytes: '9' };
  expect(Object.fromEntries(asked[0]?.searchParams ?? [])).toEqual(query);
});

it.each([
  [['web-1', '-l', 'a=b'], 'only a selector (-l) or a POD name is allowed'],
  [['web-1', '--since-time=noon'], '--since-time=noon: expected a time'],
  [['web-1', '--since-time=2026-01-31T12:00:00Z', '--since=5s'], 'at most one of'],
  [['web-1', '--since=99999999999999999999h'], 'expected a duration'],
  [['web-1', '--tail=x'], '--tail=x: expected a whole number'],
  [['web-1', 'web', '-c', 'proxy'], 'one pod at a time'],
  [['web-1', 'web-2', 'web-3'], 'one pod at a time'],
  [[], 'say which pod'],
])('refuses %j', async (words, why) => {
  expect(await logs(...words)).toBe(2);
  expect(err).toContain(why);
  expect(asked).toEqual([]);
});
