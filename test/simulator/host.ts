import type { PeerBookEntry } from '../../daemon/adapters/identity/peer-book.ts';
import { bookMembers, entriesOf } from '../../daemon/app/known-members.ts';
import type { WatchedFolder } from '../../daemon/ports/folder.ts';
import type { ContainerRuntime } from '../../daemon/ports/runtime.ts';
import { objectRecordKey } from '../../daemon/peer/replica/disk.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import { MemoryFolder } from '../support/memory-folder.ts';
import type { DaemonImage, PeerDaemon } from '../support/peer-daemon.ts';
import { TEST_FACTS } from '../support/peer-world.ts';
import { SimulatedRuntime } from '../support/simulated-runtime.ts';
import { HostClock } from '../support/virtual-clock.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';
import { type DiskContents, SimDisk } from './disk.ts';
import type { FaultTally } from './faults.ts';
import { SimGuard } from './guard.ts';
import type { Release } from './scenario.ts';

/** A running daemon with the clocks of its two threads. */
export interface SimDaemon extends PeerDaemon {
  worker: HostClock;
  /** It ends in order, which takes as long as its disk: it serves nobody any more. */
  isStopping?: true;
}

/**
 * When a crash that lies in wait strikes: in the moment after a write is on disk and before anybody hears of it; when a claim of its own is on disk, or has been told,
 * and the pod does not run yet; when a vote is with who asked for it; and so on.
 */
export type CrashMoment = 'now' | 'afterWrite' | 'afterVote' | 'afterClaim' | 'beforeClaimedStart' | 'beforeStart' | 'afterStart';

/** Resolves when the daemon is up, or has died before that. Its clocks are those of the attempt that is under way. */
export interface Starting {
  up: Promise<void>;
  end: () => void;
  clocks: HostClock[];
}

/** A host: its disk, containers, files and kernel outlive its daemons. */
export class SimHost {
  private entered: readonly MemberSpec[] = [];
  readonly index: number;
  readonly id: string;
  readonly node: string;
  readonly disk: SimDisk;
  readonly folder = new MemoryFolder();
  readonly runtime: SimulatedRuntime;
  readonly guard: SimGuard;
  readonly facts: NodeFacts;
  readonly faults: FaultTally;
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
  /** And when last. */
  lostAt = Number.NEGATIVE_INFINITY;
  /** While the host as a whole stands still, and when it went on last. */
  isPaused = false;
  thawedAt = Number.NEGATIVE_INFINITY;
  trap: { moment: CrashMoment; spring: () => void; votes: number } | undefined;
  /** Records of pods that its daemons claimed. */
  private readonly claims = new Set<string>();
  private readonly clock: VirtualClock;
  /** Of its containers, and of its engine. */
  private readonly engineClock: HostClock;

  constructor(deps: { clock: VirtualClock; contents: DiskContents; faults: FaultTally }, index: number, cpu: string) {
    const { clock, contents, faults } = deps;
    this.index = index;
    this.clock = clock;
    this.engineClock = new HostClock(clock);
    this.disk = new SimDisk(contents);
    // Peer ids are base58, which has no zero.
    this.id = `peer${String(index).replaceAll('0', 'z')}`;
    this.node = `node-${index}`;
    // True time, which stands still with the host.
    const after = this.engineClock.after.bind(this.engineClock);
    this.runtime = new SimulatedRuntime({ now: () => clock.now(), monotonic: () => clock.monotonic(), after });
    this.guard = new SimGuard(clock, this.runtime);
    this.runtime.bootClock = () => this.guard.clock.monotonic();
    const size = { cpu, memory: '8Gi', pods: '110' };
    this.facts = { ...TEST_FACTS, capacity: size, allocatable: size };
    this.disk.onPersisted = (keys) => {
      this.strike('afterWrite');
      if (keys.some((key) => this.claims.has(key))) this.strike('afterClaim');
    };
    this.disk.onTrouble = (fault) => faults.note(fault);
    this.faults = faults;
  }

  /** Members that the answer to its join named, and whom it saw since. */
  get book(): readonly PeerBookEntry[] {
    return (this.disk.file('book') ?? []) as readonly PeerBookEntry[];
  }

  set book(entries: readonly PeerBookEntry[]) {
    this.disk.putFile('book', entries, this.clock.monotonic());
  }

  /** It becomes a member: what the answer to its join names, its first daemon knows. */
  enter(members: readonly MemberSpec[]): void {
    this.entered = members;
    this.book = entriesOf(members, this.clock.monotonic());
  }

  /** Whom its next daemon knows before it has loaded anything. */
  knownMembers(): readonly MemberSpec[] {
    const { entered } = this;
    this.entered = [];
    return [...entered, ...bookMembers(this.book, entered)];
  }

  get incarnation(): number {
    return (this.disk.file('incarnation') ?? 0) as number;
  }

  set incarnation(number: number) {
    this.disk.putFile('incarnation', number, this.clock.monotonic());
  }

  spec(admittedBy: string): MemberSpec {
    const { id, node } = this;
    const addresses = { peerAddresses: [`/memory/${id}`], beatAddresses: [], apiAddresses: [this.apiAddress] };
    // As long as a key is.
    return { peerId: id, nodeName: node, ...addresses, beatKey: id.padEnd(43, '-'), admittedBy };
  }

  get apiAddress(): string {
    return `https://${this.id}`;
  }

  /** The host as a whole stands still. Its clocks go on: what was due is due when it goes on. */
  pause(): void {
    this.isPaused = true;
    for (const clock of this.allClocks()) clock?.freeze();
  }

  /** @returns whether it stood still. The guard is left to wake up. */
  goOn(): boolean {
    if (!this.isPaused) return false;
    this.isPaused = false;
    this.thawedAt = this.clock.monotonic();
    for (const clock of this.allClocks()) if (clock !== this.guard.clock) clock?.thaw();
    return true;
  }

  private allClocks(): (HostClock | undefined)[] {
    return [this.daemon?.worker, this.daemon?.clock, this.engineClock, this.guard.clock];
  }

  newClock(clock: VirtualClock): HostClock {
    const own = new HostClock(clock);
    own.aheadMs = this.aheadMs;
    own.setRate(this.rate);
    return own;
  }

  /** Learns of its daemon's claims before they are on disk. */
  watchClaims({ replica }: SimDaemon): void {
    const write = replica.write.bind(replica);
    replica.write = (mutations) => {
      for (const mutation of mutations) {
        const binding = mutation.type === 'create' ? mutation.object.kith?.binding : undefined;
        if (binding?.by === 'heir' && binding.node === this.node) this.claims.add(objectRecordKey(mutation.key));
      }
      return write(mutations);
    };
  }

  /** Who asked for votes has its answer: what was granted since the trap was set. */
  answeredVotes(): void {
    if (this.disk.voteWrites > (this.trap?.votes ?? Infinity)) this.strike('afterVote');
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
  const through = <Result>(call: string, ask: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      noteTrouble(host, call);
      ask().then(
        (result) => clock.run(() => resolve(result)),
        (error: Error) => clock.run(() => reject(error)),
      );
    });
  return {
    name: 'simulated',
    start: () => runtime.start(),
    stop: () => runtime.stop(),
    version: (signal) => through('version', () => runtime.version(signal)),
    list: (signal) => through('list', () => runtime.list(signal)),
    onHint: (listener) => runtime.onHint((hint) => clock.run(() => listener(hint))),
    usePodNetwork: (network) => runtime.usePodNetwork(network),
    createSandbox: (pod, signal) => through('createSandbox', () => runtime.createSandbox(pod, signal)),
    removePod: (uid, signal) => through('removePod', () => runtime.removePod(uid, signal)),
    findImage: (image, signal) => through('findImage', () => runtime.findImage(image, signal)),
    pullImage: (image, signal, credentials) => through('pullImage', () => runtime.pullImage(image, signal, credentials)),
    startContainer: (spec, signal) => {
      if (isClaimed(host, spec.pod)) host.strike('beforeClaimedStart');
      host.strike('beforeStart');
      return through('startContainer', async () => {
        await runtime.startContainer(spec, signal).catch((error: unknown) => {
          if (runtime.behaviours.get(spec.image)?.startError !== undefined) host.faults.note('startRefused');
          throw error;
        });
        host.strike('afterStart');
      });
    },
    stopContainer: (uid, container, graceSeconds, signal) =>
      through('stopContainer', () => runtime.stopContainer(uid, container, graceSeconds, signal)),
    removeContainer: (uid, container, attempt, signal) =>
      through('removeContainer', () => runtime.removeContainer(uid, container, attempt, signal)),
    logs: (request, signal) => runtime.logs(request, signal),
    exec: () => through('exec', () => runtime.exec()),
    attach: () => through('attach', () => runtime.attach()),
    connect: () => through('connect', () => runtime.connect()),
  };
}

function noteTrouble({ runtime, faults }: SimHost, call: string): void {
  if (runtime.away !== undefined) faults.note('engineAway');
  else if (runtime.hanging.has(call)) faults.note('engineHung');
  else if (call === 'pullImage' && runtime.slowPullMs > 0) faults.note('pullSlow');
}

/** Whether it is bound to the host by a claim of its own. */
function isClaimed({ daemon, node }: SimHost, { namespace, name }: { namespace: string; name: string }): boolean {
  const binding = daemon?.replica.get(objectKey('pods', namespace, name))?.object.kith?.binding;
  return binding?.by === 'heir' && binding.node === node;
}
