import http from 'node:http';
import { LABEL, SANDBOX } from '../../daemon/adapters/docker/names.ts';
import type { Cell } from '../support/cell/cell.ts';
import { Dockerd } from '../support/cell/dockerd.ts';
import { SWITCH_ADDRESS } from './network.ts';
import { REGISTRY_PORT } from './registry.ts';
import type { LabContainer, LabEngine, LabEngineEvent } from './types.ts';

/** A host that is cut off from the switch can pull nothing, as in life. */
const MIRROR = `http://${SWITCH_ADDRESS}:${REGISTRY_PORT}`;
const CALL_TIMEOUT_MS = 30_000;

/** The Docker Engine of one host: its process, and what it says when it is asked directly. */
export class HostEngine extends Dockerd implements LabEngine {
  constructor(cell: Cell) {
    super(cell, { settings: { 'registry-mirrors': [MIRROR] } });
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
