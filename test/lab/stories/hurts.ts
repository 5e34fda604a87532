import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';
import type { Lab, LabEngineEvent, LabHost } from '../types.ts';

const HOUR_MS = 3_600_000;

/** How many of `count` datagrams arrive: at a port that nobody listens on, as the kernel counts them however busy the machine is. */
async function arrived(from: LabHost, to: LabHost, count: number): Promise<number> {
  const sender = `const s = require('dgram').createSocket('udp4'); let left = ${count};
    const next = () => left-- > 0 ? s.send('x', 9000, '${to.address}', () => setImmediate(next)) : s.close(); next();`;
  const before = await toClosedPorts(to);
  await from.exec(process.execPath, '-e', sender);
  return (await toClosedPorts(to)) - before;
}

/** Source: "Udp: InDatagrams NoPorts …" in /proc/net/snmp. */
async function toClosedPorts(host: LabHost): Promise<number> {
  return Number(/^Udp: \d+ (\d+)/m.exec(await host.exec('cat', '/proc/net/snmp'))?.[1]);
}

/** Milliseconds until `bytes` have gone from one host to the other. */
async function sendingMs(from: LabHost, to: LabHost, bytes: number): Promise<number> {
  const server = `require('net').createServer((s) => { let n = 0; s.on('close', () => process.exit());
    s.on('data', (d) => (n += d.length) >= ${bytes} && s.end('all')); }).listen(9001, () => console.log('bound'));`;
  const [program, ...words] = to.commandLine(process.execPath, '-e', server);
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('the receiver ended early')))]);
  const client = `const t = performance.now(); const s = require('net').connect(9001, '${to.address}', () => s.write(Buffer.alloc(${bytes})));
    s.on('data', () => (console.log(performance.now() - t), process.exit()));`;
  const took = Number(await from.exec(process.execPath, '-e', client));
  await ended;
  return took;
}

/** The wall clock of the daemon, as it tells every client. */
async function clockOf(host: LabHost): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath: host.kithSocket, path: '/readyz' }, (response) => {
        response.resume();
        resolve(Date.parse(response.headers.date ?? ''));
      })
      .once('error', reject);
  });
}

async function serverOf(host: LabHost, image: string): Promise<{ server: string; page: string }> {
  const id = (await host.engine.docker('run', '-d', image)).trim();
  try {
    const address = (await host.engine.docker('inspect', '--format', '{{.NetworkSettings.IPAddress}}', id)).trim();
    const script = `fetch('http://${address}/').then(async (r) => console.log(JSON.stringify({ server: r.headers.get('server'), page: await r.text() })))`;
    return await waitFor(
      `${image} serves`,
      async () => JSON.parse(await host.exec(process.execPath, '-e', script)) as { server: string; page: string },
    );
  } finally {
    await host.engine.docker('rm', '-f', id);
  }
}

export const hurtsStory = story('what can happen to hosts of the lab', (cluster) => {
  let [lab, one, two]: [Lab, LabHost, LabHost] = [] as never;

  beforeAll(() => {
    lab = cluster.lab;
    [one, two] = [lab.host(1), lab.host(2)];
  });
  afterEach(async () => lab.heal());

  it('one direction is cut, and the other passes', async () => {
    await lab.network.cut([one], [two], { oneWay: true });
    expect(await arrived(one, two, 50)).toBe(0);
    expect(await arrived(two, one, 50)).toBe(50);
  });

  it('a share of what is sent is lost', async () => {
    expect(await arrived(one, two, 1_000)).toBeGreaterThan(990);
    await lab.network.drop(two, 0.3);
    const count = await arrived(one, two, 1_000);
    // Seven standard deviations of a binomial distribution.
    expect(Math.abs(count - 700)).toBeLessThan(102);
    await lab.network.drop(two, 0);
    expect(await arrived(one, two, 1_000)).toBeGreaterThan(990);
  });

  it('a line gets thin', async () => {
    await lab.network.slow(two, { kbitPerSecond: 1_000 });
    // 800 kbit, of which a little passes as a burst.
    expect(await sendingMs(one, two, 100_000)).toBeGreaterThan(600);
    await lab.network.slow(two, undefined);
    expect(await sendingMs(one, two, 100_000)).toBeLessThan(600);
  });

  it('the disk is full, and is not any more', async () => {
    const write = async (): Promise<string> => two.exec('sh', '-c', `head -c 100000 /dev/zero > '${path.dirname(two.dataDir)}/more'`);
    await two.fillDisk();
    await expect(write()).rejects.toThrow('No space left on device');
    await two.freeDisk();
    await write();
  });

  it("the daemon's clock is moved while it runs and while it does not, and set right by healing", async () => {
    const distance = async (): Promise<number> => (await clockOf(two)) - Date.now();
    await two.moveClock(HOUR_MS);
    await waitFor('an hour fast', async () => Math.abs((await distance()) - HOUR_MS) < 5_000);
    expect(Math.abs((await clockOf(one)) - Date.now())).toBeLessThan(5_000);
    await two.killDaemon();
    await two.moveClock(-HOUR_MS);
    await two.startDaemon();
    await waitFor('an hour slow', async () => Math.abs((await distance()) + HOUR_MS) < 5_000);
    await lab.heal();
    await waitFor('right', async () => Math.abs(await distance()) < 5_000);
  });

  it('a starved host has a share of a CPU only', async () => {
    // 150 ms of a CPU after its start, however much the start took.
    const script = `const [t, from] = [performance.now(), process.cpuUsage()];
      const used = () => { const { user, system } = process.cpuUsage(from); return user + system; };
      while (used() < 150_000);
      console.log(performance.now() - t)`;
    await two.starve(0.1);
    expect(Number(await two.exec(process.execPath, '-e', script))).toBeGreaterThan(800);
  });

  it('processes burn until it is healed', async () => {
    const burning = async (): Promise<number> => (await two.exec('busybox', 'ps')).split('while :; do :').length - 1;
    await two.burn(3);
    expect(await burning()).toBe(3);
    await lab.heal();
    await waitFor('they have ended', async () => (await burning()) === 0);
  });

  it('a daemon is frozen alone, and killed alone: the host goes on', async () => {
    await two.freezeDaemon();
    await expect(two.client.call({ path: '/readyz', signal: AbortSignal.timeout(500) })).rejects.toThrow();
    expect(await two.exec('hostname')).toBe('host-2\n');
    await two.thawDaemon();
    await waitFor('it answers', async () => (await two.peers()).complete);
    await two.killDaemon();
    expect([two.isOn, two.daemonRuns]).toEqual([true, false]);
    await two.startDaemon();
    await lab.waitAllAlive();
  });

  it('an engine tells of its containers, and is stopped with them or without', async () => {
    const events: LabEngineEvent[] = [];
    const abort = new AbortController();
    const watching = two.engine.watch((event) => events.push(event), abort.signal);
    const labels = { 'pod-uid': 'u-1', 'pod-name': 'p', 'pod-namespace': 'default', container: 'c', attempt: '2', image: 'busybox' };
    const flags = Object.entries(labels).flatMap(([key, value]) => ['--label', `kith.dev/${key}=${value}`]);
    const run = ['run', '-d', '--stop-timeout', '1', ...flags];
    const begun = Date.now();
    await two.engine.docker(...run, 'busybox', 'sleep', '123456');
    const expected = { pod: 'p', namespace: 'default', uid: 'u-1', container: 'c', attempt: 2 };
    expect(await two.engine.containers()).toMatchObject([{ ...expected, image: 'busybox', running: true }]);
    await waitFor('the start is told', () => events.length === 1);
    expect(events[0]).toMatchObject({ action: 'start', ...expected });
    expect(events[0]!.atMs).toBeGreaterThanOrEqual(begun);
    expect(events[0]!.atMs).toBeLessThanOrEqual(Date.now());
    abort.abort();
    await watching;
    const lives = async (): Promise<boolean> => (await two.exec('busybox', 'ps')).includes('sleep 123456');
    await two.stopEngine('SIGKILL');
    expect(await lives()).toBe(true);
    await two.startEngine();
    await two.engine.docker(...run, 'busybox', 'sleep', '123456');
    await two.stopEngine('SIGTERM');
    expect(await lives()).toBe(false);
    await two.startEngine();
    expect(await two.engine.containers()).toEqual([]);
    expect((await two.engine.containers({ all: true })).length).toBeGreaterThan(0);
  });

  it("the tutorial's images serve nginx's page and tell their version", async () => {
    const [old, newer, newest] = [await serverOf(one, 'nginx:1.7.9'), await serverOf(one, 'nginx:1.8'), await serverOf(one, 'nginx')];
    expect([old.server, newer.server]).toEqual(['nginx/1.7.9', 'nginx/1.8.1']);
    expect(newest.server).toMatch(/^nginx\/1\.\d+\.\d+$/);
    for (const { page } of [old, newer, newest]) expect(page).toContain('Welcome to nginx!');
  });

  it('kith runs what has to be pulled', async () => {
    const file = path.join(lab.folder, 'pod.yaml');
    await writeFile(file, 'apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: nginx}]}\n');
    await two.kith('apply', '-f', file);
    await waitFor('it runs', async () => / Running /.test(await one.kith('get', 'pods')), { timeoutMs: 20_000 });
    const found = (await Promise.all(lab.hosts.map(async (host) => host.engine.containers()))).flat();
    expect(found).toMatchObject([{ pod: 'web', image: 'nginx', running: true, attempt: 0 }]);
  });
});
