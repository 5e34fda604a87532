import type { PodSpec } from '../../protocol/types.ts';
import type { ProcessMarks } from './guard.ts';
import type { ByteStream, ProcessStreams } from './streams.ts';
import type { Mount } from './volumes.ts';

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

  /**
   * Where pods get their addresses from, from now on; those that run keep theirs. Until it is called, no pod starts. Only of runtimes whose pods have addresses
   * that other hosts reach.
   */
  usePodNetwork?(network: PodNetworkSpec): void;

  /** Every pod of ours on this host, running or not. */
  list(signal?: AbortSignal): Promise<RuntimePod[]>;
  /** Says that something may have changed (which pod, if known). May miss and repeat. */
  onHint(listener: (hint: { podUid?: string }) => void): () => void;

  /** Makes the pod's sandbox (its network identity). Does nothing if it runs already. */
  createSandbox(pod: SandboxSpec, signal?: AbortSignal): Promise<RuntimeSandbox>;
  /** Kills and removes all that is left of the pod: containers, sandbox, logs. Not an error if nothing is. */
  removePod(podUid: string, signal?: AbortSignal): Promise<void>;

  /** The id of an image that is here; undefined where it is not. */
  findImage(image: string, signal?: AbortSignal): Promise<string | undefined>;
  /** @param credentials tried one after the other */
  pullImage(image: string, signal?: AbortSignal, credentials?: readonly RegistryCredential[]): Promise<PulledImage>;

  /** Creates and starts attempt number `attempt` (0, 1, ...) of a container. Does nothing if it was started before. A failed start leaves no attempt. */
  startContainer(spec: ContainerStart, signal?: AbortSignal): Promise<void>;
  /** Sends the stop signal, waits up to `graceSeconds`, then kills. Resolves when it has ended. */
  stopContainer(podUid: string, container: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Forgets one ended attempt with its log. */
  removeContainer(podUid: string, container: string, attempt: number, signal?: AbortSignal): Promise<void>;

  /** What pods that run have used until now. Cheap enough to be asked every few seconds. Left out by runtimes that can't tell. */
  usage?(signal?: AbortSignal): Promise<RuntimeUsage>;

  /** Log of one attempt. `follow` ends when the container does or the signal fires. */
  logs(request: LogRequest, signal: AbortSignal): AsyncIterable<LogChunk>;

  /**
   * Runs a command in a container, with its environment, working directory and network. The signal ends it.
   * @throws KithError `NotFound` (no such container runs), `ContainerStartFailed` (no such command), `InvalidContainer` (what can't be had here, such as a terminal)
   */
  exec(request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams>;
  /** The streams of a container's own program, from now on. The signal lets go of them; the program runs on. @throws KithError as `exec` */
  attach(request: AttachRequest, signal: AbortSignal): Promise<ProcessStreams>;
  /** A TCP connection to a port of the pod, as from inside it. @throws KithError `NotFound` (no such pod runs), `ConnectionRefused` */
  connect(request: ConnectRequest, signal: AbortSignal): Promise<ByteStream>;
}

export interface PulledImage {
  id: string;
  /** Of what it takes on disk, as the engine counts it; left out where it does not. */
  sizeBytes?: number;
  /** That the registry took; left out where the image was had without. */
  credential?: RegistryCredential;
}

export interface PodNetworkSpec {
  /** `10.42.7.0/24` */
  subnet: string;
  /** Bytes; the runtime's default where it is left out. */
  mtu?: number;
  /** Somebody else sees to the source addresses of what leaves for outside of the cluster. */
  masqueradedElsewhere?: boolean;
  /** Awaited before anything of a pod runs at its address; where it throws, it is not started. */
  beforeStart?(podUid: string, address: string, signal?: AbortSignal): Promise<void>;
  /** The runtime can not have this subnet, for this reason: another has to be taken. */
  onRefused(why: string): void;
}

export interface ExecRequest {
  podUid: string;
  container: string;
  command: string[];
  tty: boolean;
  stdin: boolean;
}

export interface AttachRequest {
  podUid: string;
  container: string;
  stdin: boolean;
}

export interface ConnectRequest {
  podUid: string;
  port: number;
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
  /** What follows the host name in the pod's full one. */
  domain?: string;
  /** Whom it asks for names; left out: whom its host asks. Only of runtimes whose containers have files of their own. */
  dns?: PodDns;
}

/** As in resolv.conf. */
export interface PodDns {
  nameservers: readonly string[];
  searches: readonly string[];
  /** `ndots:5` */
  options: readonly string[];
  /** The first name server is this node itself, at the first address of its pods' subnet: of no use to a pod outside of it. */
  fromNode?: true;
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
  /** How soon the kernel ends it when the node has no memory left: from -1000, never, to 1000, first. */
  oomScoreAdj?: number;
  tty: boolean;
  stdin: boolean;
  /** Standard input ends with the first attachment to it. */
  stdinOnce: boolean;
  ports: { containerPort: number; hostPort?: number; hostIP?: string; protocol: 'TCP' | 'UDP' | 'SCTP' }[];
  /** What it may do, where something is said of it. A runtime that can't have it so refuses by name (`InvalidContainer`). */
  security?: ContainerSecurity;
  /** Files and folders of the host that it has. */
  mounts: readonly Mount[];
  /** Where the container may leave its last words; at most 4096 bytes are read. */
  terminationMessagePath: string;
  /** The container of the pod whose processes it sees, as one does that looks at it. */
  seesProcessesOf?: string;
  /** Of a container that runs under a lease. */
  fence?: StartFence;
}

export interface StartFence {
  /** On the clock that counts suspend, ms: nothing of the container may begin to run later. */
  notAfterMs: number;
  /** To be called, and waited for, before the first process of the container does anything. */
  mark(marks: ProcessMarks): Promise<void>;
}

/** Never in a log or an Event. */
export interface RegistryCredential {
  server: string;
  username: string;
  password: string;
  identityToken?: string;
  /** The Secret that it is from. */
  source?: { uid: string; namespace: string; name: string };
}

export interface ContainerSecurity {
  runAsUser?: number;
  runAsGroup?: number;
  /** Further groups of the program. */
  groups?: readonly number[];
  /** It must not run as root; else `VerifyNonRootError`, whose message ends in this. */
  nonRootFor?: string;
  privileged?: boolean;
  noNewPrivileges?: boolean;
  readOnlyRoot?: boolean;
  addCapabilities?: readonly string[];
  dropCapabilities?: readonly string[];
  /** The engine's own profile unless said. */
  seccomp?: 'unconfined';
  appArmor?: string;
  /** Sees the processes of the host. */
  hostProcesses?: boolean;
  hostIpc?: boolean;
  sysctls?: Readonly<Record<string, string>>;
}

export interface RuntimeUsage {
  /** Of the whole host that pods run on. */
  host: UsageCounters;
  pods: {
    uid: string;
    containers: ({
      name: string;
      /** As in {@link RuntimeContainer}: counters of another attempt begin anew. */ id: string;
    } & UsageCounters)[];
  }[];
}

export interface UsageCounters {
  /** CPU time since the start, nanoseconds. May sink where a process that nobody waited for is gone. */
  cpuNanos: number;
  /** Bytes now that can't be had back for the asking: without file caches that are not in use. */
  memoryBytes: number;
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
