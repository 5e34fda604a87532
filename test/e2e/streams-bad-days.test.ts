import { readFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { execFile } from 'node:child_process';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchClients, runClient } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { DIST, realPeers, removeQuietly } from '../support/real-peers.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

const peers = realPeers(3, 'bad');
const real = kubectlPeers(peers);
const newest = await fetchClients('1.35');
const { cluster } = peers;
const folder = mkdtempSync(path.join(tmpdir(), 'kith-slow-'));
const MIB = 1024 * 1024;
/** All that may be under way between a program and a client that does not read: sockets, windows and queues of five hops. */
const UNDER_WAY_MIB = 24;
/** What a daemon may grow by meanwhile. */
const GROWTH_MIB = 48;

beforeAll(async () => {
  for (const [index, node] of ['bad-1', 'bad-3', 'bad-2'].entries()) {
    const name = `shell-${index}`;
    await peers.apply(0, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: {
        nodeName: node,
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'echo up; while :; do sleep 1; done'] }],
      },
    });
    await peers.waitReady(0, `app=${name}`, 1);
  }
});
afterAll(async () => removeQuietly(folder));

/** A client that has asked for a command's output and reads nothing yet. */
async function exec(index: number, pod: string, script: string): Promise<Socket> {
  const query = new URLSearchParams([...['sh', '-c', script].map((word) => ['command', word]), ['stdout', 'true'], ['stderr', 'true']]);
  const request = http.request({
    socketPath: cluster.peer(index).socket,
    path: `/api/v1/namespaces/default/pods/${pod}/exec?${query.toString()}`,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'v5.channel.k8s.io',
    },
  });
  return new Promise((resolve, reject) => {
    request.once('upgrade', (_reply, socket: Socket, head: Buffer) => {
      // What came in one piece with the answer.
      if (head.length > 0) socket.unshift(head);
      resolve(socket.pause());
    });
    request.once('response', (reply) => reject(new Error(`status ${reply.statusCode}`)));
    request.once('error', reject);
    request.end();
  });
}

async function residentMiB(index: number): Promise<number> {
  const status = await readFile(`/proc/${cluster.peer(index).process?.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Pid, parent, state and command of what has `word` in its command. */
async function processesWith(word: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,ppid,stat,args']);
  return stdout.split('\n').filter((line) => line.includes(word));
}

it('a client that stops reading makes the program wait, not the daemons grow', async () => {
  const progress = path.join(folder, 'progress');
  // A line for each MiB: a number that is written anew is gone for a moment, in which the program may be ended.
  const written = async (): Promise<number> => (await readFile(progress, 'utf8').catch(() => '')).split('\n').length - 1;
  const before = await Promise.all([residentMiB(0), residentMiB(1)]);
  const client = await exec(1, 'shell-0', `while :; do head -c ${MIB} /dev/zero; echo >> ${progress}; done`);
  const stopped = await waitFor(
    'the program waits',
    async () => {
      const seen = await written();
      await delay(1_000);
      return seen > 0 && (await written()) === seen ? seen : undefined;
    },
    { timeoutMs: PATIENCE_MS },
  );
  expect(stopped).toBeLessThan(UNDER_WAY_MIB);
  const after = await Promise.all([residentMiB(0), residentMiB(1)]);
  console.log(
    `a client that does not read: ${stopped} MiB written; daemons of ${before.map(Math.round).join(', ')} MiB have ${after.map(Math.round).join(', ')}`,
  );
  for (const [index, size] of after.entries()) expect(size - before[index]!).toBeLessThan(GROWTH_MIB);
  client.resume();
  await waitFor('the program goes on', async () => (await written()) > stopped + 100, { timeoutMs: PATIENCE_MS });
  client.destroy();
  const last = await waitFor(
    'the program is ended with its client',
    async () => {
      const seen = await written();
      await delay(1_000);
      return (await written()) === seen ? seen : undefined;
    },
    { timeoutMs: PATIENCE_MS },
  ).catch(async (error: unknown) => {
    throw new Error(`it still runs: ${(await processesWith(progress)).join('; ')}`, { cause: error });
  });
  expect(last).toBeGreaterThan(stopped);
});

/** The Status on the error channel, and how long it took. */
async function statusAfter(client: Socket, hurt: () => Promise<void>): Promise<{ status: string; tookMs: number }> {
  let said = '';
  client.setEncoding('latin1').on('data', (text: string) => (said += text));
  client.resume();
  const closed = new Promise<void>((resolve) => client.once('close', resolve).once('end', resolve));
  await waitFor('the command runs', () => said.includes('begun'));
  await hurt();
  const began = performance.now();
  await closed;
  client.destroy();
  return { status: said.slice(said.indexOf('{')), tookMs: performance.now() - began };
}

it('when the host of a pod dies under a command, the client is told within seconds', async () => {
  const client = await exec(0, 'shell-1', 'echo begun; exec sleep 1000');
  const { status, tookMs } = await statusAfter(client, async () => cluster.powerCut(2));
  expect(status).toContain('the connection to node bad-3 was lost');
  expect(tookMs).toBeLessThan(10_000);
  console.log(`power cut: told after ${Math.round(tookMs)} ms`);
});

it('when the daemon of that host hangs, too', async () => {
  const client = await exec(0, 'shell-2', 'echo begun; exec sleep 1000');
  const { pid = 0 } = cluster.peer(1).process ?? {};
  try {
    const { status, tookMs } = await statusAfter(client, async () => void process.kill(pid, 'SIGSTOP'));
    expect(status).toContain('the connection to node bad-2 was lost');
    expect(tookMs).toBeLessThan(30_000);
    console.log(`frozen daemon: told after ${Math.round(tookMs)} ms`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

withClients(newest, 'kubectl 1.35 and kith', (clients) => {
  it('end within seconds when the peer dies that they watch and read logs through', async () => {
    const said: Record<string, string> = { watch: '', log: '', kith: '' };
    const hear = (name: string) => ({ peer: 0, onOut: (text: string) => void (said[name] += text) });
    const watching = [
      real.kubectl(clients, ['get', 'pods', '--watch'], hear('watch')),
      real.kubectl(clients, ['logs', 'shell-0', '--follow'], hear('log')),
      runClient(process.execPath, [path.join(DIST, 'kith.js'), 'get', 'pods', '--watch'], real.home, {
        ...hear('kith'),
        environment: { KUBECONFIG: real.kubeconfig(0) },
      }),
    ];
    await waitFor('all of them have said something', () => Object.values(said).every((text) => text !== ''), { timeoutMs: PATIENCE_MS });
    await peers.apply(1, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late' },
      spec: { containers: [{ name: 'c', image: 'busybox' }] },
    });
    await waitFor('what comes later is seen by the watches', () => [said['watch'], said['kith']].every((text) => text?.includes('late')), {
      timeoutMs: PATIENCE_MS,
    });
    await cluster.killDaemon(0);
    const began = performance.now();
    const [watch, log, kith] = await Promise.all(watching);
    expect(performance.now() - began).toBeLessThan(10_000);
    // kubectl takes the end of a watch for an end like any other.
    expect(watch).toMatchObject({ code: 0, out: expect.stringContaining('shell-0') as string });
    expect(log).toMatchObject({ code: 1, err: expect.stringMatching(/EOF|reset/) as string });
    expect(kith).toMatchObject({ code: 1, err: expect.stringMatching(/broke off its answer|ended the watch/) as string });
  });
});
