import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import { Api } from '../../daemon/api/api.ts';
import { createMember } from '../../daemon/app/members.ts';
import { conflictRows } from '../../daemon/peer/endpoints.ts';
import { Peer } from '../../daemon/peer/peer.ts';
import { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import type { NodeFacts } from '../../daemon/core/reconcile/node-status.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { KernelAnswer } from '../../protocol/liveness.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { MemberSpec, Pod } from '../../protocol/types.ts';
import { fakeIdentity, fakeVerify } from './liveness-world.ts';
import { MemoryBeatNetwork, MemoryBeats } from './memory-beats.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryNetwork } from './memory-transport.ts';
import type { MemoryTransport } from './memory-transport.ts';
import { silentLog } from './silent-log.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { HostClock, seededRandom, VirtualClock } from './virtual-clock.ts';

const CLUSTER = '0123456789abcdef';
const FACTS: NodeFacts = {
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

/** A host's clock, whose wall can jump. */
class JumpingClock extends HostClock {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

export interface Answer {
  status: number;
  warning: string | undefined;
  body: KubeObject & { items: KubeObject[]; message?: string; conflicts: { key: string; path: string }[] };
}

/** A daemon that runs on a host. */
interface Running {
  clock: JumpingClock;
  replica: DocumentReplica;
  transport: MemoryTransport;
  beats: MemoryBeats;
  peer: Peer;
  api: Api;
}

/** A host: its disk and its containers outlive the daemon. */
export class PeerHost {
  readonly id: string;
  readonly node: string;
  readonly runtime: SimulatedRuntime;
  store = new MemoryStore();
  complete = false;
  incarnation = 0;
  /** The kernel of a host that lost its power answers nothing. */
  hasPower = true;
  running: Running | undefined;

  constructor(index: number, clock: VirtualClock) {
    this.id = `peer${index}`;
    this.node = `node-${index}`;
    this.runtime = new SimulatedRuntime(clock);
  }

  get daemon(): Running {
    if (this.running === undefined) throw new Error(`${this.node} runs no daemon`);
    return this.running;
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

  /** One more host: admitted by the first, or the founder. */
  async join(): Promise<PeerHost> {
    const host = new PeerHost(this.hosts.length + 1, this.clock);
    this.hosts.push(host);
    const [founder] = this.hosts;
    if (founder === undefined || founder === host) {
      host.complete = true;
      await this.boot(host, [host.spec(host.id)], true);
      return host;
    }
    await this.wait(founder.daemon.replica.write([createMember(host.spec(founder.id), this.clock.now())]));
    await this.boot(host, founder.daemon.peer.members());
    return host;
  }

  /** Starts the daemon of a host, or starts it again on what the disk has. */
  async boot(host: PeerHost, knownMembers: readonly MemberSpec[] = [], founds = false): Promise<void> {
    const clock = new JumpingClock(this.clock);
    const randomId = (): string => Buffer.from(this.random.bytes(16)).toString('hex');
    await host.store.close();
    await host.store.open();
    const replica = new DocumentReplica(
      { store: host.store, documents: new AutomergeDocuments(), log: silentLog },
      {
        clusterId: CLUSTER,
        actor: randomId(),
        randomId,
        mergeUnitsOf: (resource) => kindOfResource(resource)?.mergeUnits,
        validate: (object) => validateMerged(object)[0]?.message,
      },
    );
    await replica.start();
    if (founds) await replica.write([createMember(host.spec(host.id), clock.now())]);
    host.incarnation += 1;
    host.hasPower = true;
    const transport = this.network.transport(host.id);
    const beats = new MemoryBeats({ network: this.beatNetwork, worker: clock, main: clock }, { self: host.id });
    const prober = { connect: async ([address]: readonly string[]) => this.#kernelAnswer(host.id, address?.split('/')[2] ?? '') };
    const identity = fakeIdentity(host.id);
    const { runtime } = host;
    const peer = new Peer(
      { replica, transport, beats, prober, runtime, identity, verify: fakeVerify, clock, random: this.random, log: silentLog },
      {
        clusterId: CLUSTER,
        node: host.node,
        incarnation: host.incarnation,
        persistIncarnation: async (incarnation) => void (host.incarnation = incarnation),
        complete: host.complete,
        persistComplete: async () => void (host.complete = true),
        knownMembers,
        facts: FACTS,
        version: 'test',
      },
    );
    host.running = { clock, replica, transport, beats, peer, api: this.#api(peer, replica, clock) };
    await this.wait(peer.start(new AbortController().signal));
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
    const url = new URL(target, 'http://localhost');
    const payload = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body));
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const answer = await this.wait(
      host.daemon.api.handle({
        method,
        path: url.pathname,
        query: url.searchParams,
        headers: body === undefined ? {} : { 'content-type': type, 'content-length': String(payload.byteLength) },
        connection: { credential: { type: 'socket' }, remoteAddress: '' },
        body: async () => payload,
        signal: new AbortController().signal,
      }),
    );
    const { status, headers, body: text } = answer;
    if (typeof text !== 'string') throw new Error('a stream, which this world does not read');
    const warning = Object.entries(headers).find(([name]) => name.toLowerCase() === 'warning')?.[1];
    return { status, warning: warning?.toString(), body: JSON.parse(text) as Answer['body'] };
  }

  pods(host: PeerHost): Pod[] {
    return host.daemon.peer.objects.list('pods').items as unknown as Pod[];
  }

  events(host: PeerHost): { reason: string; message: string; involvedObject: { name: string } }[] {
    return host.daemon.peer.objects.list('events').items as unknown as {
      reason: string;
      message: string;
      involvedObject: { name: string };
    }[];
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

  #api(peer: Peer, replica: DocumentReplica, clock: JumpingClock): Api {
    const unused = async (): Promise<never> => Promise.reject(new Error('not served in this world'));
    const { view } = peer;
    return new Api(
      {
        objects: peer.objects,
        desired: peer.writer,
        logs: peer.logs,
        clock,
        random: this.random,
        log: silentLog,
        authenticateToken: async () => undefined,
        nodeIsMember: (node) => view.memberOfNode(node) !== undefined,
        bindingAuthor: () => ({ membersSeen: view.membersSeen, membersKnown: view.membersKnown, term: view.leader.term }),
        unready: () => [],
        kith: {
          peers: () => peer.peers(),
          conflicts: () => ({ conflicts: conflictRows(replica) }),
          manifests: () => ({ folder: undefined, files: [] }),
          createToken: unused,
          join: unused,
        },
      },
      { kithVersion: '0' },
    );
  }
}
