import { KithError } from '../../protocol/errors.ts';
import type { Clock } from '../../daemon/ports/clock.ts';
import type {
  ContainerRuntime,
  ContainerStart,
  LogChunk,
  LogRequest,
  RuntimeContainer,
  PodNetworkSpec,
  PulledImage,
  RegistryCredential,
  RuntimePod,
  RuntimeSandbox,
  RuntimeUsage,
  SandboxSpec,
} from '../../daemon/ports/runtime.ts';

/** How the containers of an image behave. */
export interface ImageBehaviour {
  /** Ends by itself this long after its start; undefined: runs until it is stopped. */
  exitAfterMs?: number;
  /** Default 0. */
  exitCode?: number;
  terminationMessage?: string;
  /** What it says after its first line. */
  says?: readonly string[];
  outOfMemory?: boolean;
  /** Does not heed the stop signal: only the kill after the grace period ends it. */
  ignoresStop?: boolean;
  /** Can't be started: the error's text. */
  startError?: string;
  /** The engine refuses its configuration: the error's text. */
  invalid?: string;
}

export interface SimulatedRuntimeOptions {
  /** Default 5 ms a call. */
  callMs?: number;
  pullMs?: number;
  startMs?: number;
  /** Between the stop signal and the end of a container that heeds it. */
  stopMs?: number;
}

interface Container extends RuntimeContainer {
  behaviour: ImageBehaviour;
  lines: LogChunk[];
  cancelExit: () => void;
}

interface SimulatedPod {
  uid: string;
  namespace: string;
  name: string;
  sandbox: RuntimeSandbox;
  containers: Container[];
}

/** One thing that happened to a container, for checkers. */
export interface RuntimeEvent {
  at: number;
  what: 'start' | 'exit' | 'stop' | 'kill' | 'remove';
  podUid: string;
  container: string;
  attempt: number;
  /** Who brought it about: the daemon by its call, the container itself, or the world (a reboot, a hand that removes all). */
  by: 'order' | 'itself' | 'world';
}

/**
 * A container runtime in memory, over a virtual clock. It outlives the daemons that tests start and stop, as an engine does. Faults are fields and methods: the
 * engine can be away or hang, images can be missing or slow, containers can crash.
 */
export class SimulatedRuntime implements ContainerRuntime {
  readonly name = 'simulated';
  /** Images that are here already. */
  readonly present = new Set<string>();
  /** What a registry has; a pull of anything else fails. `undefined` has everything. */
  registry: Set<string> | undefined;
  /** Of images that the registry gives only to who has it. */
  readonly passwords = new Map<string, string>();
  readonly behaviours = new Map<string, ImageBehaviour>();
  /** Why the engine is away; undefined: it answers. */
  away: string | undefined;
  /** Calls of these methods don't come back until their signal fires. */
  readonly hanging = new Set<string>();
  /** What a pull takes on top of the usual. */
  slowPullMs = 0;
  /** A start whose caller gave up happens all the same, as with an engine that has the request already. */
  lateStarts = false;
  /** The error of the next calls of a method, first first. */
  readonly failures = new Map<string, KithError[]>();
  /** Everything that happened, in order. */
  readonly history: RuntimeEvent[] = [];
  /** Told of everything that happens. */
  onEvent: (event: RuntimeEvent) => void = () => undefined;
  /** The host's clock that counts suspend: what is fenced starts no later than it may. */
  bootClock: (() => number) | undefined;
  /** What pods have used, where a test wants that to be asked. */
  usage: ((signal?: AbortSignal) => Promise<RuntimeUsage>) | undefined;
  readonly calls: string[] = [];
  readonly started: ContainerStart[] = [];
  pulling = 0;
  mostPulling = 0;
  private readonly clock: Clock;
  private readonly options: Required<SimulatedRuntimeOptions>;
  private readonly pods = new Map<string, SimulatedPod>();
  private readonly listeners = new Set<(hint: { podUid?: string }) => void>();
  private readonly hung = new Map<string, (() => void)[]>();
  private addresses = 0;
  /** The first three octets of pods' addresses. */
  private network = '10.42.0';

  constructor(clock: Clock, options: SimulatedRuntimeOptions = {}) {
    this.clock = clock;
    this.options = { callMs: 5, pullMs: 300, startMs: 50, stopMs: 100, ...options };
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async version(signal?: AbortSignal): Promise<string> {
    await this.call('version', this.options.callMs, signal);
    return 'simulated://1.0';
  }

  usePodNetwork({ subnet }: PodNetworkSpec): void {
    this.network = subnet.split('.').slice(0, 3).join('.');
  }

  async list(signal?: AbortSignal): Promise<RuntimePod[]> {
    await this.call('list', this.options.callMs, signal);
    return [...this.pods.values()].map((pod) => ({ ...pod, sandbox: { ...pod.sandbox }, containers: pod.containers.map(listed) }));
  }

  onHint(listener: (hint: { podUid?: string }) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox> {
    await this.call('createSandbox', this.options.callMs, signal);
    const known = this.podOf(pod);
    known.sandbox.running = true;
    return { ...known.sandbox };
  }

  async removePod(podUid: string, signal?: AbortSignal): Promise<void> {
    await this.call('removePod', this.options.callMs, signal);
    for (const container of this.pods.get(podUid)?.containers ?? []) {
      if (container.state === 'running') this.end(podUid, container, 'kill', 'order', 137, 9);
    }
    this.pods.delete(podUid);
  }

  async findImage(image: string, signal?: AbortSignal): Promise<string | undefined> {
    await this.call('findImage', this.options.callMs, signal);
    return this.present.has(image) ? `sha256:${image}` : undefined;
  }

  async pullImage(image: string, signal?: AbortSignal, credentials: readonly RegistryCredential[] = []): Promise<PulledImage> {
    this.pulling += 1;
    this.mostPulling = Math.max(this.mostPulling, this.pulling);
    try {
      await this.call('pullImage', this.options.pullMs + this.slowPullMs, signal);
    } finally {
      this.pulling -= 1;
    }
    if (this.registry?.has(image) === false) {
      throw new KithError('ImagePullFailed', `pull access denied for ${image}, repository does not exist`);
    }
    const password = this.passwords.get(image);
    const credential = credentials.find((offered) => password === undefined || offered.password === password);
    if (password !== undefined && credential === undefined)
      throw new KithError('ImagePullFailed', `failed to pull image "${image}": unauthorized: authentication required`);
    this.present.add(image);
    return { id: `sha256:${image}`, sizeBytes: 1_000, ...(credential === undefined ? {} : { credential }) };
  }

  startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void> {
    if (!this.lateStarts || signal === undefined) return this.begin(spec, signal);
    const work = this.begin(spec);
    const given = new Promise<never>((_resolve, reject) => {
      const giveUp = (): void => reject(new KithError('Aborted', 'the caller gave up'));
      const done = (): void => signal.removeEventListener('abort', giveUp);
      signal.addEventListener('abort', giveUp, { once: true });
      void work.then(done, done);
    });
    return Promise.race([work, given]);
  }

  private async begin(spec: ContainerStart, signal?: AbortSignal): Promise<void> {
    const behaviour = this.behaviours.get(spec.image) ?? {};
    const asked = this.pods.get(spec.pod.uid);
    await this.call('startContainer', this.options.startMs, signal);
    const pod = this.pods.get(spec.pod.uid);
    // What was removed while the call hung is not started in what has been made in its place.
    if (pod !== asked || pod?.sandbox.running !== true) throw new KithError('NotFound', `pod ${spec.pod.uid} has no sandbox that runs`);
    if (behaviour.invalid !== undefined) throw new KithError('InvalidContainer', behaviour.invalid);
    if (!this.present.has(spec.image)) throw new KithError('ImageNotFound', `no such image: ${spec.image}`);
    // A repeat is harmless, also where calls of several daemons hung and all go on in this moment.
    const isThere = (): boolean => pod.containers.some(({ name, attempt }) => name === spec.container && attempt === spec.attempt);
    if (isThere()) return;
    await spec.fence?.mark({});
    if (isThere()) return;
    if (spec.fence !== undefined && (this.bootClock?.() ?? 0) >= spec.fence.notAfterMs)
      throw new KithError('ContainerStartFailed', 'its lease is over');
    if (behaviour.startError !== undefined) throw new KithError('ContainerStartFailed', behaviour.startError);
    this.started.push(spec);
    this.run(pod, spec, behaviour);
  }

  async stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    await this.call('stopContainer', this.options.callMs, signal);
    const running = this.find(podUid, container);
    if (running === undefined) return;
    const ignores = running.behaviour.ignoresStop === true;
    const graceMs = graceSeconds * 1000;
    this.note('stop', 'order', podUid, running);
    await this.pause(ignores ? graceMs : Math.min(graceMs, this.options.stopMs), signal);
    if (running.state !== 'running') return;
    if (ignores || graceMs === 0) this.end(podUid, running, 'kill', 'order', 137, 9);
    else this.end(podUid, running, 'exit', 'order', 143, 15);
  }

  async removeContainer(podUid: string, container: string, attempt: number, signal?: AbortSignal): Promise<void> {
    await this.call('removeContainer', this.options.callMs, signal);
    const pod = this.pods.get(podUid);
    const index = pod?.containers.findIndex((each) => each.name === container && each.attempt === attempt) ?? -1;
    const gone = pod?.containers[index];
    if (pod === undefined || gone === undefined) return;
    if (gone.state === 'running') throw new KithError('InvalidContainer', `container ${container} runs`);
    pod.containers.splice(index, 1);
    this.note('remove', 'order', podUid, gone);
  }

  async exec(): Promise<never> {
    throw new KithError('InvalidContainer', 'nothing real runs in a simulated runtime');
  }

  async attach(): Promise<never> {
    return this.exec();
  }

  async connect(): Promise<never> {
    return this.exec();
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk> {
    const attempts = this.pods.get(request.podUid)?.containers.filter((container) => container.name === request.container) ?? [];
    const found = request.attempt === undefined ? attempts.at(-1) : attempts.find((each) => each.attempt === request.attempt);
    if (found === undefined) throw new KithError('NotFound', `container ${request.container} has no such attempt`);
    if (this.hanging.has('logs')) await this.pause(Infinity, signal);
    const said = (found.behaviour.says ?? []).map((line) => ({ ...found.lines[0]!, line: new TextEncoder().encode(line) }));
    for (const chunk of [...found.lines, ...said].slice(-(request.tailLines ?? Infinity))) {
      if (signal.aborted) return;
      yield chunk;
    }
  }

  /** Ends a running container as a crash does. */
  crash(podUid: string, container: string, exitCode = 1): void {
    const running = this.find(podUid, container);
    if (running !== undefined) this.end(podUid, running, 'exit', 'itself', exitCode);
  }

  /** What runs of the image already behaves like this, too. */
  behave(image: string, behaviour: ImageBehaviour): void {
    this.behaviours.set(image, behaviour);
    for (const { uid, containers } of this.pods.values()) {
      for (const container of containers) {
        if (container.image !== image || container.state !== 'running') continue;
        container.cancelExit();
        container.behaviour = behaviour;
        this.exitLater(uid, container);
      }
    }
  }

  /** What someone who removes all containers by hand does. */
  wipe(): void {
    for (const pod of this.pods.values()) {
      for (const container of pod.containers) if (container.state === 'running') this.end(pod.uid, container, 'kill', 'world', 137, 9);
    }
    this.pods.clear();
  }

  /** The sandbox ends by itself, and the network of its pod with it; containers run on without. */
  endSandbox(podUid: string): void {
    const pod = this.pods.get(podUid);
    if (pod === undefined) return;
    pod.sandbox.running = false;
    this.hint(podUid);
  }

  /** A reboot of the host: everything ends, what has ended is still listed. */
  reboot(): void {
    for (const pod of this.pods.values()) {
      pod.sandbox.running = false;
      for (const container of pod.containers) if (container.state === 'running') this.end(pod.uid, container, 'kill', 'world', 137, 9);
    }
  }

  /** What runs, as `NAME/CONTAINER#ATTEMPT`, sorted. */
  running(): string[] {
    const all = [...this.pods.values()].flatMap((pod) =>
      pod.containers.filter((each) => each.state === 'running').map((each) => `${pod.name}/${each.name}#${each.attempt}`),
    );
    return all.sort();
  }

  podUids(): string[] {
    return [...this.pods.keys()];
  }

  /** Makes it run as though a daemon had started it long ago. */
  preload(pod: Pick<SandboxSpec, 'uid' | 'namespace' | 'name'>, container: string, image: string): void {
    this.present.add(image);
    this.run(this.podOf(pod), { container, image, attempt: 0 }, {});
  }

  private podOf(pod: Pick<SandboxSpec, 'uid' | 'namespace' | 'name'>): SimulatedPod {
    let known = this.pods.get(pod.uid);
    if (known === undefined) {
      this.addresses += 1;
      const ip = `${this.network}.${1 + (this.addresses % 254)}`;
      known = { uid: pod.uid, namespace: pod.namespace, name: pod.name, sandbox: { ip, running: true }, containers: [] };
      this.pods.set(pod.uid, known);
    }
    return known;
  }

  private run(pod: SimulatedPod, spec: Pick<ContainerStart, 'container' | 'image' | 'attempt'>, behaviour: ImageBehaviour): void {
    const container: Container = {
      name: spec.container,
      attempt: spec.attempt,
      id: `simulated://${pod.uid}-${spec.container}-${spec.attempt}`,
      image: spec.image,
      imageId: `sha256:${spec.image}`,
      state: 'running',
      startedAt: this.clock.now(),
      behaviour,
      lines: [{ at: this.clock.now(), stream: 'stdout', line: new TextEncoder().encode(`attempt ${spec.attempt}`) }],
      cancelExit: () => undefined,
    };
    pod.containers.push(container);
    this.note('start', 'order', pod.uid, container);
    this.exitLater(pod.uid, container);
    this.hint(pod.uid);
  }

  private exitLater(podUid: string, container: Container): void {
    const { exitAfterMs, exitCode = 0 } = container.behaviour;
    if (exitAfterMs === undefined) return;
    container.cancelExit = this.clock.after(exitAfterMs, () => this.end(podUid, container, 'exit', 'itself', exitCode));
  }

  private end(
    podUid: string,
    container: Container,
    what: 'exit' | 'kill',
    by: RuntimeEvent['by'],
    exitCode: number,
    signal?: number,
  ): void {
    if (container.state !== 'running') return;
    container.cancelExit();
    container.state = 'exited';
    container.finishedAt = this.clock.now();
    container.exitCode = exitCode;
    container.signal = signal;
    container.outOfMemory = container.behaviour.outOfMemory;
    container.terminationMessage = container.behaviour.terminationMessage;
    this.note(what, by, podUid, container);
    this.hint(podUid);
  }

  private find(podUid: string, container: string): Container | undefined {
    return this.pods.get(podUid)?.containers.find((each) => each.name === container && each.state === 'running');
  }

  private note(what: RuntimeEvent['what'], by: RuntimeEvent['by'], podUid: string, container: Container): void {
    const event = { at: this.clock.monotonic(), what, podUid, container: container.name, attempt: container.attempt, by };
    this.history.push(event);
    this.onEvent(event);
  }

  /** Name, namespace and containers of a pod, as the engine would list it just now. */
  inspect(podUid: string): RuntimePod | undefined {
    return this.pods.get(podUid);
  }

  private hint(podUid: string): void {
    if (this.away === undefined) for (const listener of this.listeners) listener({ podUid });
  }

  private async call(method: string, ms: number, signal?: AbortSignal): Promise<void> {
    this.calls.push(method);
    if (this.away !== undefined) throw new KithError('RuntimeUnavailable', this.away);
    const failure = this.failures.get(method)?.shift();
    if (this.hanging.has(method)) await Promise.race([this.pause(Infinity, signal), this.untilReleased(method)]);
    await this.pause(ms, signal);
    if (failure !== undefined) throw failure;
    // The engine may have gone while it worked.
    if (this.away !== undefined) throw new KithError('RuntimeUnavailable', this.away);
  }

  /** Calls of the method come back from now on; those that hung go on where they were. */
  release(method: string): void {
    this.hanging.delete(method);
    for (const goOn of this.hung.get(method) ?? []) goOn();
    this.hung.delete(method);
  }

  private untilReleased(method: string): Promise<void> {
    return new Promise((resolve) => this.hung.set(method, [...(this.hung.get(method) ?? []), resolve]));
  }

  private pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = ms === Infinity ? (): void => undefined : this.clock.after(ms, () => finish(resolve));
      const abort = (): void => finish(() => reject(new KithError('Aborted', 'the caller gave up')));
      const finish = (then: () => void): void => {
        cancel();
        signal?.removeEventListener('abort', abort);
        then();
      };
      if (signal?.aborted === true) return abort();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function listed({ behaviour: _behaviour, lines: _lines, cancelExit: _cancel, ...container }: Container): RuntimeContainer {
  return { ...container };
}
