import type { PodSpec } from '../../protocol/types.ts';

/**
 * What runs containers on this host. Adapters: docker, process; simulated in tests. All pass `test/acceptance/runtime.ts`.
 * Everything is found again after a restart of the daemon through {@link ContainerRuntime.list}: the list is the truth, events are hints.
 * Calls are idempotent where a repeat is harmless. All take a signal.
 *
 * Errors are KithErrors: `RuntimeUnavailable` (the engine is away; try later), `ImageNotFound`, `ImagePullFailed`, `InvalidContainer` (the engine refuses the
 * configuration; message says why), `EngineFailed` (it answers, but could not do this one thing; try again), `ContainerStartFailed` (for example the command does not exist), `NotFound`.
 */
export interface ContainerRuntime {
  readonly name: 'docker' | 'process' | 'simulated';
  start(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** For node status: `docker://20.10.24`. @throws RuntimeUnavailable */
  version(signal?: AbortSignal): Promise<string>;

  /** Every pod of ours on this host, running or not. */
  list(signal?: AbortSignal): Promise<RuntimePod[]>;
  /** Says that something may have changed (which pod, if known). May miss and repeat. */
  onHint(listener: (hint: { podUid?: string }) => void): () => void;

  /** Makes the pod's sandbox (its network identity). Does nothing if it runs already. */
  createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox>;
  /** Kills and removes all that is left of the pod: containers, sandbox, logs. Not an error if nothing is. */
  removePod(podUid: string, signal?: AbortSignal): Promise<void>;

  imagePresent(image: string, signal?: AbortSignal): Promise<boolean>;
  /** @returns the image id. */
  pullImage(image: string, signal?: AbortSignal): Promise<string>;

  /** Creates and starts attempt number `attempt` (0, 1, ...) of a container. Does nothing if it was started before. A failed start leaves no attempt. */
  startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void>;
  /** Sends the stop signal, waits up to `graceSeconds`, then kills. Resolves when it has ended. */
  stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Forgets one ended attempt with its log. */
  removeContainer(podUid: string, container: string, attempt: number, signal?: AbortSignal): Promise<void>;

  /** Log of one attempt. `follow` ends when the container does or the signal fires. */
  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
}

/** A Kubernetes pod as the runtime needs it. */
export interface SandboxSpec {
  uid: string;
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  spec: PodSpec;
  hostname: string;
}

export interface RuntimeSandbox {
  /** Pod address; empty while not running. */
  ip: string;
  running: boolean;
}

export interface ContainerStart {
  pod: SandboxSpec;
  container: string;
  image: string;
  attempt: number;
  /** Complete environment, fieldRefs resolved. */
  env: Record<string, string>;
  /** With `$(VAR)` expanded. Undefined means the image's own. */
  command?: string[];
  args?: string[];
  workingDir?: string;
  /** CPU in thousandths of a core, memory in bytes; undefined means no bound. */
  cpuLimitMillis?: number;
  cpuRequestMillis?: number;
  memoryLimitBytes?: number;
  tty: boolean;
  stdin: boolean;
  ports: { containerPort: number; hostPort?: number; hostIP?: string; protocol: 'TCP' | 'UDP' | 'SCTP' }[];
  /** Where the container may leave its last words; at most 4096 bytes are read. */
  terminationMessagePath: string;
}

export interface RuntimePod {
  uid: string;
  namespace: string;
  name: string;
  sandbox: RuntimeSandbox;
  containers: RuntimeContainer[];
}

export interface RuntimeContainer {
  name: string;
  attempt: number;
  /** Runtime's own id, `docker://…` or `process://…`. */
  id: string;
  image: string;
  imageId: string;
  state: 'created' | 'running' | 'exited';
  /** Milliseconds since 1970. */
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  /** Set when a signal ended it. */
  signal?: number;
  outOfMemory?: boolean;
  /** Contents of the termination message file of an exited container, when there is one. */
  terminationMessage?: string;
}

export interface LogRequest {
  podUid: string;
  container: string;
  /** Undefined: the newest. */
  attempt?: number;
  follow: boolean;
  /** Undefined: all. */
  tailLines?: number;
  sinceMs?: number;
}

/** A whole line, without its newline. */
export interface LogChunk {
  /** Milliseconds since 1970, with fraction. */
  at: number;
  stream: 'stdout' | 'stderr';
  line: Uint8Array;
}
