import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { DIST, realPeers } from '../support/real-peers.ts';
import { TerminalSession } from '../support/terminal.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';
import { hello } from '../support/workloads.ts';

const peers = realPeers(2, 'ways');
const KITH = path.join(DIST, 'kith.js');
/** More than any window or buffer on the way. */
const LARGE_BYTES = 8 * 1024 * 1024;

const shell = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shell', labels: { app: 'shell' } },
  spec: {
    nodeName: 'ways-1',
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'while :; do sleep 1; done'] }],
  },
};

beforeAll(async () => {
  await peers.apply(0, shell);
  await peers.apply(0, hello('web', 2, 1));
  await peers.waitReady(0, 'app=shell', 1);
  await peers.waitReady(0, 'app=web', 2);
});

/** Asked of the first peer; the shell's pod is on the second. */
const environment = (): Record<string, string> => ({ PATH: process.env['PATH'] ?? '', KITH_SOCKET: peers.cluster.peer(0).socket });

describe('kith exec', () => {
  it('passes both outputs and the exit code on', async () => {
    expect(await peers.command(0, ['exec', 'shell', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      out: 'out\n',
      err: 'err\ncommand terminated with exit code 7\n',
    });
  });

  it('passes bytes on as they are, in both directions, until the input ends', async () => {
    const bytes = randomBytes(LARGE_BYTES);
    const child = spawn(process.execPath, [KITH, 'exec', '-i', 'shell', '--', 'cat'], { env: environment() });
    const hash = createHash('sha256');
    child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
    child.stdin.end(bytes);
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('gives a terminal of the size of the own one, and lets go of it', async () => {
    const session = new TerminalSession([process.execPath, KITH, 'exec', '-it', 'shell', '--', 'sh'], environment());
    await session.sees(/[$#] /);
    session.type('stty size\r');
    await session.sees('40 100');
    session.type('exit 3\r');
    const { code, said } = await session.end();
    expect(said).toContain('command terminated with exit code 3');
    expect(code).toBe(3);
  });

  it('goes on without a terminal where there is none to pass on', async () => {
    expect(await peers.command(0, ['exec', '-it', 'shell', '--', 'sh', '-c', 'echo out; exit 3'])).toEqual({
      code: 3,
      out: 'out\n',
      err: 'Unable to use a TTY - input is not a terminal or the right kind of file\ncommand terminated with exit code 3\n',
    });
  });

  it('says what is wrong', async () => {
    expect(await peers.command(0, ['exec', 'ghost', '--', 'ls'])).toMatchObject({
      code: 1,
      err: 'Error from server (NotFound): pods "ghost" not found\n',
    });
    expect(await peers.command(0, ['exec', 'shell'])).toMatchObject({ code: 2, err: expect.stringContaining('say what to run') as string });
    expect(await peers.command(0, ['exec', 'shell', 'sh', '-c', 'exit 3'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('after --') as string,
    });
    const { code, err } = await peers.command(0, ['exec', 'shell', '--', 'no-such-program']);
    expect(code).toBeGreaterThan(0);
    expect(err).toContain('no-such-program');
    expect(await peers.command(0, ['exec', 'shell', '-c', 'other', '--', 'ls'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('other') as string,
    });
  });
});

describe('kith cp', () => {
  it('copies files and folders to a pod and back', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kith-cp-'));
    const at = (...names: string[]): string => path.join(folder, ...names);
    try {
      const bytes = randomBytes(LARGE_BYTES);
      await mkdir(at('here', 'deep'), { recursive: true });
      await writeFile(at('here', 'one'), bytes, { mode: 0o755 });
      await writeFile(at('here', 'deep', 'two'), 'two');
      const copies = async (...words: string[]): Promise<void> => expect(await peers.kith(0, ['cp', ...words])).toBe('');
      await copies(at('here', 'one'), `shell:${at('there')}`);
      expect((await readFile(at('there'))).equals(bytes)).toBe(true);
      expect((await stat(at('there'))).mode & 0o777).toBe(0o755);
      await copies(`shell:${at('there')}`, at('here'));
      expect((await readFile(at('here', 'there'))).equals(bytes)).toBe(true);
      await copies(at('here'), `shell:${at('new')}`);
      await copies(`shell:${at('new')}`, at('back'));
      expect((await readdir(at('back'), { recursive: true })).sort()).toEqual(['deep', 'deep/two', 'one', 'there']);
      expect(await readFile(at('back', 'deep', 'two'), 'utf8')).toBe('two');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what is wrong', async () => {
    const fails = async (...words: string[]): Promise<string> => {
      const { code, err } = await peers.command(0, ['cp', ...words]);
      expect(code).toBeGreaterThan(0);
      return err;
    };
    expect(await fails('a', 'b')).toContain('one of the two has to be in a pod');
    expect(await fails('/no/such', 'shell:/tmp/x')).toContain('"/no/such" is not there');
    expect(await fails('shell:/no/such', '/tmp/x')).toContain('shell:/no/such is not there');
    expect(await fails(KITH, 'shell:/no/such/folder')).toContain('sh in pod shell ended with');
    expect(await fails('ghost:/tmp', '/tmp/x')).toContain('pods "ghost" not found');
    expect(await fails(`shell:${KITH}`, '/dev/full')).toContain('no space left on device');
    expect(await fails(`shell:${KITH}`, '/no/such/folder')).toContain('no such file or directory');
  });
});

describe('kith run', () => {
  it('runs a program here and now, and leaves nothing', async () => {
    const words = [
      'run',
      'visit',
      '-i',
      '--rm',
      '--restart=Never',
      '--image=busybox',
      '--command',
      '--',
      'sh',
      '-c',
      'read line; echo "got $line"; exit 0',
    ];
    const { code, out, err } = await peers.command(0, words, { stdin: 'hello\n' });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe('got hello\npod "visit" deleted\n');
    await waitFor('the pod is gone', async () => (await peers.command(0, ['get', 'pod', 'visit'])).code === 1, { timeoutMs: PATIENCE_MS });
  });
});

describe('kith run of a program that is quick, or fails', () => {
  const run = async (name: string, line: string) =>
    peers.command(0, ['run', name, '-i', '--rm', '--restart=Never', '--image=busybox', '--command', '--', 'sh', '-c', line]);

  it('shows what it said, once, also where that was before we were connected', async () => {
    for (const name of ['quick-1', 'quick-2', 'quick-3']) expect((await run(name, 'echo hi')).out).toBe(`hi\npod "${name}" deleted\n`);
  });

  it('ends as it did', async () => {
    const { code, err } = await run('failing', 'sleep 0.5; exit 3');
    expect(code).toBe(3);
    expect(err).toContain('command terminated with exit code 3\n');
  });
});

describe('kith run that is ended by Ctrl-C', () => {
  it('deletes its pod all the same', async () => {
    const words = ['run', 'cut', '-i', '--rm', '--restart=Never', '--image=busybox', '--command', '--', 'sh', '-c', 'echo runs; sleep 600'];
    const child = spawn(process.execPath, [KITH, ...words], { env: environment() });
    const ended = once(child, 'close');
    const isRunning = async (): Promise<boolean> => (await peers.command(0, ['get', 'pod', 'cut'])).out.includes('Running');
    await waitFor('it runs', isRunning, { timeoutMs: PATIENCE_MS });
    child.kill('SIGINT');
    await ended;
    await waitFor('the pod is gone', async () => (await peers.command(0, ['get', 'pod', 'cut'])).code === 1, { timeoutMs: PATIENCE_MS });
  });
});

describe('kith port-forward', () => {
  it('leads connections to a pod of a deployment until it is ended, and tells what goes wrong', async () => {
    const stop = new AbortController();
    let out = '';
    const words = ['port-forward', 'deploy/web', ':8080', ':9'];
    const ended = peers.command(0, words, { signal: stop.signal, onOut: (piece) => (out += piece) });
    const ports = await waitFor('two ports', async () => {
      const found = [...out.matchAll(/^Forwarding from 127\.0\.0\.1:(\d+) -> \d+$/gm)].map(([, port]) => Number(port));
      return found.length === 2 ? found : undefined;
    });
    const get = async (port: number): Promise<string> => {
      const [response] = (await once(http.get({ host: '127.0.0.1', port, agent: false }), 'response')) as [http.IncomingMessage];
      return text(response);
    };
    expect(await get(ports[0]!)).toContain('hello');
    await Promise.all(Array.from({ length: 8 }, async () => expect(await get(ports[0]!)).toContain('hello')));
    await expect(get(ports[1]!)).rejects.toThrow();
    stop.abort();
    const { err } = await ended;
    expect(err).toMatch(/^error: a connection to port 9 of pod web-.*ECONNREFUSED/m);
  });
});

describe('kith rollout', () => {
  it('restarts, waits, and goes back', async () => {
    expect(await peers.kith(0, ['rollout', 'status', 'deployment/web'])).toBe('deployment "web" successfully rolled out\n');
    await peers.apply(0, hello('web', 2, 2));
    expect(await peers.kith(1, ['rollout', 'status', 'deployment/web'])).toMatch(/deployment "web" successfully rolled out\n$/);
    expect(await peers.kith(0, ['rollout', 'history', 'deployment/web'])).toMatch(
      /^deployment\.apps\/web \nREVISION {2}CHANGE-CAUSE\n1 {9}<none>\n2 {9}<none>\n$/,
    );
    expect(await peers.kith(0, ['rollout', 'undo', 'deployment', 'web'])).toBe('deployment.apps/web rolled back\n');
    expect(await peers.kith(1, ['rollout', 'status', 'deployment/web'])).toMatch(/successfully rolled out\n$/);
    const images = (await peers.pods(0, 'app=web'))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec.containers[0]?.image);
    expect(images).toEqual(['kith.dev/hello:1', 'kith.dev/hello:1']);
    expect(await peers.kith(0, ['rollout', 'restart', 'deployment/web'])).toBe('deployment.apps/web restarted\n');
    expect(await peers.kith(0, ['rollout', 'status', 'deployment/web'])).toMatch(/successfully rolled out\n$/);
    expect(await peers.command(0, ['rollout', 'undo', 'deployment/web', '--to-revision=77'])).toMatchObject({
      code: 1,
      err: 'error: unable to find specified revision 77 in history\n',
    });
    expect(await peers.command(0, ['rollout', 'status', 'pod/shell'])).toMatchObject({ code: 2 });
  });
});
