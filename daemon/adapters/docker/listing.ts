import type { RuntimeContainer, RuntimePod } from '../../ports/runtime.ts';
import type { Holder } from './addresses.ts';
import { EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { parseTime } from './logs.ts';
import { isOurs, LABEL, ownerFilter, SANDBOX } from './names.ts';
import type { Owner } from './names.ts';
import type { OomKills } from './oom-kills.ts';
import type { TerminationFiles } from './termination.ts';

/** What `/containers/json` tells of a container. */
export interface Summary {
  Id: string;
  Names: string[];
  ImageID: string;
  State: string;
  Labels: Record<string, string>;
  HostConfig?: { NetworkMode?: string };
  NetworkSettings?: { Networks?: Record<string, { IPAddress?: string }> };
}

/** What `/containers/ID/json` tells, as far as we read it. */
export interface Inspection {
  Id: string;
  Image: string;
  State: {
    Status: string;
    Running: boolean;
    Pid: number;
    ExitCode: number;
    OOMKilled: boolean;
    Error: string;
    StartedAt: string;
    FinishedAt: string;
  };
  Config: { Tty: boolean };
  HostConfig?: { NetworkMode?: string };
  NetworkSettings: { IPAddress?: string; Networks?: Record<string, { IPAddress?: string }> };
}

/** Inspections under way at once. */
const PARALLEL = 16;
/** An inspection is taken again at this age even when nothing told of a change. */
const CACHE_MS = 30_000;
/** Of what SIGKILL ended, as shells and engines tell it. */
const KILLED_CODE = 137;
/** Docker's way to say never. */
const NEVER = '0001-01-01T00:00:00Z';

/** Reads what the engine runs of ours. Remembers inspections: what has exited no longer changes, and the rest is forgotten on every event but that of its start. */
export class Listing {
  readonly #client: EngineClient;
  readonly #owner: Owner;
  readonly #termination: TerminationFiles;
  readonly #oomKills: Pick<OomKills, 'has'>;
  readonly #hostAddress: string;
  readonly #cache = new Map<string, { inspection: Inspection; state: string; at: number }>();

  /** @param owner `hostAddress`: of pods in the network of this host */
  constructor(
    deps: { client: EngineClient; termination: TerminationFiles; oomKills: Pick<OomKills, 'has'> },
    owner: Owner & { hostAddress?: string },
  ) {
    this.#oomKills = deps.oomKills;
    this.#hostAddress = owner.hostAddress ?? '';
    this.#client = deps.client;
    this.#termination = deps.termination;
    this.#owner = owner;
  }

  /** Of what holds a pod's network. */
  addressOf(holder: Pick<Inspection, 'HostConfig' | 'NetworkSettings'> | Summary | undefined): string {
    return holder?.HostConfig?.NetworkMode === 'host' ? this.#hostAddress : addressOf(holder?.NetworkSettings);
  }

  forget(containerId: string): void {
    this.#cache.delete(containerId);
  }

  /** Our containers, or those of one pod; sandboxes too. */
  async summaries(podUid: string | undefined, signal?: AbortSignal): Promise<Summary[]> {
    const filters = ownerFilter(this.#owner, podUid);
    const query = { all: true, filters: JSON.stringify(filters) };
    const all = await this.#client.call<Summary[]>({ method: 'GET', path: '/containers/json', query, timeoutMs: READ_TIMEOUT_MS, signal });
    return all.filter((summary) => isOurs(this.#owner, summary.Labels, summary.Names));
  }

  /** Undefined when it is gone. */
  async inspect(id: string, signal?: AbortSignal): Promise<Inspection | undefined> {
    try {
      return await this.#client.call<Inspection>({ method: 'GET', path: `/containers/${id}/json`, timeoutMs: READ_TIMEOUT_MS, signal });
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  async pods(signal?: AbortSignal): Promise<RuntimePod[]> {
    const summaries = await this.summaries(undefined, signal);
    const known = new Set(summaries.map((summary) => summary.Id));
    for (const id of this.#cache.keys()) if (!known.has(id)) this.#cache.delete(id);
    const pods = new Map<string, RuntimePod>();
    for (const summary of summaries) {
      const uid = summary.Labels[LABEL.podUid] ?? '';
      const pod = pods.get(uid) ?? emptyPod(uid, summary.Labels);
      if (summary.Labels[LABEL.container] === SANDBOX) {
        const running = summary.State === 'running';
        pod.sandbox = { ip: running ? this.addressOf(summary) : '', running };
      }
      pods.set(uid, pod);
    }
    const queue = summaries.filter((summary) => summary.Labels[LABEL.container] !== SANDBOX);
    const worker = async (): Promise<void> => {
      for (let summary = queue.shift(); summary !== undefined; summary = queue.shift()) {
        const container = await this.#container(summary, signal);
        if (container !== undefined) pods.get(summary.Labels[LABEL.podUid] ?? '')?.containers.push(container);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    for (const pod of pods.values())
      pod.containers.sort((left, right) => compareText(left.name, right.name) || left.attempt - right.attempt);
    return [...pods.values()];
  }

  async #container(summary: Summary, signal?: AbortSignal): Promise<RuntimeContainer | undefined> {
    if (summary.State === 'created') return createdContainer(summary);
    const cached = this.#cache.get(summary.Id);
    const fresh = cached !== undefined && cached.state === summary.State && performance.now() - cached.at < CACHE_MS;
    const inspection = fresh ? cached.inspection : await this.inspect(summary.Id, signal);
    if (inspection === undefined) return undefined;
    if (!fresh) this.#cache.set(summary.Id, { inspection, state: inspection.State.Status, at: performance.now() });
    return this.#describe(summary.Labels, inspection);
  }

  async #describe(labels: Record<string, string>, inspection: Inspection): Promise<RuntimeContainer> {
    const { State: state } = inspection;
    const container: RuntimeContainer = {
      name: labels[LABEL.container] ?? '',
      attempt: Number(labels[LABEL.attempt]),
      id: `docker://${inspection.Id}`,
      image: labels[LABEL.image] ?? '',
      imageId: inspection.Image,
      state: state.Running ? 'running' : state.Status === 'created' ? 'created' : 'exited',
    };
    if (state.StartedAt !== NEVER) container.startedAt = Math.floor(parseTime(state.StartedAt));
    if (container.state !== 'exited') return container;
    container.exitCode = state.ExitCode;
    container.finishedAt = Math.floor(parseTime(state.FinishedAt));
    if (state.OOMKilled || (state.ExitCode === KILLED_CODE && this.#oomKills.has(inspection.Id))) container.outOfMemory = true;
    const message = await this.#termination.read(labels[LABEL.podUid] ?? '', container.name, container.attempt);
    if (message !== undefined) container.terminationMessage = message;
    return container;
  }
}

/** Which pods the engine knows, and their addresses by the label of what holds them: the sandbox, or the newest attempt of a pod without one. */
export function holdersIn(summaries: readonly Summary[]): Holder[] {
  const newest = new Map<string, { attempt: number; holder: Holder }>();
  for (const { Labels: labels } of summaries) {
    const [uid, address] = [labels[LABEL.podUid] ?? '', labels[LABEL.address] ?? ''];
    const paused = labels[LABEL.container] === SANDBOX;
    // Attempts count from 0; a pause container is the word above all of them.
    const attempt = paused ? Infinity : Number(labels[LABEL.attempt]);
    if ((address === '' && !paused) || attempt < (newest.get(uid)?.attempt ?? -1)) continue;
    const [namespace, name] = [labels[LABEL.podNamespace] ?? '', labels[LABEL.podName] ?? ''];
    newest.set(uid, { attempt, holder: { uid, namespace, name, address, paused, ...(paused ? { made: true as const } : {}) } });
  }
  return [...newest.values()].map(({ holder }) => holder);
}

export function isSandbox(summary: Summary): boolean {
  return summary.Labels[LABEL.container] === SANDBOX;
}

/** The newest attempt where none is named. */
export function findAttempt(summaries: readonly Summary[], container: string, attempt: number | undefined): Summary | undefined {
  return summaries
    .filter((summary) => summary.Labels[LABEL.container] === container)
    .filter((summary) => attempt === undefined || Number(summary.Labels[LABEL.attempt]) === attempt)
    .sort((left, right) => Number(right.Labels[LABEL.attempt]) - Number(left.Labels[LABEL.attempt]))[0];
}

/** What never started has nothing more to tell. */
function createdContainer({ Id, ImageID, Labels: labels }: Summary): RuntimeContainer {
  const [name, attempt, image] = [labels[LABEL.container] ?? '', Number(labels[LABEL.attempt]), labels[LABEL.image] ?? ''];
  return { name, attempt, id: `docker://${Id}`, image, imageId: ImageID, state: 'created' };
}

function emptyPod(uid: string, labels: Record<string, string>): RuntimePod {
  const sandbox = { ip: '', running: false };
  return { uid, namespace: labels[LABEL.podNamespace] ?? '', name: labels[LABEL.podName] ?? '', sandbox, containers: [] };
}

export function addressOf(settings: { IPAddress?: string; Networks?: Record<string, { IPAddress?: string }> } | undefined): string {
  const addresses = Object.values(settings?.Networks ?? {}).map((network) => network.IPAddress ?? '');
  return [...addresses, settings?.IPAddress ?? ''].find((address) => address !== '') ?? '';
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
