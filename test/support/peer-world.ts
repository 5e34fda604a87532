import { createMember } from '../../daemon/app/members.ts';
import { STORE_KEYS } from '../../daemon/app/store-keys.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { KernelAnswer } from '../../protocol/liveness.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { MemberSpec, Node, Pod } from '../../protocol/types.ts';
import { MemoryBeatNetwork, MemoryBeats } from './memory-beats.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryNetwork } from './memory-transport.ts';
import type { PeerDaemon } from './peer-daemon.ts';
import { composeDaemon, requestApi, warningOf } from './peer-daemon.ts';
import { silentLog } from './silent-log.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { HostClock, seededRandom, VirtualClock } from './virtual-clock.ts';

const CLUSTER = '0123456789abcdef';
export const TEST_FACTS: NodeFacts = {
  capacity: { cpu: '4', memory: '8Gi', pods: '110' },
  allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
  addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
  architecture: 'amd64',
  operatingSystem: 'linux',
  kernelVersion: '6',
  osImage: 'test',
  bootID: 'boot',
  machineID: 'machine',
  systemUUID: 'machine',
  kubeletVersion: 'v1.30.0',
};

export interface Answer {
  status: number;
  warning: string | undefined;
  body: KubeObject & { items: KubeObject[]; message?: string; conflicts: { key: string; path: string }[] };
}

/** A host: its disk and its containers outlive the daemon. */
/** What the tests read of an Event. */
export interface ShownEvent extends KubeObject {
  reason: string;
  message: string;
  involvedObject: { name: string };
}

export class PeerHost {
  readonly id: string;
  readonly node: string;
  readonly runtime: SimulatedRuntime;
  store = new MemoryStore();
  incarnation = 0;
  /** The kernel of a host that lost its power answers nothing. */
  hasPower = true;
  running: PeerDaemon | undefined;

  constructor(index: number, clock: VirtualClock) {
    this.id = `peer${index}`;
    this.node = `node-${index}`;
    this.runtime = new SimulatedRuntime(clock);
  }

  get daemon(): PeerDaemon {
    if (this.running === undefined) throw new Error(`${this.node} runs no daemon`);
    return this.running;
  }

  /** Whether its disk is known to hold the whole desired state. */
  get complete(): boolean {
    return this.store.records.has(STORE_KEYS.complete);
  }

  spec(admittedBy: string): MemberSpec {
    const { id, node } = this;
    return {
      peerId: id,
      nodeName: node,
      peerAddresses: [`/memory/${id}`],
      beatAddresses: [],
      apiAddresses: [],
      beatKey: id,
      admittedBy,
    };
  }
}

/**
 * Whole peers in one process: real replicas and documents, a network, disks and container runtimes in memory, and time that only the test moves. Links can be cut,
 * power too, and walls' clocks jump.
 */
export class PeerWorld {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly network: MemoryNetwork;
  readonly beatNetwork: MemoryBeatNetwork;
  readonly hosts: PeerHost[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random });
    this.beatNetwork = new MemoryBeatNetwork(this.network);
  }

  host(index: number): PeerHost {
    const host = this.hosts[index - 1];
    if (host === undefined) throw new Error(`no host ${index}`);
    return host;
  }

  /** Hosts 1 to `count`: the first founds, the others join it; until all see all alive under one leader. */
  async found(count: number): Promise<void> {
    for (let index = 1; index <= count; index += 1) await this.join();
    await this.until('all see each other', () => this.hosts.every((host) => this.sees(host, this.hosts)), 20_000);
  }

  /** One more host: admitted by the first if by no other, or the founder. */
  async join(by = this.hosts[0]): Promise<PeerHost> {
    const host = new PeerHost(this.hosts.length + 1, this.clock);
    this.hosts.push(host);
    if (by === undefined) {
      host.store.records.set(STORE_KEYS.founding, new TextEncoder().encode(CLUSTER));
      await this.boot(host, [host.spec(host.id)]);
      return host;
    }
    await this.wait(by.daemon.replica.write([createMember(host.spec(by.id), this.clock.now())]));
    await this.boot(host, by.daemon.peer.members());
    return host;
  }

  /** Starts the daemon of a host, or starts it again on what the disk has. */
  async boot(host: PeerHost, knownMembers: readonly MemberSpec[] = []): Promise<void> {
    const clock = new HostClock(this.clock);
    await host.store.close();
    await host.store.open();
    host.incarnation += 1;
    host.hasPower = true;
    const { random } = this;
    const transport = this.network.transport(host.id, clock);
    const beats = new MemoryBeats({ network: this.beatNetwork, worker: clock, main: clock }, { self: host.id });
    const prober = { connect: async ([address]: readonly string[]) => this.#kernelAnswer(host.id, address?.split('/')[2] ?? '') };
    const { store, runtime } = host;
    host.running = await composeDaemon(
      { store, transport, beats, prober, runtime, clock, random, log: silentLog },
      {
        clusterId: CLUSTER,
        member: host.spec(host.id),
        incarnation: host.incarnation,
        persistIncarnation: async (incarnation) => void (host.incarnation = incarnation),
        knownMembers,
        facts: TEST_FACTS,
      },
    );
    await this.wait(host.daemon.peer.start(new AbortController().signal));
  }

  /** SIGKILL: nothing of the daemon runs on. Its containers do. */
  async kill(host: PeerHost): Promise<void> {
    const { clock, transport, beats } = host.daemon;
    clock.kill();
    host.running = undefined;
    await beats.stop();
    await transport.stop();
  }

  async powerCut(host: PeerHost): Promise<void> {
    await this.kill(host);
    host.hasPower = false;
    host.runtime.reboot();
  }

  /** @throws Error that names what was waited for */
  async until(what: string, condition: () => boolean, timeoutMs = 30_000): Promise<void> {
    if (!(await this.clock.pass(timeoutMs, condition))) throw new Error(`waited ${timeoutMs} ms for: ${what}`);
  }

  /** Lets time pass until the promise has settled. */
  async wait<T>(promise: Promise<T>, timeoutMs = 30_000): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) await this.until('an answer', () => settled, timeoutMs);
    return promise;
  }

  /** A request to a host's API, as root on its socket. */
  async call(host: PeerHost, method: string, target: string, body?: unknown): Promise<Answer> {
    const answer = await this.wait(requestApi(host.daemon, method, target, body));
    if (typeof answer.body !== 'string') throw new Error('a stream, which this world does not read');
    return { status: answer.status, warning: warningOf(answer), body: JSON.parse(answer.body) as Answer['body'] };
  }

  /** A pod goes to whichever node is ready: who counts on a pod on each waits for all of them. */
  async nodesReady(by: PeerHost): Promise<void> {
    const isReady = (node: Node): boolean =>
      node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
    const ready = (): number => by.daemon.peer.objects.list('nodes').items.filter((item) => isReady(item as Node)).length;
    await this.until('all nodes are ready', () => ready() >= this.hosts.length);
  }

  pods(host: PeerHost): Pod[] {
    return host.daemon.peer.objects.list('pods').items.map((item) => item as Pod);
  }

  events(host: PeerHost): ShownEvent[] {
    return host.daemon.peer.objects.list('events').items.map((item) => item as ShownEvent);
  }

  /** The leader's node among those hosts, if they all follow the same living one. */
  sees(host: PeerHost, others: readonly PeerHost[]): boolean {
    const { view } = host.daemon.peer;
    const alive = view.members().filter(({ state }) => state === 'alive');
    const leads = others.some(({ id }) => id === view.leader.peer);
    return view.complete && leads && others.every(({ id }) => alive.some(({ spec }) => spec.peerId === id));
  }

  equal(hosts: readonly PeerHost[] = this.hosts): boolean {
    return new Set(hosts.map(({ daemon }) => daemon.replica.digest().join())).size === 1;
  }

  async stop(): Promise<void> {
    for (const { running } of this.hosts) if (running !== undefined) await this.wait(running.peer.stop(), 60_000);
  }

  async #kernelAnswer(from: string, to: string): Promise<KernelAnswer> {
    const host = this.hosts.find(({ id }) => id === to);
    if (host?.hasPower !== true || !this.network.isOpen(from, to)) return 'silent';
    return host.running === undefined ? 'refused' : 'accepted';
  }
}
