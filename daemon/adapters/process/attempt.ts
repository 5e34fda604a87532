import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '../../ports/volumes.ts';
import type { RuntimeContainer } from '../../ports/runtime.ts';
import { CONSOLE_SOCKET } from './console-frames.ts';
import { readText, writeWhole } from './files.ts';
import { bootId, findMarked, isAlive, signalProcess, uptimeSeconds } from './processes.ts';
import type { ProcessIdentity } from './processes.ts';

/** Kubernetes reads no more of a termination message. */
const TERMINATION_MESSAGE_BYTES = 4096;
/** What Kubernetes reports for a container whose end nobody saw: as if SIGKILL had ended it. */
const UNSEEN_END_CODE = 137;

/** Written before the shim starts; never changed. */
export interface AttemptRecord {
  container: string;
  attempt: number;
  image: string;
  imageId: string;
  /** Wall clock, ms, at uptime 0, as it was at the start: turns the shim's stamps into times. */
  bootTimeMs: number;
  /** Whether a console stands between the shim and the program. */
  console?: boolean;
}

/**
 * The files of one attempt of a container. State follows from them: `attempt.json` (created), `shim` (a shim took it), `running` (the program's identity),
 * `ended` (exit code and when).
 */
export class Attempt {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async create(record: AttemptRecord): Promise<void> {
    await mkdir(join(this.folder, 'work'), { recursive: true });
    await rm(join(this.folder, CONSOLE_SOCKET), { force: true });
    await writeFile(join(this.folder, 'termination'), '');
    await writeWhole(join(this.folder, 'attempt.json'), JSON.stringify(record));
  }

  /** What a command needs to run beside the program. Its environment is the shim's: secrets in it are in no file. */
  async keepContext(context: { workingDir: string; mounts: readonly Mount[] }): Promise<void> {
    await writeFile(join(this.folder, 'program.json'), JSON.stringify(context), { mode: 0o600 });
  }

  /** The shim was started with it, and a shell leaves it as it is; a program may write over its own. Undefined: the shim is gone. */
  async environment(): Promise<Record<string, string> | undefined> {
    const shim = await this.#identity('shim');
    if (shim === undefined || !(await isAlive(shim))) return undefined;
    const entries = ((await readText(`/proc/${shim.pid}/environ`)) ?? '').split('\0').filter((entry) => entry.includes('='));
    return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
  }

  async record(): Promise<AttemptRecord | undefined> {
    const text = await readText(join(this.folder, 'attempt.json'));
    try {
      return text === undefined ? undefined : (JSON.parse(text) as AttemptRecord);
    } catch {
      // Only a power failure of the host leaves it cut short, and then nothing of the attempt runs: as if it had never been.
      return undefined;
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Undefined when there is no such attempt. */
  async inspect(): Promise<RuntimeContainer | undefined> {
    const record = await this.record();
    if (record === undefined) return undefined;
    const running = await this.#identity('running');
    const ended = (await this.#ended(record)) ?? (await this.#endUnseen(record, running));
    const container: RuntimeContainer = {
      name: record.container,
      attempt: record.attempt,
      id: `process://${running?.pid ?? 0}-${running?.startTicks ?? 0}`,
      image: record.image,
      imageId: record.imageId,
      state: running === undefined ? 'created' : 'running',
    };
    if (running !== undefined) container.startedAt = Math.round(record.bootTimeMs + running.uptime * 1000);
    if (ended === undefined) return container;
    const message = await this.#terminationMessage();
    return { ...container, state: 'exited', ...ended, ...(message === '' ? {} : { terminationMessage: message }) };
  }

  async hasEnded(): Promise<boolean> {
    const found = await this.inspect();
    return found === undefined || found.state === 'exited';
  }

  /** Whether a shim took this attempt, so that it must not be started again. */
  async wasStarted(): Promise<boolean> {
    return (await this.#identity('shim')) !== undefined;
  }

  /** Tells the program to end: it alone, as an engine tells only process 1. */
  async terminate(): Promise<void> {
    const running = await this.#identity('running');
    if (running !== undefined && running.bootId === (await bootId())) await signalProcess(running, 'SIGTERM');
  }

  /** Kills the program and all it started, but not the shim, which still has to write how it ended. */
  async kill(marker: string): Promise<void> {
    const shim = await this.#identity('shim');
    const running = await this.#identity('running');
    if (running !== undefined && running.bootId === (await bootId())) await signalProcess(running, 'SIGKILL');
    for (const process of await findMarked(marker)) {
      if (process.session !== shim?.pid) await signalProcess(process, 'SIGKILL');
    }
  }

  async #identity(file: 'shim' | 'running'): Promise<(ProcessIdentity & { uptime: number }) | undefined> {
    const [pid, startTicks, boot, uptime] = ((await readText(join(this.folder, file))) ?? '').trim().split(' ');
    if (pid === undefined || startTicks === undefined || boot === undefined || uptime === undefined) return undefined;
    return { pid: Number(pid), startTicks, bootId: boot, uptime: Number(uptime) };
  }

  /** `CODE UPTIME`, or `CODE @MILLISECONDS` when the daemon found it. An empty file is just being written. */
  async #ended(record: AttemptRecord): Promise<{ exitCode: number; finishedAt: number } | undefined> {
    const [code, at] = ((await readText(join(this.folder, 'ended'))) ?? '').trim().split(' ');
    if (code === undefined || at === undefined) return undefined;
    const finishedAt = at.startsWith('@') ? Number(at.slice(1)) : record.bootTimeMs + Number(at) * 1000;
    return { exitCode: Number(code), finishedAt: Math.round(finishedAt) };
  }

  /** A shim that died (power failure, SIGKILL) writes no end: once neither it nor the program lives, we do. */
  async #endUnseen(
    record: AttemptRecord,
    running: ProcessIdentity | undefined,
  ): Promise<{ exitCode: number; finishedAt: number } | undefined> {
    const shim = await this.#identity('shim');
    if (shim === undefined || (await isAlive(shim)) || (running !== undefined && (await isAlive(running)))) return undefined;
    const seen = await this.#ended(record);
    if (seen !== undefined) return seen;
    await writeFile(join(this.folder, 'ended'), `${UNSEEN_END_CODE} @${Date.now()}\n`);
    return this.#ended(record);
  }

  async #terminationMessage(): Promise<string> {
    const file = await open(join(this.folder, 'termination'), 'r').catch(() => undefined);
    if (file === undefined) return '';
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TERMINATION_MESSAGE_BYTES), 0, TERMINATION_MESSAGE_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }
}

/** An attempt that knows which one it is. */
export class NumberedAttempt extends Attempt {
  readonly number: number;

  constructor(folder: string, number: number) {
    super(folder);
    this.number = number;
  }
}

/** Wall time at uptime 0. */
export async function bootTimeMs(): Promise<number> {
  return Date.now() - (await uptimeSeconds()) * 1000;
}
