import { existsSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { LABEL, SANDBOX } from '../../daemon/adapters/docker/names.ts';
import { waitFor, type WaitOptions } from '../support/wait.ts';
import { DOCKERD } from './available.ts';
import { readRecord, type Cell } from './cell.ts';
import { isAlive, run, signal, type ProcessId } from './processes.ts';
import type { LabContainer, LabEngine, LabEngineEvent } from './types.ts';

const START_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 30_000;

/** The Docker Engine of one host: starts and stops it, and asks it. */
export class HostEngine implements LabEngine {
  readonly socketPath: string;
  readonly #cell: Cell;
  readonly #folder: string;

  /** @param folder of the host */
  constructor(cell: Cell, folder: string) {
    this.#cell = cell;
    this.#folder = folder;
    this.socketPath = path.join(folder, 'docker.sock');
  }

  get #record(): string {
    return path.join(this.#folder, 'dockerd.json');
  }

  get process(): ProcessId | undefined {
    const id = readRecord(this.#record);
    return id !== undefined && isAlive(id) ? id : undefined;
  }

  /** Resolves when it answers. */
  async start(wait?: WaitOptions): Promise<void> {
    if (this.process !== undefined) return;
    const log = path.join(this.#folder, 'dockerd.log');
    await writeFile(path.join(this.#folder, 'daemon.json'), '{}');
    // What a killed one left would be taken for its mark.
    await this.#cell.exec(['rm', '-f', '/run/docker.pid', this.socketPath]);
    const words = [
      ...[DOCKERD, '--host', `unix://${this.socketPath}`, '--host', 'unix:///run/docker.sock'],
      ...['--data-root', path.join(this.#folder, 'engine'), '--config-file', path.join(this.#folder, 'daemon.json')],
    ];
    const id = await this.#cell.spawn(log, words);
    await writeFile(this.#record, JSON.stringify(id));
    await waitFor(
      'the engine answers',
      async () => {
        if (!isAlive(id)) throw new Error(`dockerd ended: ${readFileSync(log, 'utf8').slice(-2_000)}`);
        return existsSync(this.socketPath) && (await this.#get('/_ping')) === 'OK';
      },
      { timeoutMs: START_TIMEOUT_MS, everyMs: 20, ...wait },
    );
  }

  async stop(name: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const id = this.process;
    if (id === undefined) return;
    signal(id, name);
    await this.#cell.ended(id);
    rmSync(this.#record, { force: true });
  }

  async docker(...words: string[]): Promise<string> {
    return run('docker', ['--host', `unix://${this.socketPath}`, ...words]);
  }

  async containers(options: { all?: boolean } = {}): Promise<LabContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [LABEL.podUid] }));
    const listed = JSON.parse(await this.#get(`/containers/json?all=${options.all === true}&filters=${filters}`)) as ListedContainer[];
    const ofPods = listed.filter(({ Labels }) => Labels[LABEL.container] !== SANDBOX);
    const inspected = await Promise.all(ofPods.map(async (container) => this.#inspect(container)));
    return inspected.flatMap((container) => (container === undefined ? [] : [container]));
  }

  async #inspect({ Id, Labels }: ListedContainer): Promise<LabContainer | undefined> {
    try {
      const { State } = JSON.parse(await this.#get(`/containers/${Id}/json`)) as { State: { Running: boolean; StartedAt: string } };
      return { id: Id, ...whose(Labels), image: Labels[LABEL.image] ?? '', running: State.Running, startedAt: State.StartedAt };
    } catch (error) {
      if ((error as { status?: number }).status === 404) return undefined;
      throw error;
    }
  }

  async watch(onEvent: (event: LabEngineEvent) => void, abort: AbortSignal): Promise<void> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['start', 'die'], label: [LABEL.podUid] }));
    let rest = '';
    await this.#request(`/events?filters=${filters}`, abort, (chunk) => {
      rest += chunk;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = toEvent(line);
        if (event !== undefined) onEvent(event);
      }
    }).catch((error: unknown) => {
      if (!abort.aborted) throw error;
    });
  }

  async #get(target: string): Promise<string> {
    let text = '';
    await this.#request(target, AbortSignal.timeout(CALL_TIMEOUT_MS), (chunk) => (text += chunk));
    return text;
  }

  #request(target: string, abort: AbortSignal, onChunk: (chunk: string) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = http.get({ socketPath: this.socketPath, path: target, signal: abort }, (response) => {
        const status = response.statusCode ?? 500;
        let refusal = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (status < 400 ? onChunk(chunk) : (refusal += chunk)));
        response.once('error', reject);
        response.once('end', () =>
          status < 400 ? resolve() : reject(Object.assign(new Error(`the engine refuses ${target}: ${refusal}`), { status })),
        );
      });
      request.once('error', reject);
    });
  }
}

interface ListedContainer {
  Id: string;
  Labels: Record<string, string>;
}

function whose(labels: Readonly<Record<string, string>>): Pick<LabContainer, 'pod' | 'namespace' | 'uid' | 'container' | 'attempt'> {
  return {
    pod: labels[LABEL.podName] ?? '',
    namespace: labels[LABEL.podNamespace] ?? '',
    uid: labels[LABEL.podUid] ?? '',
    container: labels[LABEL.container] ?? '',
    attempt: Number(labels[LABEL.attempt] ?? 0),
  };
}

function toEvent(line: string): LabEngineEvent | undefined {
  if (line === '') return undefined;
  const { Action, Actor, timeNano } = JSON.parse(line.replace(/"timeNano":(\d+)/, '"timeNano":"$1"')) as {
    Action: string;
    Actor: { Attributes: Record<string, string> };
    timeNano: string;
  };
  const owner = whose(Actor.Attributes);
  if ((Action !== 'start' && Action !== 'die') || owner.container === SANDBOX) return undefined;
  return { atMs: Number(BigInt(timeNano) / 1_000n) / 1_000, action: Action, ...owner };
}
