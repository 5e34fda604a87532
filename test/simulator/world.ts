import { KithError } from '../../protocol/errors.ts';
import { bookWith } from '../../daemon/app/known-members.ts';
import { createMember, memberKey } from '../../daemon/app/members.ts';
import { STORE_KEYS } from '../../daemon/app/store-keys.ts';
import { planPodSubnet } from '../../daemon/core/network/pod-subnets.ts';
import type { ClusterView } from '../../daemon/core/cluster/view.ts';
import type { Log } from '../../daemon/ports/log.ts';
import type { GraveLimits } from '../../daemon/peer/replica/graves.ts';
import type { HistoryLimits } from '../../daemon/peer/replica/histories.ts';
import type { Documents } from '../../daemon/ports/documents.ts';
import type { JoinRequest } from '../../protocol/joining.ts';
import type { KernelAnswer } from '../../protocol/liveness.ts';
import { fakeVerify } from '../support/liveness-world.ts';
import { MemoryBeatNetwork, MemoryBeats } from '../support/memory-beats.ts';
import { composeDaemon } from '../support/peer-daemon.ts';
import type { HostClock } from '../support/virtual-clock.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import type { Answered } from './checker.ts';
import type { Draw } from './draw.ts';
import { DiskContents } from './disk.ts';
import { FaultTally } from './faults.ts';
import { guardOf } from './guard.ts';
import { sharedEntryWork, sharedReader, sharedRecords } from './shared-work.ts';
import { engineOf, folderOf, SimHost } from './host.ts';
import type { SimDaemon, Starting } from './host.ts';
import type { WayFault } from './way.ts';
import { SimNetwork } from './network.ts';
import { Timeline } from './timeline.ts';
import type { Asked } from './users.ts';

import { CLUSTER } from './cluster.ts';

/** Members written in one batch, and how long the founder has to make their nodes. */
const WRITE_AT_ONCE = 200;
const STANDING_MS = 5_000;
/** Before the peers of a wide cluster tell of what has become of each other, and not in the same moment: a thousand greet each other a million times. */
const CONNECTING_MS = 6;
/** The guard, after a pause of its host; what is promised for its kill is 100 ms. */
const GUARD_WAKES_MS = 50;
/** Until a daemon that could not start is started again, as a supervisor does. */
const RESTART_MS = 1_000;

export interface WorldOptions {
  /** CPU of each node. */
  cpu: string;
  network: WayFault;
  /** Streams overtake each other, and gossip comes again now and then. */
  disorder?: boolean | undefined;
  /** Shared by all hosts. */
  documents: Documents;
  /** When daemons cut the histories of documents; default: as the product does. */
  histories?: HistoryLimits | undefined;
  /** When graves are collected; default: as the product does. */
  graves?: GraveLimits | undefined;
  /** Of a cluster that is founded: default as for all that tests compose. */
  podRange?: string | undefined;
  /** Daemons have guards, and what must run at most once does. Without it such workloads start as any other. */
  leases?: boolean;
}

const NEVER_CUT: HistoryLimits = { changes: Infinity, bytes: Infinity, times: 0, restMs: 0, restlessTimes: 1 };

/** Hosts, a network between them, and time. It runs the daemons' own code and decides nothing. */
export class SimWorld {
  /** Nothing here waits for the machine. */
  readonly clock = new VirtualClock({ msPerTurn: 64 });
  readonly network: SimNetwork;
  readonly beatNetwork: MemoryBeatNetwork;
  readonly hosts: SimHost[] = [];
  readonly timeline = new Timeline(this.clock);
  readonly draw: Draw;
  readonly documents: Documents;
  readonly contents = new DiskContents();
  /** What went wrong in truth. */
  readonly faults = new FaultTally();
  /** What follows from equal input is found out once for all hosts. */
  private readonly shared = { entryWork: sharedEntryWork(), readRecord: sharedRecords(), recordReader: sharedReader(fakeVerify) };
  /** Called with each daemon that is composed, before it starts. */
  readonly onBoot: ((host: SimHost, daemon: SimDaemon) => void)[] = [];
  /** Called when a daemon goes on that stood still, before it does. */
  readonly onThaw: ((host: SimHost, stoodMs: number) => void)[] = [];
  /** Called with what users ask, before it is answered. */
  readonly onRequest: ((host: SimHost, asked: Asked) => readonly Answered[])[] = [];
  /** Called when a member is asked to let a host in, before it answers. */
  readonly onJoinAsked: ((member: SimHost, host: SimHost, request: JoinRequest) => readonly Answered[])[] = [];
  /** Faults that last just now. */
  troubles = 0;
  private disturbedAt = 0;
  /** Runs a check and keeps what it throws. */
  guard: (check: () => void) => void = (check) => check();
  /** Where a host's daemon logs to. */
  logOf: (node: string) => Log = (node) => this.timeline.log(node);
  private readonly options: WorldOptions;

  constructor(draw: Draw, options: WorldOptions) {
    this.draw = draw;
    this.options = options;
    this.documents = options.documents;
    const disorder = options.disorder === true ? draw.aside(1) : undefined;
    this.network = new SimNetwork({ clock: this.clock, draw: draw.fork(), faults: this.faults, disorder }, options.network);
    this.network.onAnswered = (from, what) => {
      if (what === 'leases') this.hosts.find(({ id }) => id === from)?.answeredVotes();
    };
    this.beatNetwork = new MemoryBeatNetwork(this.network);
  }

  get hasLeases(): boolean {
    return this.options.leases === true;
  }

  /** Something that a cluster has to recover from began or ended. */
  disturb(): void {
    this.disturbedAt = this.clock.monotonic();
  }

  /** How long nothing was wrong and every host up, ms. */
  quietMs(): number {
    const isWhole = this.troubles === 0 && this.hosts.every(({ daemon, isGone }) => daemon !== undefined || isGone);
    return isWhole ? this.clock.monotonic() - this.disturbedAt : 0;
  }

  host(index: number): SimHost | undefined {
    return this.hosts[index - 1];
  }

  /** Those that run a daemon. */
  running(): (SimHost & { daemon: SimDaemon })[] {
    return this.hosts.filter((host): host is SimHost & { daemon: SimDaemon } => host.daemon !== undefined);
  }

  /** Those that are to be members for good. */
  lasting(): SimHost[] {
    return this.hosts.filter(({ isGone }) => !isGone);
  }

  addHost(): SimHost {
    const host = new SimHost(this, this.hosts.length + 1, this.options.cpu);
    this.hosts.push(host);
    return host;
  }

  async found(host: SimHost): Promise<void> {
    host.disk.records.set(STORE_KEYS.founding, new TextEncoder().encode(CLUSTER));
    await this.boot(host);
  }

  /** A cluster as it is long after its founding: all hosts have the same disk, and start at once. */
  async foundWide(count: number, prepare?: (founder: SimDaemon) => Promise<void>): Promise<void> {
    const first = this.addHost();
    for (let index = 2; index <= count; index += 1) this.addHost();
    await this.found(first);
    const { daemon } = first;
    if (daemon === undefined) throw new Error('the founder does not run');
    const members = this.hosts.map((host) => host.spec(first.id));
    for (let start = 1; start < count; start += WRITE_AT_ONCE) {
      const some = members.slice(start, start + WRITE_AT_ONCE);
      await daemon.replica.write(some.map((member) => createMember(member, daemon.clock.now())));
    }
    await new Promise<void>((resolve) => this.clock.after(STANDING_MS, resolve));
    for (const host of this.hosts) await takeSubnet(daemon, host.node);
    await prepare?.(daemon);
    const image = { replica: daemon.replica.image(), peer: daemon.peer.image() };
    const now = this.clock.monotonic();
    const alive = members.map(({ peerId }) => ({ peer: peerId, state: 'alive' as const, since: now, incarnation: 1 }));
    image.peer.state.applyLiveness(alive, { term: 0, peer: '', isSelf: false }, now);
    for (const host of this.hosts.slice(1)) {
      host.disk.copy(first.disk);
      host.enter(members);
      host.image = image;
    }
    this.network.dialsWithinMs = CONNECTING_MS;
    await Promise.all(this.hosts.slice(1).map((host) => this.boot(host)));
    this.clock.after(2 * CONNECTING_MS, () => (this.network.dialsWithinMs = undefined));
  }

  /** A new host, admitted by a member: what `daemon/app/api-servers.ts` does when the token holds. */
  async join(host: SimHost, by: SimHost & { daemon: SimDaemon }): Promise<void> {
    const { daemon } = by;
    host.isGone = true;
    host.admittedBy = by.id;
    await daemon.peer.writer.write([createMember(host.spec(by.id), daemon.clock.now())]);
    host.isGone = false;
    host.enter(daemon.peer.members());
    await this.boot(host);
  }

  /** Starts the daemon on what the disk has: again and again where that is full, as its supervisor does. */
  async boot(host: SimHost): Promise<void> {
    if (host.starting !== undefined) return host.starting.up;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    host.starting = { up: promise, end: resolve, clocks: [] };
    this.#bootUntilUp(host, host.starting).then(resolve, reject);
    return promise;
  }

  async #bootUntilUp(host: SimHost, starting: Starting): Promise<void> {
    while (host.starting === starting) {
      try {
        await this.#compose(host, starting);
        if (host.starting === starting) host.starting = undefined;
      } catch (error) {
        if (!(error instanceof KithError) || error.code !== 'StoreFull') throw error;
        this.timeline.add(host.node, `the daemon can not start: ${error.message}`);
        await new Promise<void>((resolve) => this.clock.after(RESTART_MS, resolve));
      }
    }
  }

  async #compose(host: SimHost, starting: Starting): Promise<void> {
    this.goOn(host);
    const clock = host.newClock(this.clock);
    const worker = host.newClock(this.clock);
    starting.clocks = [clock, worker];
    host.incarnation += 1;
    host.hasPower = true;
    this.timeline.add(host.node, `the daemon starts, incarnation ${host.incarnation}`);
    const transport = this.network.transport(host.id, clock);
    const beats = new MemoryBeats({ network: this.beatNetwork, worker, main: clock }, { self: host.id });
    const prober = { connect: this.#prober(host, clock) };
    const log = this.logOf(host.node);
    const { documents } = this;
    // An older daemon knows nothing of it.
    const histories = host.release === 'older' ? NEVER_CUT : this.options.histories;
    const world = {
      ...this.shared,
      documents,
      histories,
      graves: this.options.graves,
      transport,
      beats,
      prober,
      log,
      clock,
      folder: folderOf(host, clock),
      random: this.draw.fork(),
    };
    const { damaged, guard } = host;
    const bootClock = (): number => guard.clock.monotonic();
    const leases =
      this.options.leases === true
        ? {
            guard: guardOf(guard, clock),
            book: host.disk.voteBook(clock, this.draw.aside(1_000 * host.index + host.incarnation)),
            bootClock,
          }
        : undefined;
    host.damaged = false;
    const { image } = host;
    host.image = undefined;
    const composed = await composeDaemon(
      { ...world, image, store: host.disk.open(clock, this.draw.fork()), runtime: engineOf(host, clock), leases },
      {
        clusterId: CLUSTER,
        member: host.spec(host.id),
        incarnation: host.incarnation,
        persistIncarnation: async (incarnation) => void (host.incarnation = Math.max(host.incarnation, incarnation)),
        knownMembers: host.knownMembers(),
        facts: host.facts,
        damaged,
        podRange: this.options.podRange,
      },
    );
    // It died meanwhile.
    if (host.starting !== starting) return;
    const daemon: SimDaemon = { ...composed, worker };
    host.daemon = daemon;
    daemon.peer.onMembers((members) => {
      const isRemoved = (peer: string): boolean => daemon.replica.buriedLife(memberKey(peer)) > 0;
      host.book = bookWith(host.book, members, isRemoved, daemon.clock.now());
    });
    for (const listener of this.onBoot) listener(host, daemon);
    await daemon.peer.start(new AbortController().signal);
    this.disturb();
    this.timeline.add(host.node, 'the daemon is up');
  }

  /** It stands still as a whole: its kernel answers nothing, and nobody is told so. */
  pause(host: SimHost): void {
    host.pause();
    this.network.stall(host.id);
  }

  /** The guard is the last to wake up. */
  goOn(host: SimHost): void {
    if (!host.goOn()) return;
    this.network.goOn(host.id);
    this.clock.after(GUARD_WAKES_MS, () => (host.isPaused ? undefined : host.guard.clock.thaw()));
  }

  /** SIGKILL, or worse: nothing of the daemon runs on. */
  kill(host: SimHost, why: string): void {
    // Nothing dies, nor starts, while the host stands still.
    this.goOn(host);
    const { daemon, starting } = host;
    if (daemon === undefined && starting === undefined) return;
    this.timeline.add(host.node, `the daemon dies: ${why}`);
    this.disturb();
    host.daemon = undefined;
    host.starting = undefined;
    host.guard.stop();
    for (const clock of starting?.clocks ?? []) clock.kill();
    starting?.end();
    daemon?.clock.kill();
    daemon?.worker.kill();
    this.faults.note('writeHalfDone', host.disk.crash(this.draw, this.clock.monotonic()));
    if (daemon === undefined) return;
    void daemon.beats.stop();
    void daemon.transport.stop();
  }

  /** The host loses its power: its containers end, its kernel answers nothing. */
  powerCut(host: SimHost): void {
    host.hasPower = false;
    this.network.vanish(host.id);
    this.kill(host, 'the power is cut');
    host.runtime.reboot();
    host.guard.reset();
  }

  async stop(): Promise<void> {
    for (const host of this.hosts) this.kill(host, 'the simulation ends');
  }

  #prober(from: SimHost, clock: HostClock): (addresses: readonly string[], timeoutMs: number) => Promise<KernelAnswer> {
    return async ([address], timeoutMs) =>
      new Promise((resolve) => {
        const to = address?.split('/')[2] ?? '';
        const host = this.hosts.find(({ id }) => id === to);
        clock.after(timeoutMs, () => resolve('silent'));
        const answers = host?.hasPower === true && !host.isPaused && this.network.isOpen(from.id, to);
        if (answers) clock.after(this.network.roundTripMs(from.id, to), () => resolve(host.daemon === undefined ? 'refused' : 'accepted'));
      });
  }
}

/** What the host's own daemon would decide and write. */
async function takeSubnet({ peer, replica }: SimDaemon, node: string): Promise<void> {
  const view = Object.create(peer.view, { self: { value: { ...peer.view.self, node } } }) as ClusterView;
  for (const decision of planPodSubnet(view, { clusterId: CLUSTER, unusable: [] }))
    if (decision.do === 'write') await replica.write(decision.mutations);
}
