/**
 * Containers run by a Docker Engine (or what speaks its API, from 1.41 on). A pod is a sandbox, a pause container that holds the address and the published ports,
 * plus its containers, which join it. All state is in the engine, in labels; termination messages are files of ours.
 * It must never touch a container that does not bear our cluster, our node and the name that we give. Several peers and clusters may share one engine.
 *
 * Pods get their addresses from a network of the engine, by default its own bridge: nothing to make and nothing to leave behind, and pods of several peers
 * on one engine reach each other. The sandbox keeps the address while containers come and go.
 */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import type { Log } from '../../ports/log.ts';
import type {
  ContainerRuntime,
  ContainerStart,
  LogChunk,
  LogRequest,
  RuntimePod,
  RuntimeSandbox,
  SandboxSpec,
} from '../../ports/runtime.ts';
import { findImageFolder } from '../process/image-folder.ts';
import { CHANGE_TIMEOUT_MS, EngineClient, EngineRefusal, READ_TIMEOUT_MS } from './client.ts';
import { containerConfig, sandboxConfig } from './configuration.ts';
import { EventListener } from './events.ts';
import { FolderImporter } from './import-folder.ts';
import { importImage, inspectImage, pullImage } from './images.ts';
import { addressOf, Listing } from './listing.ts';
import type { Summary } from './listing.ts';
import { logChunks } from './logs.ts';
import { containerName, LABEL, MADE_LABEL, SANDBOX } from './names.ts';
import type { Owner } from './names.ts';
import { pauseBinary } from './pause.ts';
import { tarFile, writeTar } from './tar.ts';
import { TerminationFiles } from './termination.ts';

export interface DockerRuntimeOptions {
  /** `unix:///PATH`, `/PATH` or `tcp://HOST:PORT`. */
  host: string;
  clusterId: string;
  nodeName: string;
  /** Folder of our own on a file system that the engine sees, for termination messages. */
  dataDir: string;
  /** Network of the engine that pods get their addresses from. */
  network?: string;
  /** Folders of image folders, for images that can not be pulled: the first that has one wins. */
  imageDirs?: readonly string[];
}

/** Examples' images stand in no registry: nobody is asked for them. */
const OWN_IMAGE = /^kith\.dev\//;

const PAUSE = { repository: 'kith.dev/pause', tag: '1' };
const PAUSE_IMAGE = `${PAUSE.repository}:${PAUSE.tag}`;
const DEFAULT_NETWORK = 'bridge';
/** Beyond the grace period, for the engine's own kill and clean-up. */
const STOP_MARGIN_MS = 30_000;
/** How long the engine may take to forget what it was told to remove. */
const REMOVE_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const UID = /^[A-Za-z0-9-]{1,64}$/;
const CONTAINER = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export class DockerRuntime implements ContainerRuntime {
  readonly name = 'docker';
  readonly #log: Log;
  readonly #owner: Owner;
  readonly #network: string;
  readonly #client: EngineClient;
  readonly #termination: TerminationFiles;
  readonly #listing: Listing;
  readonly #events: EventListener;
  readonly #importer: FolderImporter;
  readonly #listeners = new Set<(hint: { podUid?: string }) => void>();
  readonly #imageDirs: readonly string[];
  #bindsFiles = true;

  constructor(deps: { log: Log }, options: DockerRuntimeOptions) {
    this.#log = deps.log;
    this.#imageDirs = options.imageDirs ?? [];
    this.#owner = { clusterId: options.clusterId, nodeName: options.nodeName };
    this.#network = options.network ?? DEFAULT_NETWORK;
    this.#client = new EngineClient(options.host);
    this.#termination = new TerminationFiles(options.dataDir);
    this.#listing = new Listing({ client: this.#client, termination: this.#termination }, this.#owner);
    this.#importer = new FolderImporter(this.#client);
    this.#events = new EventListener({ client: this.#client, log: deps.log, onEvent: (event) => this.#onEvent(event) }, this.#owner);
  }

  /** Does not need the engine to be there yet. */
  async start(_signal?: AbortSignal): Promise<void> {
    this.#events.start();
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    await this.#events.stop();
  }

  async version(signal?: AbortSignal): Promise<string> {
    return `docker://${(await this.#client.refreshVersion(signal)).version}`;
  }

  async list(signal?: AbortSignal): Promise<RuntimePod[]> {
    return this.#orUnavailable('list containers', () => this.#listing.pods(signal));
  }

  onHint(listener: (hint: { podUid?: string }) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox> {
    checkUid(pod.uid);
    return this.#explainingCreate(`the sandbox of pod ${pod.namespace}/${pod.name}`, async () => {
      const known = (await this.#listing.summaries(pod.uid, signal)).find((summary) => summary.Labels[LABEL.container] === SANDBOX);
      const config = sandboxConfig(this.#owner, pod, PAUSE_IMAGE, this.#network);
      if (known === undefined) await this.#ensurePauseImage(signal);
      const id = known?.Id ?? (await this.#create(config, signal));
      try {
        await this.#change('POST', `/containers/${id}/start`, signal);
      } catch (error) {
        // A sandbox that never ran holds nothing; kept, it would also keep the configuration that failed.
        if (error instanceof EngineRefusal) await this.#forceRemove(id, signal);
        throw error;
      }
      const inspection = await this.#listing.inspect(id, signal);
      return { ip: addressOf(inspection?.NetworkSettings), running: inspection?.State.Running === true };
    });
  }

  async removePod(podUid: string, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orUnavailable(`remove pod ${podUid}`, async () => {
      const deadline = performance.now() + REMOVE_TIMEOUT_MS;
      for (
        let left = await this.#listing.summaries(podUid, signal);
        left.length > 0;
        left = await this.#listing.summaries(podUid, signal)
      ) {
        if (performance.now() > deadline)
          throw new KithError('RuntimeUnavailable', `the engine does not remove the containers of pod ${podUid}`);
        const [sandboxes, containers] = [left.filter(isSandbox), left.filter((summary) => !isSandbox(summary))];
        await Promise.all(containers.map((summary) => this.#forceRemove(summary.Id, signal)));
        await Promise.all(sandboxes.map((summary) => this.#forceRemove(summary.Id, signal)));
        if ((await this.#listing.summaries(podUid, signal)).length > 0) await delay(POLL_MS, undefined, { signal });
      }
      await this.#termination.removePod(podUid);
    });
  }

  async imagePresent(image: string, signal?: AbortSignal): Promise<boolean> {
    return this.#orUnavailable(`look for image "${image}"`, async () => (await inspectImage(this.#client, image, signal)) !== undefined);
  }

  async pullImage(image: string, signal?: AbortSignal): Promise<string> {
    const local = await this.#localFolder(image);
    if (local !== undefined && OWN_IMAGE.test(local.name)) return this.#importLocal(local.directory, local.name, signal);
    try {
      return await this.#orUnavailable(`pull image "${image}"`, () => pullImage(this.#client, image, signal));
    } catch (error) {
      if (local === undefined || !(error instanceof KithError) || error.code === 'RuntimeUnavailable') throw error;
      this.#log.info('An image can not be pulled and is made from its folder', { image, error });
      return this.#importLocal(local.directory, local.name, signal);
    }
  }

  /** The first of the image folders that has the image. */
  async #localFolder(image: string): Promise<{ directory: string; name: string } | undefined> {
    for (const directory of this.#imageDirs) {
      const found = await findImageFolder([directory], image);
      if (found !== undefined) return { directory, name: found.name };
    }
    return undefined;
  }

  /** @returns the image's id */
  async #importLocal(directory: string, name: string, signal: AbortSignal | undefined): Promise<string> {
    const tag = await this.importImageFolder(directory, join(directory, ...name.split('/')), signal);
    const made = await this.#orUnavailable(`look for image "${tag}"`, async () => inspectImage(this.#client, tag, signal));
    if (made === undefined) throw new KithError('ImagePullFailed', `image "${tag}" was made from ${directory} and is gone again`);
    return made.id;
  }

  /**
   * Makes an image, tagged as the folder's path says, out of an image folder and this host's Node.js with its libraries: for where nothing can be pulled.
   * @param imagesDirectory the folder of image folders, such as `examples/images`
   * @returns the image's name
   */
  async importImageFolder(imagesDirectory: string, folder: string, signal?: AbortSignal): Promise<string> {
    return this.#orUnavailable(`import image folder ${folder}`, () => this.#importer.importFolder(imagesDirectory, folder, signal));
  }

  async startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void> {
    checkUid(spec.pod.uid);
    if (!CONTAINER.test(spec.container)) throw new KithError('InvalidContainer', `"${spec.container}" is no container name`);
    const what = `container "${spec.container}" of pod ${spec.pod.namespace}/${spec.pod.name}`;
    await this.#explainingCreate(what, async () => {
      const summaries = await this.#listing.summaries(spec.pod.uid, signal);
      const sandbox = summaries.find((summary) => isSandbox(summary) && summary.State === 'running');
      if (sandbox === undefined)
        throw new KithError('NotFound', `the sandbox of pod ${spec.pod.namespace}/${spec.pod.name} does not run; create it first`);
      const known = findAttempt(summaries, spec.container, spec.attempt);
      if (known !== undefined && known.State !== 'created') return;
      const id = known?.Id ?? (await this.#createContainer(spec, sandbox.Id, signal));
      try {
        await this.#change('POST', `/containers/${id}/start`, signal);
      } catch (error) {
        if (!(error instanceof EngineRefusal)) throw error;
        await this.#forceRemove(id, signal);
        await this.#termination.remove(spec.pod.uid, spec.container, spec.attempt);
        throw new KithError('ContainerStartFailed', `cannot start ${what}: ${error.message}`);
      }
    });
  }

  async stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orUnavailable(`stop container "${container}" of pod ${podUid}`, async () => {
      const summaries = await this.#listing.summaries(podUid, signal);
      const running = summaries.filter((summary) => summary.Labels[LABEL.container] === container && summary.State !== 'exited');
      const began = running.filter((summary) => summary.State !== 'created');
      await Promise.all(began.map(({ Id }) => this.#end(Id, Math.ceil(graceSeconds), signal)));
    });
  }

  async removeContainer(podUid: string, container: string, attempt: number, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orUnavailable(`remove container "${container}" of pod ${podUid}`, async () => {
      const found = findAttempt(await this.#listing.summaries(podUid, signal), container, attempt);
      if (found?.State === 'running' || found?.State === 'paused') {
        throw new KithError('InvalidContainer', `container "${container}" of pod ${podUid} still runs; stop it before removing it`);
      }
      if (found !== undefined) await this.#forceRemove(found.Id, signal);
      await this.#termination.remove(podUid, container, attempt);
    });
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogChunk, void, void> {
    const found = await this.#orUnavailable(`read a log of pod ${request.podUid}`, async () => {
      checkUid(request.podUid);
      const summaries = await this.#listing.summaries(request.podUid, signal);
      const summary = findAttempt(summaries, request.container, request.attempt);
      return summary === undefined ? undefined : this.#listing.inspect(summary.Id, signal);
    });
    if (found === undefined) {
      const which = request.attempt === undefined ? '' : ` attempt ${request.attempt} of`;
      throw new KithError('NotFound', `no log:${which} container "${request.container}" of pod ${request.podUid} is not on this node`);
    }
    const query = {
      stdout: true,
      stderr: true,
      timestamps: true,
      follow: request.follow,
      tail: request.tailLines ?? 'all',
      since: request.sinceMs === undefined ? undefined : (request.sinceMs / 1000).toFixed(9),
    };
    const path = `/containers/${found.Id}/logs`;
    const stream = await this.#orUnavailable('read a log', () =>
      this.#client.stream({ method: 'GET', path, query, timeoutMs: READ_TIMEOUT_MS, signal }),
    );
    try {
      yield* logChunks(stream as unknown as AsyncIterable<Uint8Array>, found.Config.Tty);
    } catch (error) {
      if (!signal.aborted)
        throw new KithError('RuntimeUnavailable', `the engine ended a log: ${(error as Error).message}`, {}, { cause: error });
    }
  }

  /** Without grace it is killed outright: the engine's stop sends the stop signal first all the same, and a quick program would end in order. */
  async #end(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    if (graceSeconds === 0) {
      await this.#change('POST', `/containers/${id}/kill`, signal, { signal: 'KILL' }).catch(ignoreStatus(404, 409));
      await this.#change('POST', `/containers/${id}/wait`, signal, { condition: 'not-running' }).catch(ignoreStatus(404));
    } else {
      const timeoutMs = graceSeconds * 1000 + STOP_MARGIN_MS;
      await this.#change('POST', `/containers/${id}/stop`, signal, { t: graceSeconds }, timeoutMs).catch(ignoreStatus(404));
    }
    this.#listing.forget(id);
  }

  async #createContainer(spec: ContainerStart, sandboxId: string, signal?: AbortSignal): Promise<string> {
    const file = this.#bindsFiles ? await this.#termination.prepare(spec.pod.uid, spec.container, spec.attempt) : undefined;
    try {
      return await this.#create(containerConfig(this.#owner, spec, sandboxId, file), signal);
    } catch (error) {
      const cannotBind = error instanceof EngineRefusal && /bind source path does not exist|mount source/i.test(error.message);
      if (!cannotBind) throw error;
      this.#bindsFiles = false;
      this.#log.warn('The engine does not see files of this host; termination messages stay empty', { said: error.message });
      return this.#create(containerConfig(this.#owner, spec, sandboxId, undefined), signal);
    }
  }

  /** @returns the id, of the one that exists already where there is one: its name is of this attempt only. */
  async #create(config: object, signal?: AbortSignal): Promise<string> {
    const labels = (config as { Labels: Record<string, string> }).Labels;
    const call = { method: 'POST', path: '/containers/create', query: { name: containerName(labels) }, body: config } as const;
    try {
      return (await this.#client.call<{ Id: string }>({ ...call, timeoutMs: CHANGE_TIMEOUT_MS, signal })).Id;
    } catch (error) {
      if (!(error instanceof EngineRefusal) || error.status !== 409) throw error;
      const summaries = await this.#listing.summaries(labels[LABEL.podUid], signal);
      const twin = findAttempt(summaries, labels[LABEL.container] ?? '', Number(labels[LABEL.attempt]));
      if (twin === undefined) throw error;
      return twin.Id;
    }
  }

  async #ensurePauseImage(signal?: AbortSignal): Promise<void> {
    if ((await inspectImage(this.#client, PAUSE_IMAGE, signal)) !== undefined) return;
    const { architecture } = await this.#client.version(signal);
    if (architecture !== 'amd64' && architecture !== 'arm64') {
      throw new KithError('InvalidContainer', `Kith has no pause program for ${architecture}, only for amd64 and arm64`);
    }
    const archive = Readable.from(writeTar([tarFile('pause', pauseBinary(architecture), 0o755)]));
    await importImage(this.#client, { ...PAUSE, changes: [MADE_LABEL, 'ENTRYPOINT ["/pause"]'] }, archive, signal);
  }

  async #forceRemove(id: string, signal?: AbortSignal): Promise<void> {
    this.#listing.forget(id);
    // 404: gone. 409: its removal is under way.
    await this.#change('DELETE', `/containers/${id}`, signal, { force: true, v: true }).catch(ignoreStatus(404, 409));
  }

  async #change(
    method: 'POST' | 'DELETE',
    path: string,
    signal?: AbortSignal,
    query: Record<string, string | number | boolean> = {},
    timeoutMs = CHANGE_TIMEOUT_MS,
  ): Promise<void> {
    await this.#client.call({ method, path, query, timeoutMs, signal });
  }

  async #explainingCreate<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      if (error.status === 404 && /no such image/i.test(error.message)) throw new KithError('ImageNotFound', `${what}: ${error.message}`);
      throw new KithError('InvalidContainer', `the engine refuses ${what}: ${error.message}`, { status: error.status });
    }
  }

  /** What the engine has no reason to refuse: an error of its own. */
  async #orUnavailable<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      throw new KithError(
        'RuntimeUnavailable',
        `the engine failed to ${what}: ${error.message}`,
        { status: error.status },
        { cause: error },
      );
    }
  }

  #onEvent(event: { podUid?: string; containerId?: string }): void {
    if (event.containerId !== undefined) this.#listing.forget(event.containerId);
    for (const listener of this.#listeners) listener(event.podUid === undefined ? {} : { podUid: event.podUid });
  }
}

function checkUid(uid: string): void {
  if (!UID.test(uid)) throw new KithError('InvalidContainer', `"${uid}" is no pod uid`);
}

function isSandbox(summary: Summary): boolean {
  return summary.Labels[LABEL.container] === SANDBOX;
}

/** The newest attempt where none is named. */
function findAttempt(summaries: readonly Summary[], container: string, attempt: number | undefined): Summary | undefined {
  return summaries
    .filter((summary) => summary.Labels[LABEL.container] === container)
    .filter((summary) => attempt === undefined || Number(summary.Labels[LABEL.attempt]) === attempt)
    .sort((left, right) => Number(right.Labels[LABEL.attempt]) - Number(left.Labels[LABEL.attempt]))[0];
}

function ignoreStatus(...statuses: number[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof EngineRefusal) || !statuses.includes(error.status)) throw error;
  };
}
