import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { candidateAddress, LoopbackAddresses } from '../../../daemon/adapters/process/addresses.ts';
import { findMarked, isAlive, parseStat, readStat } from '../../../daemon/adapters/process/processes.ts';
import { containerMarker, killAllContainers, ProcessRuntime } from '../../../daemon/adapters/process/runtime.ts';
import type { ProcessRuntimeOptions } from '../../../daemon/adapters/process/runtime.ts';
import type { RuntimeContainer } from '../../../daemon/ports/runtime.ts';
import { eventually } from '../../acceptance/eventually.ts';
import { containerStart, obedient, podSpec } from '../../acceptance/runtime-specs.ts';
import { silentLog } from '../../support/silent-log.ts';

const IMAGES = join(import.meta.dirname, '../../../examples/images');
const ADAPTER = join(import.meta.dirname, '../../../daemon/adapters/process/runtime.ts');
const never = new AbortController().signal;

describe.skipIf(platform() !== 'linux')('process runtime', () => {
  let folder: string;
  let dataDir: string;
  const opened: ProcessRuntime[] = [];

  const open = async (options: Partial<ProcessRuntimeOptions> = {}): Promise<ProcessRuntime> => {
    const addressDir = join(folder, 'addresses');
    const runtime = new ProcessRuntime({ log: silentLog }, { dataDir, imageDirs: [IMAGES], nodeName: 'node-1', addressDir, ...options });
    await runtime.start();
    opened.push(runtime);
    return runtime;
  };
  const main = async (runtime: ProcessRuntime): Promise<RuntimeContainer | undefined> => (await runtime.list())[0]?.containers.at(-1);
  const exited = (runtime: ProcessRuntime): Promise<RuntimeContainer> =>
    eventually(async () => {
      const container = await main(runtime);
      return container?.state === 'exited' ? container : undefined;
    }, 'the container has exited');
  const lines = async (runtime: ProcessRuntime, uid: string, follow = true): Promise<string[]> => {
    const found: string[] = [];
    for await (const chunk of runtime.logs({ podUid: uid, container: 'main', follow }, never))
      found.push(new TextDecoder().decode(chunk.line));
    return found;
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kith-shim-')));
    dataDir = join(folder, 'data');
  });
  afterEach(async () => {
    for (const runtime of opened.splice(0)) await runtime.stop();
    await killAllContainers(dataDir).catch(() => 0);
    await rm(folder, { recursive: true, force: true });
  });

  it('does not take a pod for gone whose files it can not read just now', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, 'busybox', obedient(0)));
    const record = join(dataDir, 'pods', pod.uid, 'pod.json');
    await rename(record, `${record}.kept`);
    await mkdir(record);
    await expect(runtime.list()).rejects.toMatchObject({ code: 'EISDIR' });
    await rmdir(record);
    await rename(`${record}.kept`, record);
    expect((await main(runtime))?.state).toBe('running');
    expect(await readStat('none')).toBeUndefined();
    await expect(readStat('self/stat')).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('says of a program that does not begin, or does not end, that it failed, and not that the engine is away', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    const attempt = join(dataDir, 'pods', pod.uid, 'containers', 'main', '0');
    await mkdir(attempt, { recursive: true });
    // A shim that lives and has not written which program it started, as on a full disk: this very process.
    const [bootId, own] = [await readFile('/proc/sys/kernel/random/boot_id', 'utf8'), await readStat('self')];
    await writeFile(
      join(attempt, 'attempt.json'),
      JSON.stringify({ container: 'main', attempt: 0, image: 'i', imageId: 'i', bootTimeMs: 0 }),
    );
    await writeFile(join(attempt, 'shim'), `${process.pid} ${own?.startTicks} ${bootId.trim()} 1.00\n`);
    await Promise.all([
      expect(runtime.startContainer(containerStart(pod, 'i', ':'))).rejects.toMatchObject({ code: 'EngineFailed' }),
      expect(runtime.stopContainer(pod.uid, 'main', 0)).rejects.toMatchObject({ code: 'EngineFailed' }),
    ]);
    await rm(attempt, { recursive: true });
  });

  it('keeps containers, their log and their exit code when the daemon is killed', async () => {
    const pod = podSpec(1);
    const script = `
      const { ProcessRuntime } = await import(${JSON.stringify(join(folder, 'runtime.mjs'))});
      const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
      const runtime = new ProcessRuntime({ log }, ${JSON.stringify({ dataDir, imageDirs: [IMAGES], nodeName: 'n', addressDir: join(folder, 'addresses') })});
      await runtime.start();
      await runtime.createSandbox(${JSON.stringify(pod)});
      await runtime.startContainer(${JSON.stringify(containerStart(pod, 'busybox', 'echo before; sleep 1; echo after; exit 9'))});
      console.log('started');
      setInterval(() => undefined, 1000);`;
    const { build } = await import('esbuild');
    await build({
      entryPoints: [ADAPTER],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(folder, 'runtime.mjs'),
      logLevel: 'silent',
    });
    await writeFile(join(folder, 'daemon.mjs'), script);
    const daemon = spawn(process.execPath, [join(folder, 'daemon.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => daemon.stdout.once('data', resolve));
    daemon.kill('SIGKILL');
    await new Promise((resolve) => daemon.once('exit', resolve));
    const runtime = await open();
    expect(await main(runtime)).toMatchObject({ state: 'running' });
    expect(await lines(runtime, pod.uid)).toEqual(['before', 'after']);
    expect(await exited(runtime)).toMatchObject({ exitCode: 9 });
  });

  it('knows a power cut: all killed, shims too, is exit code 137', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, 'busybox', obedient(0)));
    expect(await killAllContainers(dataDir)).toBeGreaterThan(1);
    const ended = await exited(runtime);
    expect(ended).toMatchObject({ exitCode: 137 });
    expect(await exited(await open())).toEqual(ended);
    expect(await lines(runtime, pod.uid, false)).toEqual(['ready']);
  });

  it('kills what left the session of its container', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    await runtime.startContainer(containerStart(pod, 'busybox', 'setsid sleep 1000 & echo ready; sleep 1000'));
    await eventually(async () => ((await lines(runtime, pod.uid, false)).includes('ready') ? true : undefined), 'ready');
    const marker = `${containerMarker(dataDir)}${pod.uid}/`;
    expect((await findMarked(marker)).length).toBeGreaterThan(2);
    await runtime.stopContainer(pod.uid, 'main', 0);
    await runtime.removePod(pod.uid);
    expect(await findMarked(marker)).toEqual([]);
    expect(await readdir(folder)).not.toContain('addresses');
  });

  it('bounds the log, keeps the newest and follows over the rotation', async () => {
    const runtime = await open({ logFileBytes: 4_000 });
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    await runtime.startContainer(
      containerStart(pod, 'busybox', 'i=0; while [ $i -lt 900 ]; do i=$((i+1)); echo "number $i"; sleep 0.002; done'),
    );
    expect(await lines(runtime, pod.uid)).toEqual(Array.from({ length: 900 }, (_, index) => `number ${index + 1}`));
    const attempt = join(dataDir, 'pods', pod.uid, 'containers', 'main', '0');
    for (const file of ['stdout.log', 'stdout.log.1']) expect((await stat(join(attempt, file))).size).toBeLessThan(5_000);
    const kept = await lines(runtime, pod.uid, false);
    expect(kept.at(-1)).toBe('number 900');
    expect(kept.length).toBeLessThan(600);
    expect(kept.length).toBeGreaterThan(150);
  });

  it('does not change what the program sees: signals, arguments, environment, bytes', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    const script = `trap 'echo interrupted; exit 0' INT; printf '%s|' "$limit" "$folder" "$IFS" "$1" "$2"; echo; printf 'caf\\303\\251 \\377\\n'; kill -INT $$; echo missed`;
    const env = { limit: '*', folder: 'a  b', IFS: 'x' };
    await runtime.startContainer(containerStart(pod, 'busybox', script, { env, args: ['sh', "it's", '$(date) *'] }));
    await exited(runtime);
    const chunks: Uint8Array[] = [];
    for await (const chunk of runtime.logs({ podUid: pod.uid, container: 'main', follow: true }, never)) chunks.push(chunk.line);
    expect(Buffer.from(chunks[0]!).toString()).toMatch(/^\*\|a {2}b\|/);
    expect(Buffer.from(Buffer.concat(chunks)).toString('latin1')).toContain("it's|$(date) *|caf\xc3\xa9 \xffinterrupted");
  });

  it('takes little memory for a container, and gives a line of 200 KB whole', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    const script = `head -c 200000 /dev/zero | tr '\\0' x; echo; echo ready; sleep 1000`;
    await runtime.startContainer(containerStart(pod, 'busybox', script));
    await eventually(async () => ((await lines(runtime, pod.uid, false)).includes('ready') ? true : undefined), 'ready');
    expect((await lines(runtime, pod.uid, false))[0]).toBe('x'.repeat(200_000));
    const pids = (await findMarked(containerMarker(dataDir))).map((process) => process.pid);
    const { stdout } = await promisify(execFile)(
      'cat',
      pids.map((pid) => `/proc/${pid}/smaps_rollup`),
    );
    const shares = [...stdout.matchAll(/^Pss:\s+(\d+) kB/gm)].map((match) => Number(match[1]));
    console.log(`${pids.length} processes, ${shares.reduce((sum, share) => sum + share, 0)} KiB`);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThan(4_000);
  });

  it('runs the shipped images: hello answers, nginx says its version, versions differ', async () => {
    const runtime = await open();
    const answers: [string, string | null][] = [];
    for (const [index, image] of [
      'kith.dev/hello:1',
      'kith.dev/hello:2',
      'nginx:1.7.9',
      'nginx:1.8',
      'docker.io/library/nginx',
    ].entries()) {
      const pod = podSpec(index);
      const { ip } = await runtime.createSandbox(pod);
      await runtime.startContainer({ ...containerStart(pod, image, ''), command: undefined });
      const response = await eventually(async () => {
        for (const port of [8080, 80]) {
          const found = await fetch(`http://${ip}:${port}/`).catch(() => undefined);
          if (found !== undefined) return found;
        }
        return undefined;
      }, `${image} answers`);
      answers.push([(await response.text()).trim().split('\n')[0]!, response.headers.get('server')]);
    }
    expect(answers).toEqual([
      ['hello 1 from pod-0 on node-1', null],
      ['hello 2 from pod-1 on node-1', null],
      ['<!DOCTYPE html>', 'nginx/1.7.9'],
      ['<!DOCTYPE html>', 'nginx/1.8.1'],
      ['<!DOCTYPE html>', 'nginx/1.27.0'],
    ]);
  });

  it('sets variables whose names a shell does not pass on', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    const start = containerStart(pod, 'busybox', '');
    const env = { ...start.env, 'game.properties': 'lives=3\nsecret', PLAIN: 'x' };
    await runtime.startContainer({ ...start, env, command: ['/usr/bin/printenv', 'game.properties', 'PLAIN'] });
    expect((await exited(runtime)).exitCode).toBe(0);
    expect(await lines(runtime, pod.uid)).toEqual(['lives=3', 'secret', 'x']);
  });

  it('refuses by name what it cannot do', async () => {
    const runtime = await open();
    const pod = podSpec(1);
    await runtime.createSandbox(pod);
    const start = (more: object) => runtime.startContainer({ ...containerStart(pod, 'busybox', ':'), ...more });
    const hostPort = { ports: [{ containerPort: 1, hostPort: 2, protocol: 'TCP' }] };
    for (const [more, words] of [
      [hostPort, 'hostPort'],
      [{ tty: true }, 'console.js'],
      [{ command: [], args: [] }, 'no command'],
      [{ container: '../x' }, 'container name'],
    ] as const) {
      await expect(start(more)).rejects.toMatchObject({ code: 'InvalidContainer', message: expect.stringContaining(words) as string });
    }
    await expect(start({ workingDir: '/no/such' })).rejects.toMatchObject({ code: 'ContainerStartFailed' });
    await expect(runtime.pullImage('apache')).rejects.toMatchObject({
      code: 'ImageNotFound',
      message: expect.stringContaining('image.json') as string,
    });
    await expect(runtime.createSandbox({ ...pod, uid: '../../x' })).rejects.toMatchObject({ code: 'InvalidContainer' });
    const aliased = { containers: [], hostAliases: [{ ip: '10.0.0.9', hostnames: ['db'] }] };
    await expect(runtime.createSandbox({ ...pod, spec: aliased })).rejects.toThrow(/has no hostAliases/);
    expect((await runtime.list())[0]?.containers).toEqual([]);
  });

  it('gives two daemons with the same pod different addresses, and frees those of pods that are gone', async () => {
    const addresses = new LoopbackAddresses(join(folder, 'addresses'));
    const [one, two] = [join(folder, 'one', 'pods', 'x'), join(folder, 'two', 'pods', 'x')];
    await mkdir(one, { recursive: true });
    const first = await addresses.lease(one);
    expect(first).toBe(candidateAddress(one, 0));
    expect(await addresses.lease(one)).toBe(first);
    const second = await addresses.lease(two);
    expect(second).not.toBe(first);
    await writeFile(join(folder, 'addresses', candidateAddress(join(folder, 'three'), 0)), one);
    expect(await addresses.lease(join(folder, 'three'))).toBe(candidateAddress(join(folder, 'three'), 1));
    await addresses.release(first, two);
    expect(await readdir(join(folder, 'addresses'))).toContain(first);
    const longAgo = new Date(Date.now() - 3_600_000);
    await addresses.sweep();
    expect(await readdir(join(folder, 'addresses'))).toContain(second);
    for (const address of [first, second]) await utimes(join(folder, 'addresses', address), longAgo, longAgo);
    await addresses.sweep();
    expect(await readdir(join(folder, 'addresses'))).toContain(first);
    expect(await readdir(join(folder, 'addresses'))).not.toContain(second);
  });

  it('starts an attempt once when two daemons ask at the same moment', async () => {
    const runtimes = [await open(), await open(), await open()];
    const pod = podSpec(1);
    await runtimes[0]!.createSandbox(pod);
    const spec = containerStart(pod, 'busybox', 'echo ran >> "$OUT"; sleep 1000', { env: { OUT: join(folder, 'out') } });
    const answers = await Promise.allSettled(runtimes.map((runtime) => runtime.startContainer(spec)));
    expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await main(runtimes[0]!)).toMatchObject({ state: 'running' });
    await runtimes[0]!.removePod(pod.uid);
    expect(await readFile(join(folder, 'out'), 'utf8')).toBe('ran\n');
  });

  it('gives the last lines to whoever asks as soon as the end is known', async () => {
    const runtime = await open();
    for (let round = 0; round < 10; round += 1) {
      const pod = podSpec(round);
      await runtime.createSandbox(pod);
      await runtime.startContainer(containerStart(pod, 'busybox', 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; done'));
      await exited(runtime);
      expect(await lines(runtime, pod.uid, false)).toHaveLength(300);
      await runtime.removePod(pod.uid);
    }
  });

  it('tells processes apart by pid, start and boot, and takes a zombie for dead', async () => {
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const { startTicks } = (await readStat(process.pid))!;
    expect(await isAlive({ pid: process.pid, startTicks, bootId })).toBe(true);
    expect(await isAlive({ pid: process.pid, startTicks: '1', bootId })).toBe(false);
    expect(await isAlive({ pid: process.pid, startTicks, bootId: 'another' })).toBe(false);
    // The shell becomes a sleep, which never asks how its child ended.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))));
      const zombie = await eventually(async () => {
        const stat = await readStat(pid);
        return stat?.state === 'Z' ? stat : undefined;
      }, 'the child is a zombie');
      expect(await isAlive({ pid, startTicks: zombie.startTicks, bootId })).toBe(false);
    } finally {
      parent.kill('SIGKILL');
    }
    expect(parseStat(`12 (a) b (c)) Z 1 2 77 ${'0 '.repeat(15)}4242 9`)).toEqual({ pid: 12, state: 'Z', session: 77, startTicks: '4242' });
    expect(parseStat('nonsense')).toBeUndefined();
  });
});
