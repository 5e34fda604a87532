import { accessSync, constants, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { Cell } from './cell/cell.ts';
import { Dockerd, DOCKERD } from './cell/dockerd.ts';
import { run } from './cell/processes.ts';
import { ENGINE_SET_UP } from './cell/set-up.ts';

/** A Docker Engine of the test's own, which nothing outside sees but through its socket. It ends with the test, however that ends. */
export interface TestEngine {
  socketPath: string;
  /** Present in the engine; holds busybox. */
  image: string;
  /** SIGKILLs dockerd. Containers live on; without live restore until it is back. */
  halt(): Promise<void>;
  /** Starts dockerd again after {@link halt}. Resolves once it answers. */
  resume(): Promise<void>;
  /** Stops dockerd where it is (SIGSTOP), so that it takes connections and answers none. */
  freeze(): void;
  thaw(): void;
  /** Runs a command in the engine's namespaces, from where pods can be reached. */
  exec(program: string, ...args: string[]): Promise<string>;
  /** Starts a program in the engine's namespaces. It ends with the engine; what it says is appended to `log`. */
  spawn(log: string, program: string, ...args: string[]): Promise<void>;
  /** Ends everything the engine ran and leaves nothing. */
  stop(): Promise<void>;
}

const BUSYBOX = '/bin/busybox';
const FOLDER_PREFIX = '/var/tmp/kith-engine-';
export const TEST_IMAGE = 'kith.dev/test-tools:1';
const APPLETS = ['sh', 'sleep', 'cat', 'echo', 'printf', 'ls', 'id', 'head', 'dd', 'hostname', 'wget', 'tail'];

/** Why there can be no engine here; undefined when there can. */
export function engineAvailable(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of [DOCKERD, BUSYBOX, '/usr/bin/docker-init', '/usr/bin/unshare', '/usr/bin/nsenter']) {
    if (!existsSync(program)) return `needs ${program}`;
  }
  try {
    accessSync('/proc/self/ns/cgroup', constants.R_OK);
  } catch {
    return 'needs namespaces';
  }
  return undefined;
}

export interface TestEngineOptions {
  /** Whether containers live on while dockerd is away (default: they do). */
  liveRestore?: boolean;
}

export async function startEngine({ liveRestore = true }: TestEngineOptions = {}): Promise<TestEngine> {
  const folder = await mkdtemp(FOLDER_PREFIX);
  const cell = new Cell(folder, `/${path.basename(folder)}`);
  const words = ['--iptables=false', '--ip6tables=false', `--live-restore=${liveRestore}`, '--shutdown-timeout', '1'];
  const dockerd = new Dockerd(cell, { words });
  const stop = async (): Promise<void> => {
    await cell.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    await cell.start({ setUp: `folder=$1\n${ENGINE_SET_UP}`, words: [folder], lifeline: true });
    await dockerd.start();
    await loadTestImage(folder, dockerd.socketPath);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    socketPath: dockerd.socketPath,
    image: TEST_IMAGE,
    halt: async () => dockerd.stop('SIGKILL'),
    resume: async () => dockerd.start(),
    freeze: () => dockerd.freeze(true),
    thaw: () => dockerd.freeze(false),
    exec: async (...words) => cell.exec(words, { timeoutMs: 10_000 }),
    spawn: async (log, ...words) => void (await cell.spawn(log, words)),
    stop,
  };
}

export async function docker(socketPath: string, ...args: string[]): Promise<string> {
  return run('docker', ['--host', `unix://${socketPath}`, ...args], { timeoutMs: 20_000 });
}

async function loadTestImage(folder: string, socketPath: string): Promise<void> {
  const script = `set -e; cd "$1"; mkdir -p rootfs/bin rootfs/tmp rootfs/etc; cp ${BUSYBOX} rootfs/bin/busybox
    for applet in ${APPLETS.join(' ')}; do ln -s busybox rootfs/bin/$applet; done
    tar -C rootfs -c . | docker --host "unix://$2" import --change 'CMD ["sh"]' --change 'ENV PATH=/bin' - ${TEST_IMAGE}; rm -rf rootfs`;
  await run('/bin/sh', ['-c', script, 'load', folder, socketPath]);
}
