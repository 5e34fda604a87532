/**
 * Containers as plain processes of this host, for where there is no engine: no root, no isolation, Linux only. An image is a folder, a pod is an address in
 * 127.0.0.0/8, a container is a program under a shim that outlives the daemon. State is in files below the data folder; this class holds none.
 * CPU and memory limits are accepted and not enforced: that would take cgroups, and so root. hostPort and hostNetwork are refused by name.
 * It must never signal a process that it cannot prove to be its own.
 */
import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { platform, release } from 'node:os';
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
  PulledImage,
  RuntimePod,
  RuntimeSandbox,
  RuntimeUsage,
  SandboxSpec,
} from '../../ports/runtime.ts';
import type { ByteStream, ProcessStreams } from '../../ports/streams.ts';
import { LoopbackAddresses } from './addresses.ts';
import { bootTimeMs, NumberedAttempt, type Attempt } from './attempt.ts';
import { hasConsole, withConsole } from './console-start.ts';
import { readText, writeWhole } from './files.ts';
import { findImageFolder } from './image-folder.ts';
import type { ImageFolder } from './image-folder.ts';
import { readLog } from './log-files.ts';
import { processUsage } from './usage.ts';
import { linkMounts, realMounts } from './mounts.ts';
import { findMarked, signalProcess } from './processes.ts';
import { resolveProgram } from './program.ts';
import { fencedWords, findShimTools, installShim, LOG_FILE_BYTES, startShim } from './shim.ts';
import type { ShimTools } from './shim.ts';
import { LocalStreams } from './streams.ts';

export interface ProcessRuntimeOptions {
  /** Folder of our own, for pods, logs and exit codes. */
  dataDir: string;
  /** Folders of image folders, the first that has an image wins. */
  imageDirs: readonly string[];
  nodeName: string;
  /** Node.js binary for images' `$(NODE)`. Default: the one we run with. */
  nodeBinary?: string;
  /** Shared by all daemons of the host. */
  addressDir?: string;
  logFileBytes?: number;
  /** The bundled `console.ts`. Without it containers with stdin or tty are refused. */
  consoleProgram?: string;
}

/** Fixed and not $TMPDIR: daemons of several users must agree on it. */
export const ADDRESS_DIR = '/tmp/kith-pod-addresses';
/** How long the shell of a shim may take to start the program. */
const START_TIMEOUT_MS = 10_000;
/** After SIGKILL only the kernel can delay an end (uninterruptible sleep). */
const KILL_TIMEOUT_MS = 10_000;
/** Pods whose files are read at the same time: each is some reads one after the other, which take long on a host that is starved. */
const LISTED_AT_ONCE = 16;
const POLL_MS = 10;
const MAX_POLL_MS = 100;
const UID = /^[A-Za-z0-9-]{1,64}$/;
const CONTAINER = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

interface PodRecord {
  uid: string;
  namespace: string;
  name: string;
  ip: string;
}

export class ProcessRuntime implements ContainerRuntime {
  readonly name = 'process';
  readonly #log: Log;
  readonly #options: ProcessRuntimeOptions;
  readonly #addresses: LoopbackAddresses;
  readonly #listeners = new Set<(hint: { podUid?: string }) => void>();
  readonly #streams: LocalStreams;
  #root = '';
  #script = '';
  #tools: ShimTools | undefined;
  #watcher: FSWatcher | undefined;

  constructor(deps: { log: Log }, options: ProcessRuntimeOptions) {
    this.#log = deps.log;
    this.#options = options;
    this.#addresses = new LoopbackAddresses(options.addressDir ?? ADDRESS_DIR);
    this.#streams = new LocalStreams({
      attempts: (uid, container) => this.#attempts(uid, container),
      addressOf: async (uid) => (await this.#pod(uid))?.ip,
      logs: (request, signal) => this.logs(request, signal),
      onHint: (listener) => this.onHint(listener),
    });
  }

  async start(signal?: AbortSignal): Promise<void> {
    if (platform() !== 'linux') {
      throw new KithError(
        'RuntimeUnavailable',
        `the process runtime needs Linux (/proc and 127.0.0.0/8), this is ${platform()}: use the docker runtime`,
      );
    }
    this.#tools = await findShimTools();
    await mkdir(join(this.#options.dataDir, 'pods'), { recursive: true, mode: 0o700 });
    await mkdir(join(this.#options.dataDir, 'hints'), { recursive: true });
    this.#root = await realpath(this.#options.dataDir);
    this.#script = await installShim(this.#root);
    await this.#addresses.sweep();
    signal?.throwIfAborted();
    this.#watcher = watch(join(this.#root, 'hints'), (_event, file) => this.#hint(file === null ? {} : { podUid: file }));
    this.#watcher.on('error', (error) =>
      this.#log.warn('Changes of containers are noticed later: their folder cannot be watched', { error }),
    );
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async version(): Promise<string> {
    return `process://${release()}`;
  }

  async list(signal?: AbortSignal): Promise<RuntimePod[]> {
    const uids = (await readdir(join(this.#root, 'pods'))).filter((uid) => UID.test(uid));
    const pods: RuntimePod[] = [];
    const worker = async (): Promise<void> => {
      for (let uid = uids.shift(); uid !== undefined; uid = uids.shift()) {
        signal?.throwIfAborted();
        const pod = await this.#listed(uid);
        if (pod !== undefined) pods.push(pod);
      }
    };
    await Promise.all(Array.from({ length: LISTED_AT_ONCE }, worker));
    return pods.sort((left, right) => (left.uid < right.uid ? -1 : 1));
  }

  async #listed(uid: string): Promise<RuntimePod | undefined> {
    const record = await this.#pod(uid);
    if (record === undefined) return undefined;
    const attempts = await this.#attempts(uid);
    const containers = (await Promise.all(attempts.map((attempt) => attempt.inspect()))).filter((container) => container !== undefined);
    return { uid, namespace: record.namespace, name: record.name, sandbox: { ip: record.ip, running: true }, containers };
  }

  onHint(listener: (hint: { podUid?: string }) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox> {
    signal?.throwIfAborted();
    if (pod.spec.hostNetwork === true) {
      throw new KithError('InvalidContainer', 'the process runtime has no hostNetwork: each pod has a loopback address of its own');
    }
    if ((pod.spec.hostAliases ?? []).length > 0) {
      throw new KithError('InvalidContainer', 'the process runtime has no hostAliases: its processes share the /etc/hosts of their host');
    }
    const folder = this.#podFolder(pod.uid);
    const known = await this.#pod(pod.uid);
    if (known !== undefined) return { ip: known.ip, running: true };
    await mkdir(join(folder, 'containers'), { recursive: true });
    const record: PodRecord = { uid: pod.uid, namespace: pod.namespace, name: pod.name, ip: await this.#addresses.lease(folder) };
    await writeWhole(join(folder, 'pod.json'), JSON.stringify(record));
    return { ip: record.ip, running: true };
  }

  async removePod(podUid: string, signal?: AbortSignal): Promise<void> {
    const folder = this.#podFolder(podUid);
    const record = await this.#pod(podUid);
    await this.#killAll(this.#marker(podUid), signal);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    await rm(join(this.#root, 'hints', podUid), { force: true });
    if (record !== undefined) await this.#addresses.release(record.ip, folder);
  }

  async findImage(image: string): Promise<string | undefined> {
    return (await findImageFolder(this.#options.imageDirs, image))?.id;
  }

  async pullImage(image: string): Promise<PulledImage> {
    const { id } = await this.#image(image);
    return { id };
  }

  async startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const pod = await this.#pod(spec.pod.uid);
    if (pod === undefined) throw new KithError('NotFound', `pod ${spec.pod.namespace}/${spec.pod.name} has no sandbox; create it first`);
    const attempt = this.#attempt(spec.pod.uid, spec.container, spec.attempt);
    if (!(await attempt.wasStarted())) await this.#begin(spec, attempt, pod);
    const hasBegun = async (): Promise<boolean> => (await attempt.inspect())?.state !== 'created';
    if (!(await this.#until(hasBegun, START_TIMEOUT_MS, signal)))
      throw new KithError('EngineFailed', `container "${spec.container}" has not begun within ${START_TIMEOUT_MS / 1000} s`);
  }

  async #begin(spec: ContainerStart, attempt: NumberedAttempt, pod: PodRecord): Promise<void> {
    const image = await this.#image(spec.image);
    await attempt.create({
      container: spec.container,
      attempt: spec.attempt,
      image: spec.image,
      imageId: image.id,
      bootTimeMs: await bootTimeMs(),
      console: hasConsole(spec),
    });
    try {
      await this.#launch(spec, attempt, image, pod);
    } catch (error) {
      if (!(await attempt.wasStarted())) await attempt.remove();
      throw error;
    }
  }

  async stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    for (const attempt of await this.#attempts(podUid, container)) {
      if (await attempt.hasEnded()) continue;
      if (graceSeconds > 0) await attempt.terminate();
      if (graceSeconds > 0 && (await this.#until(() => attempt.hasEnded(), graceSeconds * 1000, signal))) continue;
      await attempt.kill(this.#marker(podUid, container));
      if (!(await this.#until(() => attempt.hasEnded(), KILL_TIMEOUT_MS, signal)))
        throw new KithError('EngineFailed', `container "${container}" of pod ${podUid} does not end after SIGKILL; the kernel holds it`);
    }
  }

  async removeContainer(podUid: string, container: string, attemptNumber: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const attempt = this.#attempt(podUid, container, attemptNumber);
    if ((await attempt.inspect())?.state === 'running') {
      throw new KithError('InvalidContainer', `container "${container}" of pod ${podUid} still runs; stop it before removing it`);
    }
    await this.#killAll(this.#marker(podUid, container, attemptNumber), signal);
    await attempt.remove();
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogChunk, void, void> {
    const attempts = await this.#attempts(request.podUid, request.container);
    const wanted = attempts.filter((attempt) => request.attempt === undefined || attempt.number === request.attempt).at(-1);
    const record = await wanted?.record();
    if (wanted === undefined || record === undefined) {
      const which = request.attempt === undefined ? '' : ` attempt ${request.attempt} of`;
      throw new KithError('NotFound', `no log:${which} container "${request.container}" of pod ${request.podUid} is not on this node`);
    }
    const finishedAt = async (): Promise<number | undefined> => {
      const found = await wanted.inspect();
      return found === undefined ? 0 : found.finishedAt;
    };
    yield* readLog({ folder: wanted.folder, bootTimeMs: record.bootTimeMs, finishedAt }, request, signal);
  }

  async usage(signal?: AbortSignal): Promise<RuntimeUsage> {
    return processUsage(await this.list(signal));
  }

  async exec(request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
    return this.#streams.exec(request, signal);
  }

  async attach(request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams> {
    return this.#streams.attach(request, signal);
  }

  async connect(request: ConnectRequest, signal: AbortSignal): Promise<ByteStream> {
    return this.#streams.connect(request, signal);
  }

  async #launch(given: ContainerStart, attempt: Attempt, image: ImageFolder, pod: PodRecord): Promise<void> {
    const spec = { ...given, mounts: await realMounts(given.mounts) };
    const program = await resolveProgram(spec, image, {
      node: this.#options.nodeBinary ?? process.execPath,
      nodeName: this.#options.nodeName,
      podIp: pod.ip,
      marker: this.#marker(spec.pod.uid, spec.container, spec.attempt).slice(MARKER_NAME.length),
      folder: attempt.folder,
    });
    await linkMounts(attempt.folder, spec.mounts);
    await attempt.keepContext({ workingDir: program.workingDir, mounts: spec.mounts });
    await spec.fence?.mark({ environment: this.#marker(spec.pod.uid), attempt: attempt.folder });
    const argv = spec.fence === undefined ? program.argv : fencedWords(program.argv, spec.fence.notAfterMs);
    await startShim({
      ...program,
      argv: await withConsole(spec, attempt.folder, argv, this.#options),
      script: this.#script,
      tools: this.#tools!,
      folder: attempt.folder,
      hintFile: join(this.#root, 'hints', spec.pod.uid),
      logFileBytes: this.#options.logFileBytes ?? LOG_FILE_BYTES,
    });
  }

  async #image(image: string): Promise<ImageFolder> {
    const found = await findImageFolder(this.#options.imageDirs, image);
    if (found !== undefined) return found;
    throw new KithError(
      'ImageNotFound',
      `no image folder for "${image}" in ${this.#options.imageDirs.join(', ')}: the process runtime pulls nothing; make NAME:TAG/image.json there with a command, or use the docker runtime`,
    );
  }

  /** Kills until nothing is left: what forks while it is killed is caught by a later round. */
  async #killAll(marker: string, signal?: AbortSignal): Promise<void> {
    const gone = await this.#until(
      async () => {
        const left = await findMarked(marker);
        for (const one of left) await signalProcess(one, 'SIGKILL');
        return left.length === 0;
      },
      KILL_TIMEOUT_MS,
      signal,
    );
    if (!gone) throw new KithError('EngineFailed', `processes with ${marker} do not end after SIGKILL; the kernel holds them`);
  }

  async #until(condition: () => Promise<boolean>, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (let pause = POLL_MS; ; pause = Math.min(2 * pause, MAX_POLL_MS)) {
      signal?.throwIfAborted();
      if (await condition()) return true;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await delay(Math.min(pause, left), undefined, { signal });
    }
  }

  #podFolder(uid: string): string {
    if (!UID.test(uid)) throw new KithError('InvalidContainer', `"${uid}" is no pod uid`);
    return join(this.#root, 'pods', uid);
  }

  #attempt(uid: string, container: string, attempt: number): NumberedAttempt {
    if (!CONTAINER.test(container)) throw new KithError('InvalidContainer', `"${container}" is no container name`);
    if (!Number.isSafeInteger(attempt) || attempt < 0) throw new KithError('InvalidContainer', `${attempt} is no attempt number`);
    return new NumberedAttempt(join(this.#podFolder(uid), 'containers', container, String(attempt)), attempt);
  }

  /** Ascending by attempt within each container. */
  async #attempts(uid: string, container?: string): Promise<NumberedAttempt[]> {
    const folder = join(this.#podFolder(uid), 'containers');
    const names = container === undefined ? await entries(folder) : [container];
    const found: NumberedAttempt[] = [];
    for (const name of names.filter((entry) => CONTAINER.test(entry)).sort()) {
      const numbers = (await entries(join(folder, name))).map(Number).filter((number) => Number.isSafeInteger(number));
      for (const number of numbers.sort((left, right) => left - right)) found.push(this.#attempt(uid, name, number));
    }
    return found;
  }

  async #pod(uid: string): Promise<PodRecord | undefined> {
    const text = await readText(join(this.#podFolder(uid), 'pod.json'));
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as PodRecord;
    } catch (error) {
      this.#log.warn('A pod record is damaged; the pod is taken as gone', { pod: uid, error });
      return undefined;
    }
  }

  #marker(uid: string, container?: string, attempt?: number): string {
    return `${containerMarker(this.#root)}${uid}/${container === undefined ? '' : `${container}/`}${attempt === undefined ? '' : `${attempt}/`}`;
  }

  #hint(hint: { podUid?: string }): void {
    for (const listener of this.#listeners) listener(hint);
  }
}

const MARKER_NAME = 'KITH_CONTAINER=';

/** How the environment entry begins that every process of a runtime's containers carries. `dataDir` as realpath(3) gives it. */
export function containerMarker(dataDir: string): string {
  return `${MARKER_NAME}${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}/`;
}

/** SIGKILLs every container process below a data folder at once, shims included, as a power cut does. @returns how many it killed */
export async function killAllContainers(dataDir: string): Promise<number> {
  const marker = containerMarker(await realpath(dataDir));
  const processes = await findMarked(marker);
  for (const one of processes) await signalProcess(one, 'SIGKILL');
  return processes.length;
}

async function entries(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
