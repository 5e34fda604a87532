import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, rmdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { ApiClient } from '../../cli/client.ts';
import type { PeersAnswer, TokenAnswer } from '../../protocol/answers.ts';
import { ADDRESS_DIR, containerMarker } from '../../daemon/adapters/process/runtime.ts';
import { memoryFolder } from '../../daemon/adapters/volumes/volume-store.ts';
import { EngineProbe } from './engine-client.ts';
import { waitFor, type WaitOptions } from './wait.ts';

export interface LocalClusterOptions {
  /** Folder with kithd.js and kith.js. */
  dist: string;
  runtime: 'docker' | 'process';
  dockerHost?: string;
  imageFolders: string[];
  /** Arguments for one peer beside the usual ones. */
  extraArguments?: (index: number) => string[];
  /** Shares the machine between this many peers. */
  share: number;
  /** Short text that starts the node names. */
  prefix?: string;
  environment?: Record<string, string>;
}

/** A kithd process of this machine with its own data folder, ports and socket. */
export interface LocalPeer {
  index: number;
  node: string;
  dataDir: string;
  socket: string;
  peerPort: number;
  apiPort: number;
  manifests: string;
  logFile: string;
  process: ChildProcess | undefined;
  client: ApiClient;
}

/**
 * Real peers on 127.0.0.1, for the demo, the end-to-end tests and the benchmarks. Everything is below one temporary folder; `destroy` ends what was started, by
 * process id, and removes it.
 */
export class LocalCluster {
  readonly options: LocalClusterOptions;
  readonly peers: LocalPeer[] = [];
  folder = '';
  readonly warnings: string[] = [];

  readonly #engine: EngineProbe | undefined;
  #imagesBefore = new Set<string>();

  constructor(options: LocalClusterOptions) {
    this.options = options;
    this.#engine = options.runtime === 'docker' && options.dockerHost !== undefined ? new EngineProbe(options.dockerHost) : undefined;
  }

  async create(count: number): Promise<void> {
    this.#imagesBefore = new Set(await this.#engine?.madeImages());
    this.folder = await realpath(await mkdtemp(path.join(tmpdir(), 'kith-')));
    for (let index = 0; index < count; index += 1) await this.addPeer();
  }

  async addPeer(): Promise<LocalPeer> {
    const index = this.peers.length;
    const base = path.join(this.folder, `p${index + 1}`);
    const [peerPort, apiPort] = await Promise.all([freePort(), freePort()]);
    const socket = path.join(base, 'kith.sock');
    const peer: LocalPeer = {
      index,
      node: `${this.options.prefix ?? 'peer'}-${index + 1}`,
      dataDir: path.join(base, 'data'),
      socket,
      peerPort,
      apiPort,
      manifests: path.join(base, 'manifests'),
      logFile: path.join(base, 'kithd.log'),
      process: undefined,
      client: new ApiClient({ type: 'socket', path: socket }, (text) => this.warnings.push(text)),
    };
    await mkdir(peer.manifests, { recursive: true });
    this.peers.push(peer);
    return peer;
  }

  /** Starts the peer and resolves when its API answers. */
  async start(index: number, joinToken?: string, wait?: WaitOptions): Promise<LocalPeer> {
    const peer = this.peer(index);
    const program = path.join(this.options.dist, 'kithd.js');
    const { flags, environment } = firstLine(program);
    const child = spawn(process.execPath, [...flags, program, ...this.#arguments(peer, joinToken)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...environment, ...this.options.environment },
    });
    peer.process = child;
    const log = createWriteStream(peer.logFile, { flags: 'a' });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    let exit: string | undefined;
    child.once('exit', (code, signal) => (exit = `exit ${code ?? signal}`));
    await waitFor(
      `${peer.node} answers`,
      async () => {
        if (exit !== undefined) throw new Error(`${peer.node} ended (${exit}): ${tail(peer.logFile)}`);
        return existsSync(peer.socket) && (await answers(peer.client));
      },
      { timeoutMs: 30_000, everyMs: 25, ...wait },
    );
    return peer;
  }

  #arguments(peer: LocalPeer, joinToken: string | undefined): string[] {
    const { options } = this;
    const memoryMiB = Math.floor((totalmem() * 0.9) / options.share / 1024 / 1024);
    const cpuMillis = Math.floor((cpus().length * 900) / options.share);
    return [
      ...['--data-dir', peer.dataDir, '--node-name', peer.node],
      ...['--listen', `127.0.0.1:${peer.peerPort}`, '--api-listen', `127.0.0.1:${peer.apiPort}`, '--socket', peer.socket],
      ...[
        '--runtime',
        options.runtime,
        '--allocatable',
        `cpu=${cpuMillis}m,memory=${memoryMiB}Mi`,
        '--manifests',
        peer.manifests,
        '--lifeline',
      ],
      ...(options.dockerHost === undefined ? [] : ['--docker-host', options.dockerHost]),
      ...options.imageFolders.flatMap((folder) => ['--images', folder]),
      ...(joinToken === undefined ? [] : ['--join', joinToken]),
      ...(options.extraArguments?.(peer.index) ?? []),
    ];
  }

  /** Founds a cluster with the first peer and joins the others. */
  async startAll(): Promise<void> {
    await this.start(0);
    for (const peer of this.peers.slice(1)) await this.start(peer.index, await this.token(0));
    await this.waitAllAlive();
  }

  async token(index: number): Promise<string> {
    const response = await this.peer(index).client.call({ method: 'POST', path: '/kith.dev/v1/tokens', body: {} });
    return (response.body as TokenAnswer).token;
  }

  async peersSeenBy(index: number): Promise<PeersAnswer> {
    return this.peer(index).client.get<PeersAnswer>('/kith.dev/v1/peers');
  }

  /** Until every running peer sees every running peer alive and connected, and all follow the same leader. */
  async waitAllAlive(wait?: WaitOptions): Promise<void> {
    const running = this.running();
    await waitFor(
      `${running.length} peers see each other`,
      async () => {
        const views = await Promise.all(running.map((peer) => this.peersSeenBy(peer.index)));
        const leaders = new Set(views.map((view) => view.leader.peer));
        const nodes = running.map((peer) => peer.node);
        const all = views.every(
          (view) => view.complete && nodes.every((node) => view.peers.some((row) => row.node === node && row.state === 'alive')),
        );
        return all && leaders.size === 1 && !leaders.has('');
      },
      { timeoutMs: 30_000, everyMs: 50, ...wait },
    );
  }

  running(): LocalPeer[] {
    return this.peers.filter((peer) => peer.process?.exitCode === null && peer.process.signalCode === null);
  }

  peer(index: number): LocalPeer {
    const peer = this.peers[index];
    if (peer === undefined) throw new Error(`no peer ${index}`);
    return peer;
  }

  /** SIGKILL of the daemon alone; its containers live on. */
  async killDaemon(index: number): Promise<void> {
    await end(this.peer(index), 'SIGKILL');
  }

  /** As a power cut: SIGKILL of the daemon and of everything that it ran. */
  async powerCut(index: number): Promise<void> {
    const peer = this.peer(index);
    await end(peer, 'SIGKILL');
    await waitFor(
      `what ran on ${peer.node} is gone`,
      async () => {
        for (const pid of containerProcesses(peer)) killQuietly(pid);
        const left = (await this.#engine?.running(peer.node)) ?? [];
        await Promise.all(left.map(async ({ Id }) => this.#engine?.kill(Id)));
        return left.length === 0 && containerProcesses(peer).length === 0;
      },
      { timeoutMs: 10_000, everyMs: 20 },
    );
  }

  /** Containers of the peer that run now, by asking the kernel or the engine: `POD_UID/CONTAINER/ATTEMPT`. Pause containers do not count. */
  async containersOf(peer: LocalPeer): Promise<Set<string>> {
    const running = (await this.#engine?.running(peer.node)) ?? [];
    const ofEngine = running.flatMap(({ Labels }) => {
      const container = Labels['kith.dev/container'] ?? '';
      return container === '' || container === 'POD'
        ? []
        : [`${Labels['kith.dev/pod-uid'] ?? ''}/${container}/${Labels['kith.dev/attempt'] ?? ''}`];
    });
    return new Set([...ofEngine, ...markedProcesses(peer).map(({ container }) => container.replace(/\/$/, ''))]);
  }

  async stop(index: number): Promise<void> {
    await end(this.peer(index), 'SIGTERM');
  }

  freeze(index: number): void {
    this.peer(index).process?.kill('SIGSTOP');
  }

  thaw(index: number): void {
    this.peer(index).process?.kill('SIGCONT');
  }

  /** Images that were made for want of a registry would pass for the real ones later. */
  async #removeImages(): Promise<void> {
    const made = (await this.#engine?.madeImages()) ?? [];
    // Images made from others first, as the engine keeps what others need.
    for (let round = 0; round < 2; round += 1) {
      for (const id of made) if (!this.#imagesBefore.has(id)) await this.#engine?.removeImage(id).catch(() => undefined);
    }
  }

  /** Leases of pod addresses whose daemons were killed before they could give them back. */
  async #releaseAddresses(): Promise<void> {
    for (const address of await readdir(ADDRESS_DIR).catch(() => [])) {
      const lease = path.join(ADDRESS_DIR, address);
      const holder = await readFile(lease, 'utf8').catch(() => '');
      if (this.folder !== '' && holder.startsWith(`${this.folder}/`)) await rm(lease, { force: true });
    }
    await rmdir(ADDRESS_DIR).catch(() => undefined);
  }

  /** Ends every peer and every container that they started, and removes the folder. */
  async destroy(): Promise<void> {
    await Promise.all(
      this.peers.map(async (peer) => {
        peer.process?.kill('SIGCONT');
        await end(peer, 'SIGKILL');
      }),
    );
    for (const peer of this.peers) {
      for (let round = 0; round < 50 && containerProcesses(peer).length > 0; round += 1) {
        for (const pid of containerProcesses(peer)) killQuietly(pid);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    for (const peer of this.peers) {
      await this.#engine?.removeAll(peer.node);
      await rm(memoryFolder(path.join(peer.dataDir, 'pods')), { recursive: true, force: true });
    }
    await this.#removeImages();
    await this.#releaseAddresses();
    if (this.folder !== '') await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface MarkedProcess {
  pid: number;
  /** `POD_UID/CONTAINER/ATTEMPT/` */
  container: string;
}

/** Containers (and their shims) that the process runtime of this peer started: they carry its mark in their environment. */
function markedProcesses(peer: Pick<LocalPeer, 'dataDir'>): MarkedProcess[] {
  const mark = `\0${containerMarker(path.join(peer.dataDir, 'process'))}`;
  const found: MarkedProcess[] = [];
  for (const entry of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const environment = `\0${readFileSync(`/proc/${entry}/environ`, 'latin1')}`;
      const at = environment.indexOf(mark);
      if (at < 0 || /^State:\s+Z/m.test(readFileSync(`/proc/${entry}/status`, 'latin1'))) continue;
      const start = at + mark.length;
      found.push({ pid: Number(entry), container: environment.slice(start, environment.indexOf('\0', start)) });
    } catch {
      continue;
    }
  }
  return found;
}

export function containerProcesses(peer: Pick<LocalPeer, 'dataDir'>): number[] {
  return markedProcesses(peer).map(({ pid }) => pid);
}

/** How the program starts itself, `#!/usr/bin/env -S NAME=VALUE… node --flag…`: it is started so here, too, by the Node that runs this. */
function firstLine(program: string): { flags: string[]; environment: Record<string, string> } {
  const words = (/^#!\/usr\/bin\/env -S (.*)/.exec(readFileSync(program, 'utf8'))?.[1] ?? 'node').split(' ');
  const node = words.indexOf('node');
  const environment: Record<string, string> = {};
  for (const word of words.slice(0, node)) environment[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1);
  return { flags: words.slice(node + 1), environment };
}

async function end(peer: LocalPeer, signal: NodeJS.Signals): Promise<void> {
  const child = peer.process;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

async function answers(client: ApiClient): Promise<boolean> {
  try {
    for await (const chunk of client.stream({ path: '/readyz', signal: AbortSignal.timeout(1_000) })) if (chunk.length > 0) return true;
  } catch {
    // Not yet.
  }
  return false;
}

/** Below those that kernels give to connections (32,768 on Linux) and that Services have on nodes (30,000): a peer that is away finds its port free when it is back. */
const PORTS = { from: 12_000, to: 29_999 };
const PORT_TRIES = 100;

/** The short time until the daemon takes it is a risk that only tests and the demo run. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORT_TRIES; tried += 1) {
    const port = randomInt(PORTS.from, PORTS.to + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port in ${PORT_TRIES} tries between ${PORTS.from} and ${PORTS.to}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

export function tail(file: string, lines = 15): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '(no log)';
}
