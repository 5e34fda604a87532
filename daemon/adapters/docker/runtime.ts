/**
 * Containers run by a Docker Engine (or what speaks its API, from 1.41 on). All state is in the engine, in labels; termination messages are files of ours, and
 * starter.ts keeps a book of addresses that is ahead of the labels by what is being started.
 * It must never touch a container or network that does not bear our cluster, our node and the name that we give. Several peers and clusters may share one engine.
 *
 * Pods get fixed addresses of a network of this node in the engine (network.ts): they stay while containers come and go, and the engine restarts.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import type { Log } from '../../ports/log.ts';
import type {
  AttachRequest,
  ConnectRequest,
  ContainerRuntime,
  ContainerStart,
  ExecRequest,
  LogChunk,
  LogRequest,
  RegistryCredential,
  PodNetworkSpec,
  PulledImage,
  RuntimePod,
  RuntimeSandbox,
  RuntimeUsage,
  SandboxSpec,
} from '../../ports/runtime.ts';
import type { ByteStream, ProcessStreams } from '../../ports/streams.ts';
import { findImageFolder } from '../process/image-folder.ts';
import { change, EngineClient, EngineRefusal, forceRemove, ignoreStatus, READ_TIMEOUT_MS } from './client.ts';
import { EventListener } from './events.ts';
import type { Happening } from './events.ts';
import { FolderImporter } from './import-folder.ts';
import { ImageLooks, inspectImage, pullWithAny } from './images.ts';
import { findAttempt, isSandbox, Listing } from './listing.ts';
import { logChunks } from './logs.ts';
import { LABEL } from './names.ts';
import type { Owner } from './names.ts';
import { PodNetwork } from './network.ts';
import { OomKills } from './oom-kills.ts';
import { Starter } from './starter.ts';
import { EngineStreams } from './streams.ts';
import { TerminationFiles } from './termination.ts';
import { engineUsage } from './usage.ts';

export interface DockerRuntimeOptions {
  /** `unix:///PATH`, `/PATH` or `tcp://HOST:PORT`. */
  host: string;
  clusterId: string;
  nodeName: string;
  /** Of this host, which pods in its network have. */
  hostAddress?: string;
  /** Folder of our own on a file system that the engine sees, for termination messages. */
  dataDir: string;
  /** Folders of image folders, for images that can not be pulled: the first that has one wins. */
  imageDirs?: readonly string[];
}

/** Examples' images stand in no registry: nobody is asked for them. */
const OWN_IMAGE = /^kith\.dev\//;

/** Ten years: engines count in nanoseconds of 64 bits, and take no longer one. */
const LONGEST_GRACE_SECONDS = 10 * 365 * 24 * 3600;
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
  readonly #network: PodNetwork;
  readonly #starter: Starter;
  readonly #client: EngineClient;
  readonly #termination: TerminationFiles;
  readonly #listing: Listing;
  readonly #oomKills = new OomKills();
  readonly #events: EventListener;
  readonly #streams: EngineStreams;
  readonly #importer: FolderImporter;
  readonly #images: ImageLooks;
  readonly #listeners = new Set<(hint: { podUid?: string }) => void>();
  readonly #imageDirs: readonly string[];

  constructor(deps: { log: Log }, options: DockerRuntimeOptions) {
    this.#log = deps.log;
    this.#imageDirs = options.imageDirs ?? [];
    this.#owner = { clusterId: options.clusterId, nodeName: options.nodeName };
    this.#client = new EngineClient(options.host);
    this.#termination = new TerminationFiles(options.dataDir);
    this.#listing = new Listing(
      { client: this.#client, termination: this.#termination, oomKills: this.#oomKills },
      { ...this.#owner, hostAddress: options.hostAddress },
    );
    const own = { client: this.#client, log: deps.log, listing: this.#listing, termination: this.#termination };
    this.#network = new PodNetwork(own, this.#owner);
    this.#starter = new Starter({ ...own, network: this.#network }, this.#owner);
    this.#streams = new EngineStreams(own);
    this.#images = new ImageLooks(this.#client);
    this.#importer = new FolderImporter(this.#client, this.#owner);
    this.#events = new EventListener({ client: this.#client, log: deps.log, onEvent: (event) => this.#onEvent(event) }, this.#owner);
  }

  /** Does not need the engine to be there yet. */
  async start(_signal?: AbortSignal): Promise<void> {
    this.#events.start();
  }

  /** Containers run on. The network of a node that has no pod is removed. */
  async stop(): Promise<void> {
    await this.#events.stop();
    this.#oomKills.close();
    if (this.#starter.isIdle) await this.#network.remove();
  }

  async version(signal?: AbortSignal): Promise<string> {
    return `docker://${(await this.#client.refreshVersion(signal)).version}`;
  }

  usePodNetwork(network: PodNetworkSpec): void {
    this.#network.use(network);
  }

  async list(signal?: AbortSignal): Promise<RuntimePod[]> {
    return this.#orFailed('list containers', async () => {
      await this.#starter.adopt(signal);
      const failed = (error: unknown): void => this.#log.debug('What an earlier run left of its images is not removed yet', { error });
      this.#importer.sweep().catch(failed);
      const pods = await this.#listing.pods(signal);
      for (const holder of this.#starter.book.holders()) {
        const listed = pods.find(({ uid }) => uid === holder.uid);
        if (holder.paused && (listed !== undefined || holder.made === true)) continue;
        // The book keeps its address for it before its first attempt and between two, and for a pause container that could not be made.
        const sandbox = holder.paused ? { ip: '', running: false } : { ip: holder.address, running: true };
        if (listed !== undefined) listed.sandbox = sandbox;
        else pods.push({ uid: holder.uid, namespace: holder.namespace, name: holder.name, sandbox, containers: [] });
      }
      return pods;
    });
  }

  onHint(listener: (hint: { podUid?: string }) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox> {
    checkUid(pod.uid);
    return this.#explainingCreate(`the sandbox of pod ${pod.namespace}/${pod.name}`, () => this.#starter.createSandbox(pod, signal));
  }

  async removePod(podUid: string, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orFailed(`remove pod ${podUid}`, async () => {
      const deadline = performance.now() + REMOVE_TIMEOUT_MS;
      for (
        let left = await this.#listing.summaries(podUid, signal);
        left.length > 0;
        left = await this.#listing.summaries(podUid, signal)
      ) {
        if (performance.now() > deadline) throw new KithError('EngineFailed', `the engine does not remove the containers of pod ${podUid}`);
        const [sandboxes, containers] = [left.filter(isSandbox), left.filter((summary) => !isSandbox(summary))];
        const removed = await Promise.all(containers.map((summary) => this.#forceRemove(summary.Id, signal)));
        removed.push(...(await Promise.all(sandboxes.map((summary) => this.#forceRemove(summary.Id, signal)))));
        if (removed.every((isGone) => isGone)) break;
        await delay(POLL_MS, undefined, { signal });
      }
      this.#starter.book.release(podUid);
      await this.#termination.removePod(podUid);
    });
  }

  async findImage(image: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#orFailed(`look for image "${image}"`, () => this.#images.find(image, signal));
  }

  async pullImage(image: string, signal?: AbortSignal, credentials: readonly RegistryCredential[] = []): Promise<PulledImage> {
    const local = await this.#localFolder(image);
    if (local !== undefined && OWN_IMAGE.test(local.name)) return this.#importLocal(local.directory, local.name, signal);
    try {
      return await this.#orFailed(`pull image "${image}"`, () => pullWithAny(this.#client, image, credentials, signal));
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

  async #importLocal(directory: string, name: string, signal: AbortSignal | undefined): Promise<PulledImage> {
    const tag = await this.importImageFolder(directory, join(directory, ...name.split('/')), signal);
    const made = await this.#orFailed(`look for image "${tag}"`, async () => inspectImage(this.#client, tag, signal));
    if (made === undefined) throw new KithError('ImagePullFailed', `image "${tag}" was made from ${directory} and is gone again`);
    return made;
  }

  /**
   * Makes an image, tagged as the folder's path says, out of an image folder and this host's Node.js with its libraries: for where nothing can be pulled.
   * @param imagesDirectory the folder of image folders, such as `examples/images`
   * @returns the image's name
   */
  async importImageFolder(imagesDirectory: string, folder: string, signal?: AbortSignal): Promise<string> {
    return this.#orFailed(`import image folder ${folder}`, () => this.#importer.importFolder(imagesDirectory, folder, signal));
  }

  async startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void> {
    checkUid(spec.pod.uid);
    if (!CONTAINER.test(spec.container)) throw new KithError('InvalidContainer', `"${spec.container}" is no container name`);
    const what = `container "${spec.container}" of pod ${spec.pod.namespace}/${spec.pod.name}`;
    try {
      await this.#explainingCreate(what, () => this.#starter.startContainer(spec, what, signal));
    } catch (error) {
      if (error instanceof KithError && error.code === 'ImageNotFound') this.#images.forget(spec.image);
      throw error;
    }
  }

  async stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orFailed(`stop container "${container}" of pod ${podUid}`, async () => {
      const summaries = await this.#listing.summaries(podUid, signal);
      const running = summaries.filter((summary) => summary.Labels[LABEL.container] === container && summary.State !== 'exited');
      const began = running.filter((summary) => summary.State !== 'created');
      await Promise.all(began.map(({ Id }) => this.#end(Id, Math.ceil(graceSeconds), signal)));
    });
  }

  async removeContainer(podUid: string, container: string, attempt: number, signal?: AbortSignal): Promise<void> {
    checkUid(podUid);
    await this.#orFailed(`remove container "${container}" of pod ${podUid}`, async () => {
      const found = findAttempt(await this.#listing.summaries(podUid, signal), container, attempt);
      if (found?.State === 'running' || found?.State === 'paused') {
        throw new KithError('InvalidContainer', `container "${container}" of pod ${podUid} still runs; stop it before removing it`);
      }
      if (found !== undefined) await this.#forceRemove(found.Id, signal);
      await this.#termination.remove(podUid, container, attempt);
    });
  }

  async usage(signal?: AbortSignal): Promise<RuntimeUsage> {
    return this.#orFailed('ask what containers use', async () =>
      engineUsage(this.#client, await this.#listing.summaries(undefined, signal), signal),
    );
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogChunk, void, void> {
    const found = await this.#orFailed(`read a log of pod ${request.podUid}`, async () => {
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
    const stream = await this.#orFailed('read a log', () =>
      this.#client.stream({ method: 'GET', path, query, timeoutMs: READ_TIMEOUT_MS, signal }),
    );
    try {
      yield* logChunks(stream as unknown as AsyncIterable<Uint8Array>, found.Config.Tty);
    } catch (error) {
      if (!signal.aborted)
        throw new KithError('RuntimeUnavailable', `the engine ended a log: ${(error as Error).message}`, {}, { cause: error });
    }
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
    checkUid(request.podUid);
    return this.#orFailed(`run a command in container "${request.container}"`, () => this.#streams.exec(request, signal));
  }

  async attach(request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams> {
    checkUid(request.podUid);
    return this.#orFailed(`attach to container "${request.container}"`, () => this.#streams.attach(request, signal));
  }

  async connect(request: ConnectRequest, signal: AbortSignal): Promise<ByteStream> {
    checkUid(request.podUid);
    return this.#orFailed(`connect to pod ${request.podUid}`, async () => {
      await this.#starter.adopt(signal);
      return this.#streams.connect(request, this.#starter.book.of(request.podUid)?.address, signal);
    });
  }

  /** Without grace it is killed outright: the engine's stop sends the stop signal first all the same, and a quick program would end in order. */
  async #end(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    if (graceSeconds === 0) {
      await change(this.#client, 'POST', `/containers/${id}/kill`, signal, { signal: 'KILL' }).catch(ignoreStatus(404, 409));
      await change(this.#client, 'POST', `/containers/${id}/wait`, signal, { condition: 'not-running' }).catch(ignoreStatus(404));
    } else {
      const seconds = Math.min(graceSeconds, LONGEST_GRACE_SECONDS);
      const timeoutMs = seconds * 1000 + STOP_MARGIN_MS;
      await change(this.#client, 'POST', `/containers/${id}/stop`, signal, { t: seconds }, timeoutMs).catch(ignoreStatus(404));
    }
    this.#listing.forget(id);
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

  async #forceRemove(id: string, signal?: AbortSignal): Promise<boolean> {
    this.#listing.forget(id);
    return forceRemove(this.#client, id, signal);
  }

  /** What the engine has no reason to refuse: an error of its own. It answers, so it is not away, and its other containers are not to suffer. */
  async #orFailed<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof EngineRefusal)) throw error;
      throw new KithError('EngineFailed', `the engine failed to ${what}: ${error.message}`, { status: error.status }, { cause: error });
    }
  }

  #onEvent(event: Happening): void {
    if (event.containerId === undefined) this.#network.recheck();
    else if (event.isStart !== true) this.#listing.forget(event.containerId);
    for (const listener of this.#listeners) listener(event.podUid === undefined ? {} : { podUid: event.podUid });
  }
}

function checkUid(uid: string): void {
  if (!UID.test(uid)) throw new KithError('InvalidContainer', `"${uid}" is no pod uid`);
}
