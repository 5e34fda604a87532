import type { ApiClient } from '../../cli/client.ts';
import type { PeersAnswer } from '../../protocol/answers.ts';
import type { WaitOptions } from '../support/wait.ts';

/**
 * A lab: hosts on one Linux machine, each with a network namespace on a bridge, process, mount and host name namespaces of its own, its own Docker Engine and its own
 * kithd. Bridge and rules are in a namespace of the lab's own, so that nothing of the machine's network is touched; what the lab writes is below `folder`.
 * Everything ends with the process that made the lab, however that ends; unless it says `keep`.
 */
export interface Lab {
  readonly name: string;
  /** Below /var/tmp/kith-lab. */
  readonly folder: string;
  readonly hosts: readonly LabHost[];
  readonly network: LabNetwork;
  /** The host with this number (1 is the first). Throws where there is none. */
  host(number: number): LabHost;
  /** One more host, switched off. */
  addHost(): Promise<LabHost>;
  /** Switches all hosts on, founds a cluster with the first and joins the others, until all see each other. */
  startCluster(wait?: WaitOptions): Promise<void>;
  /** Until each of these hosts (all that are on, without argument) sees all of them alive and follows the same leader. */
  waitAllAlive(hosts?: readonly LabHost[], wait?: WaitOptions): Promise<void>;
  /** Undoes every hurt: links, loss, freezes, starvation, full disks, clocks. Starts nothing. */
  heal(): Promise<void>;
  /** Runs a program in the lab's switch: it reaches every host's address. */
  exec(program: string, ...args: string[]): Promise<string>;
  /** The lab goes on when the process that made it ends; until {@link Lab.down}. */
  keep(): Promise<void>;
  /** Ends everything that the lab runs, and removes what it wrote. Works after any failure, and twice. */
  down(): Promise<void>;
}

export interface LabHost {
  /** 1 is the first. */
  readonly number: number;
  /** The node's name in the cluster: host-1, host-2, … */
  readonly node: string;
  /** 10.77.0.NUMBER, seen from the lab's switch and from the other hosts. */
  readonly address: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly manifests: string;
  readonly daemonLog: string;
  readonly kithSocket: string;
  readonly engineSocket: string;
  /** kithd's API at its local socket. */
  readonly client: ApiClient;
  readonly engine: LabEngine;
  /** Namespaces and engine are up. */
  readonly isOn: boolean;
  readonly daemonRuns: boolean;
  readonly engineRuns: boolean;
  readonly isFrozen: boolean;

  /** Power on: namespaces, the engine with its images, and (unless told otherwise) the daemon. Resolves when both answer. */
  start(options?: StartOptions): Promise<void>;
  /** The power cable: every process of the host ends at once by SIGKILL, with no word to anybody. Disks stay. */
  kill(): Promise<void>;

  /** Of a host that is off: the disk with the daemon's data is taken out. When it is switched on it is a host that was never in a cluster. The engine's disk stays. */
  wipe(): Promise<void>;

  startDaemon(options?: StartOptions): Promise<void>;
  /** SIGKILL by default; the containers live on. Resolves when it is gone. */
  killDaemon(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Stops dockerd. `'SIGTERM'` as `systemctl stop docker` does it (the containers end); `'SIGKILL'` leaves the containers. */
  stopEngine(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  startEngine(): Promise<void>;

  /** The host's kernel goes on: it answers pings and takes connections, but none of its processes runs. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  freezeDaemon(): Promise<void>;
  thawDaemon(): Promise<void>;

  /** Fills the disk that holds the daemon's data until `leaveBytes` (0) are left. */
  fillDisk(leaveBytes?: number): Promise<void>;
  freeDisk(): Promise<void>;
  /**
   * Moves the daemon's wall clock by so many milliseconds from the machine's, at once; also while it does not run. Monotonic clocks are left alone. In labs with
   * `movableClocks` only.
   */
  moveClock(byMs: number): Promise<void>;
  /** All processes of the host together get this share of one CPU (0.1 = a tenth); undefined gives it back. */
  starve(cpus: number | undefined): Promise<void>;
  /** Busy processes on the host, to compete with the others. Ends with {@link Lab.heal}. */
  burn(processes: number): Promise<void>;

  /** Runs a program in the host's namespaces. */
  exec(program: string, ...args: string[]): Promise<string>;
  /** What to run on the machine to run this on the host: for those who want the program's own input, output and end. */
  commandLine(...words: readonly string[]): [string, ...string[]];
  kithCommandLine(...words: readonly string[]): [string, ...string[]];
  /** What `kith` prints when it is run with these arguments on this host. Rejects with its standard error when it fails. */
  kith(...args: string[]): Promise<string>;
  token(): Promise<string>;
  peers(): Promise<PeersAnswer>;
}

export interface StartOptions {
  daemon?: boolean;
  joinToken?: string;
  wait?: WaitOptions;
}

export interface LabContainer {
  id: string;
  /** The pod's name and namespace, its uid and the container's name and attempt, of the labels that kithd writes. */
  pod: string;
  namespace: string;
  uid: string;
  container: string;
  attempt: number;
  image: string;
  running: boolean;
  /** ISO 8601 with nanoseconds, as the engine says. */
  startedAt: string;
}

/** A host's engine, asked directly and not through kithd. */
export interface LabEngine {
  /** Containers of pods (no sandboxes), dead ones too with `all`. */
  containers(options?: { all?: boolean }): Promise<LabContainer[]>;
  /** Calls back at each start and end of a pod's container until the signal aborts; `atMs` is the engine's own time in milliseconds since 1970, with fractions. */
  watch(onEvent: (event: LabEngineEvent) => void, signal: AbortSignal): Promise<void>;
  /** The docker command line against this engine. */
  docker(...args: string[]): Promise<string>;
}

export interface LabEngineEvent {
  atMs: number;
  action: 'start' | 'die';
  pod: string;
  namespace: string;
  uid: string;
  container: string;
  attempt: number;
}

/** Every method changes one thing and leaves the others as they are; `heal` undoes all. */
export interface LabNetwork {
  /** The host's link goes down: silence in both directions. */
  unplug(host: LabHost): Promise<void>;
  plug(host: LabHost): Promise<void>;
  /** Nothing passes between any of `from` and any of `to`. With `oneWay`, only what `from` sends is lost. */
  cut(from: readonly LabHost[], to: readonly LabHost[], options?: { oneWay?: boolean }): Promise<void>;
  uncut(from: readonly LabHost[], to: readonly LabHost[]): Promise<void>;
  /** Of what the host sends and of what is sent to it, this share (0 to 1) is lost; 0 ends it. */
  drop(host: LabHost, share: number): Promise<void>;
  /** What is sent to the host waits in a queue that is emptied at this rate; undefined ends it. The kernel's netem, where it is, gives fixed delays: `delayMs`. */
  slow(host: LabHost, limit: { kbitPerSecond: number } | { delayMs: number } | undefined): Promise<void>;
  heal(): Promise<void>;
}

export interface LabOptions {
  /** Of its folder and its control groups; made up where absent. */
  name?: string;
  /** Folder with kithd.js, kith.js and lab.js. */
  dist?: string;
  /** Daemons start in a way that lets their clocks be moved. Each reading of the wall clock takes 5 µs then, so not for measurements. */
  movableClocks?: boolean;
  /** Hosts from this number on are on another link, behind a router: 10.78.0.NUMBER. */
  farFrom?: number;
  /** Arguments of kithd beside the usual ones. */
  extraArguments?: (host: number) => string[];
}
