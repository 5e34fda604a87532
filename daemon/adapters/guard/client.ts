import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import type { Guard, GuardedPod, ProcessMarks } from '../../ports/guard.ts';
import type { Log } from '../../ports/log.ts';
import { lineReader, type GuardAnswer, type GuardRequest, type MarkedPod } from './messages.ts';
import { findVictims, killVictims } from './victims.ts';

/** Node cuts longer ones silently. Bytes. */
const MAX_SOCKET_PATH = 100;
/** A guard that does not answer by then is stuck, and as good as dead. */
const ANSWER_MS = 1_000;
/** Of a clear, which waits for the kernel. */
const CLEAR_MS = 7_000;
const SLICES = 5;
const START_MS = 10_000;
const POLL_MS = 20;

export interface GuardOptions {
  dataDir: string;
  /** The bundled `guard.ts`. */
  program: string;
  checkMs: number;
}

type Question = GuardRequest extends infer One ? (One extends { id: number } ? Omit<One, 'id'> : never) : never;
type Done = Extract<GuardAnswer, { ok: true }>;

/** The daemon's end of the guard. What it told the guard it remembers: if that dies, the daemon itself kills what is guarded, at once. */
export class GuardClient implements Guard {
  readonly #log: Log;
  readonly #options: GuardOptions;
  readonly #socketPath: string;
  readonly #listeners = new Set<(uid: string, why: string) => void>();
  readonly #waiting = new Map<number, { resolve: (answer: Done) => void; reject: (error: Error) => void }>();
  readonly #marks = new Map<string, ProcessMarks[]>();
  #socket: Socket | undefined;
  #opening: Promise<Socket> | undefined;
  #pid: number | undefined;
  #id = 0;
  #stopped = false;

  constructor(deps: { log: Log }, options: GuardOptions) {
    this.#log = deps.log;
    this.#options = options;
    const path = join(options.dataDir, 'guard', 'socket');
    const short = join(tmpdir(), `kith-guard-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`, 'socket');
    this.#socketPath = Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : short;
  }

  async start(): Promise<readonly GuardedPod[]> {
    this.#stopped = false;
    this.#socket = await this.#connect();
    if (this.#socket === undefined) return [];
    return this.#greet().catch((error: unknown) => {
      this.#log.error('A guard of an earlier run does not answer; what ran under leases is ended', { error });
      return [];
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#socket?.destroy();
  }

  async arm(pod: Omit<GuardedPod, 'expired'>): Promise<void> {
    await this.#open();
    await this.#ask({ do: 'arm', pod });
    if (!this.#marks.has(pod.uid)) this.#marks.set(pod.uid, []);
  }

  async mark(uid: string, marks: ProcessMarks): Promise<void> {
    await this.#ask({ do: 'mark', uid, marks });
    this.#marks.get(uid)?.push(marks);
  }

  async look(uid: string): Promise<{ seen: number; killable: number }> {
    const { seen = 0, killable = 0 } = await this.#ask({ do: 'look', uid });
    return { seen, killable };
  }

  async clear(uid: string): Promise<void> {
    if (this.#socket !== undefined) await this.#ask({ do: 'clear', uid }, CLEAR_MS);
    else if (!this.#killHere(uid)) throw unavailable(`processes of pod ${uid} are not gone yet`);
    this.#marks.delete(uid);
  }

  async forget(uid: string): Promise<void> {
    this.#marks.delete(uid);
    if (this.#socket !== undefined) await this.#ask({ do: 'forget', uid });
  }

  onKilled(listener: (uid: string, why: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #greet(): Promise<readonly MarkedPod[]> {
    const { pods = [], pid } = await this.#ask({ do: 'list' });
    this.#pid = pid;
    for (const { uid, marks } of pods) this.#marks.set(uid, [...marks]);
    return pods;
  }

  async #open(): Promise<void> {
    if (this.#socket !== undefined) return;
    this.#opening ??= this.#launch().finally(() => (this.#opening = undefined));
    this.#socket = await this.#opening;
    await this.#greet();
  }

  async #launch(): Promise<Socket> {
    await mkdir(dirname(this.#socketPath), { recursive: true, mode: 0o700 });
    const words = [
      '--max-old-space-size=32',
      '--max-semi-space-size=1',
      this.#options.program,
      this.#socketPath,
      String(this.#options.checkMs),
    ];
    const child = spawn(process.execPath, words, { detached: true, stdio: 'ignore', cwd: '/' });
    child.on('error', (error) => this.#log.error('The guard could not be started', { error }));
    child.unref();
    const deadline = performance.now() + START_MS;
    while (performance.now() < deadline) {
      const socket = await this.#connect();
      if (socket !== undefined) return socket;
      await delay(POLL_MS);
    }
    throw unavailable(`it does not answer at ${this.#socketPath} after ${START_MS / 1000} s`);
  }

  async #connect(): Promise<Socket | undefined> {
    const socket = createConnection(this.#socketPath);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (!connected) return undefined;
    socket.unref();
    socket.setEncoding('utf8');
    const read = lineReader((line) => this.#hear(JSON.parse(line) as GuardAnswer));
    socket.on('data', (chunk) => read(String(chunk)));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#lost(socket));
    return socket;
  }

  #hear(answer: GuardAnswer): void {
    if ('killed' in answer) return this.#tell(answer.killed, 'its lease was over');
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer);
    else waiting?.reject(unavailable(answer.why));
  }

  async #ask(question: Question, timeoutMs = ANSWER_MS): Promise<Done> {
    const socket = this.#socket;
    if (socket === undefined) throw unavailable('it does not run');
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise<Done>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    socket.write(`${JSON.stringify({ id, ...question })}\n`);
    // In slices: what the daemon itself was late by says nothing of the guard, and its answer may lie in the socket.
    let left = SLICES;
    const wait = (): NodeJS.Timeout =>
      setTimeout(() => {
        left -= 1;
        if (left > 0) return void (timer = wait());
        this.#log.error('The guard does not answer: what it guards is ended, and it is replaced', { pid: this.#pid });
        socket.destroy();
      }, timeoutMs / SLICES).unref();
    let timer = wait();
    return answer.finally(() => clearTimeout(timer));
  }

  /** Nobody guards any more: what was guarded must not run on. */
  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const { reject } of this.#waiting.values()) reject(unavailable('it is gone'));
    this.#waiting.clear();
    if (this.#stopped) return;
    if (this.#pid !== undefined) end(this.#pid, this.#socketPath);
    for (const uid of this.#marks.keys()) {
      this.#killHere(uid);
      this.#tell(uid, 'the process that guards it is gone');
    }
  }

  /** @returns whether nothing was left */
  #killHere(uid: string): boolean {
    const victims = findVictims(this.#marks.get(uid) ?? []);
    killVictims(victims);
    return victims.length === 0;
  }

  #tell(uid: string, why: string): void {
    for (const listener of this.#listeners) listener(uid, why);
  }
}

/** It may only be stopped, and would take itself for the guard when it goes on. */
function end(pid: number, socketPath: string): void {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(socketPath)) process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

function unavailable(why: string): KithError {
  return new KithError('GuardUnavailable', `the guard of leases: ${why}`);
}
