import type { WatchedFolder } from '../../daemon/ports/folder.ts';
import type { ContainerRuntime } from '../../daemon/ports/runtime.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import { MemoryFolder } from '../support/memory-folder.ts';
import type { DaemonImage, PeerDaemon } from '../support/peer-daemon.ts';
import { TEST_FACTS } from '../support/peer-world.ts';
import { SimulatedRuntime } from '../support/simulated-runtime.ts';
import { HostClock } from '../support/virtual-clock.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { type DiskContents, SimDisk } from './disk.ts';
import { SimGuard } from './guard.ts';
import type { Release } from './scenario.ts';

/** A running daemon with the clocks of its two threads. */
export interface SimDaemon extends PeerDaemon {
  worker: HostClock;
}

/** When a crash that lies in wait strikes: in the moment after a write is on disk and before anybody hears of it, and so on. */
export type CrashMoment = 'now' | 'afterWrite' | 'beforeStart' | 'afterStart';

/** Resolves when the daemon is up, or has died before that. Its clocks are those of the attempt that is under way. */
export interface Starting {
  up: Promise<void>;
  end: () => void;
  clocks: HostClock[];
}

/** A host: its disk, containers, files and kernel outlive its daemons. */
export class SimHost {
  readonly index: number;
  readonly id: string;
  readonly node: string;
  readonly disk: SimDisk;
  readonly folder = new MemoryFolder();
  readonly runtime: SimulatedRuntime;
  readonly guard: SimGuard;
  readonly facts: NodeFacts;
  /** Members that the answer to its join named. */
  book: readonly MemberSpec[] = [];
  incarnation = 0;
  hasPower = true;
  /** Lost for ever, removed, or let in by one that was, unseen by its remover: never started again. */
  isGone = false;
  /** The last of these three: it is no member, and nobody removed it by name. */
  isVoid = false;
  /** Peer id of who let it in; its own of the founder. */
  admittedBy = '';
  daemon: SimDaemon | undefined;
  /** A start that is under way. */
  starting: Starting | undefined;
  /** Of the daemon that runs next, too. */
  aheadMs = 0;
  rate = 1;
  /** Of the daemon, when it is another than most are of. */
  release: Release | undefined;
  /** What its first daemon finds in memory as well as on its disk: what others of a wide cluster hold, too. */
  image: DaemonImage | undefined;
  /** Records were lost, and the store noticed. */
  damaged = false;
  /** How often its disk lost something. */
  losses = 0;
  /** While the host as a whole stands still, and when it went on last. */
  isPaused = false;
  thawedAt = Number.NEGATIVE_INFINITY;
  trap: { moment: CrashMoment; spring: () => void } | undefined;

  constructor(deps: { clock: VirtualClock; contents: DiskContents }, index: number, cpu: string) {
    const { clock, contents } = deps;
    this.index = index;
    this.disk = new SimDisk(contents);
    // Peer ids are base58, which has no zero.
    this.id = `peer${String(index).replaceAll('0', 'z')}`;
    this.node = `node-${index}`;
    this.runtime = new SimulatedRuntime(clock);
    this.guard = new SimGuard(clock, this.runtime);
    this.runtime.bootClock = () => this.guard.clock.monotonic();
    const size = { cpu, memory: '8Gi', pods: '110' };
    this.facts = { ...TEST_FACTS, capacity: size, allocatable: size };
    this.disk.onPersisted = () => this.strike('afterWrite');
  }

  spec(admittedBy: string): MemberSpec {
    const { id, node } = this;
    const addresses = { peerAddresses: [`/memory/${id}`], beatAddresses: [], apiAddresses: [] };
    return { peerId: id, nodeName: node, ...addresses, beatKey: id, admittedBy };
  }

  newClock(clock: VirtualClock): HostClock {
    const own = new HostClock(clock);
    own.aheadMs = this.aheadMs;
    own.setRate(this.rate);
    return own;
  }

  /** Springs the trap that lies in wait for this moment. */
  strike(moment: CrashMoment): void {
    if (this.trap?.moment !== moment) return;
    const { spring } = this.trap;
    this.trap = undefined;
    spring();
  }
}

/** The folder of manifests as one daemon reaches it. */
export function folderOf({ folder }: SimHost, clock: HostClock): WatchedFolder {
  return {
    name: folder.name,
    start: () => folder.start(),
    stop: () => folder.stop(),
    scan: async () => {
      const snapshot = await folder.scan();
      return new Promise((resolve) => clock.run(() => resolve(snapshot)));
    },
    onHint: (listener) => folder.onHint(() => clock.run(listener)),
  };
}

/** The engine as one daemon reaches it: answers run on its clock, so that none comes to a daemon that is dead or frozen. */
export function engineOf(host: SimHost, clock: HostClock): ContainerRuntime {
  const { runtime } = host;
  const through = <Result>(answer: Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      answer.then(
        (result) => clock.run(() => resolve(result)),
        (error: Error) => clock.run(() => reject(error)),
      );
    });
  return {
    name: 'simulated',
    start: () => runtime.start(),
    stop: () => runtime.stop(),
    version: (signal) => through(runtime.version(signal)),
    list: (signal) => through(runtime.list(signal)),
    onHint: (listener) => runtime.onHint((hint) => clock.run(() => listener(hint))),
    usePodNetwork: (network) => runtime.usePodNetwork(network),
    createSandbox: (pod, signal) => through(runtime.createSandbox(pod, signal)),
    removePod: (uid, signal) => through(runtime.removePod(uid, signal)),
    findImage: (image, signal) => through(runtime.findImage(image, signal)),
    pullImage: (image, signal, credentials) => through(runtime.pullImage(image, signal, credentials)),
    startContainer: (spec, signal) => {
      host.strike('beforeStart');
      return through(
        runtime.startContainer(spec, signal).then((result) => {
          host.strike('afterStart');
          return result;
        }),
      );
    },
    stopContainer: (uid, container, graceSeconds, signal) => through(runtime.stopContainer(uid, container, graceSeconds, signal)),
    removeContainer: (uid, container, attempt, signal) => through(runtime.removeContainer(uid, container, attempt, signal)),
    logs: (request, signal) => runtime.logs(request, signal),
    exec: () => through(runtime.exec()),
    attach: () => through(runtime.attach()),
    connect: () => through(runtime.connect()),
  };
}
