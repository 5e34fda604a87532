import { existsSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { waitFor, type WaitOptions } from '../wait.ts';
import { readRecord, type Cell } from './cell.ts';
import { isAlive, run, signal, type ProcessId } from './processes.ts';

export const DOCKERD = '/usr/sbin/dockerd';
const START_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 5_000;

export interface DockerdOptions {
  /** Beside the usual ones. */
  words?: readonly string[];
  /** What daemon.json says. */
  settings?: Readonly<Record<string, unknown>>;
}

/** The Docker Engine of a cell: its process. Log, settings and data are in the cell's folder, and its socket, which the machine reaches there. */
export class Dockerd {
  readonly socketPath: string;
  readonly #cell: Cell;
  readonly #options: DockerdOptions;

  constructor(cell: Cell, options: DockerdOptions = {}) {
    this.#cell = cell;
    this.#options = options;
    this.socketPath = path.join(cell.folder, 'docker.sock');
  }

  get process(): ProcessId | undefined {
    const id = readRecord(this.#record);
    return id !== undefined && isAlive(id) ? id : undefined;
  }

  /** Resolves when it answers. */
  async start(wait?: WaitOptions): Promise<void> {
    if (this.process !== undefined) return;
    const { folder } = this.#cell;
    const log = path.join(folder, 'dockerd.log');
    const settings = path.join(folder, 'daemon.json');
    await writeFile(settings, JSON.stringify(this.#options.settings ?? {}));
    // A killed one leaves its number behind, which may be anybody's by now.
    await this.#cell.exec(['rm', '-f', '/run/docker.pid', this.socketPath]);
    const id = await this.#cell.spawn(log, [
      ...[DOCKERD, '--host', `unix://${this.socketPath}`, '--host', 'unix:///run/docker.sock', '--pidfile', '/run/docker.pid'],
      ...['--data-root', path.join(folder, 'engine'), '--config-file', settings, ...(this.#options.words ?? [])],
    ]);
    await writeFile(this.#record, JSON.stringify(id));
    await waitFor(
      'the engine answers',
      async () => {
        if (!isAlive(id)) throw new Error(`dockerd ended: ${readFileSync(log, 'utf8').slice(-4_000)}`);
        return existsSync(this.socketPath) && (await ping(this.socketPath));
      },
      { timeoutMs: START_TIMEOUT_MS, everyMs: 20, ...wait },
    );
  }

  /** Resolves when it is gone. With SIGTERM it ends its containers first. */
  async stop(name: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const id = this.process;
    if (id === undefined) return;
    signal(id, name);
    await this.#cell.ended(id);
    rmSync(this.#record, { force: true });
  }

  /** SIGSTOP: it takes connections and answers none. SIGCONT ends that. */
  freeze(frozen: boolean): void {
    const id = this.process;
    if (id === undefined) throw new Error('the engine does not run');
    signal(id, frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async docker(...words: string[]): Promise<string> {
    return run('docker', ['--host', `unix://${this.socketPath}`, ...words]);
  }

  get #record(): string {
    return path.join(this.#cell.folder, 'dockerd.json');
  }
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path: '/_ping', signal: AbortSignal.timeout(PING_TIMEOUT_MS) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => resolve(false));
  });
}
