import { hash } from 'node:crypto';
import { PeerLiveness } from '../../daemon/peer/liveness.ts';
import { PeerObserved } from '../../daemon/peer/observed.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { Identity, VerifySignature } from '../../daemon/ports/identity.ts';
import type { Log, LogFields } from '../../daemon/ports/log.ts';
import type { RequestProtocol, Topic, Transport } from '../../daemon/ports/transport.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import type { KernelAnswer } from '../../protocol/liveness.ts';
import { KithError } from '../../protocol/errors.ts';
import { MemoryBeatNetwork, MemoryBeats } from './memory-beats.ts';
import { HostClock, seededRandom, VirtualClock } from './virtual-clock.ts';

/** One way, ms: a local network, and its worst. */
const LATENCY_MS = { least: 0.5, spread: 4 };

export const fakeIdentity = (peer: string): Identity => ({ peer, sign: (bytes) => fakeSignature(peer, bytes) });
export const fakeVerify: VerifySignature = (peer, bytes, signature) => Buffer.from(fakeSignature(peer, bytes)).equals(signature);
/** Cheap: nobody here breaks hashes, but whoever signs in another's name is to be found out. */
function fakeSignature(peer: string, bytes: Uint8Array): Uint8Array {
  const signature = hash('sha256', bytes, 'buffer');
  for (let index = 0; index < peer.length; index += 1) signature[index % 32] = (signature[index % 32] ?? 0) ^ peer.charCodeAt(index);
  return signature;
}

type Handler = Parameters<Transport['serve']>[1];
type TopicListener = (from: string, payload: Uint8Array) => void;

/** One host: its daemon, and how it answers when the daemon does not. */
export class WorldPeer {
  readonly id: string;
  readonly worker: HostClock;
  readonly main: HostClock;
  readonly beats: MemoryBeats;
  readonly observed: PeerObserved;
  readonly liveness: PeerLiveness;
  readonly handlers = new Map<RequestProtocol, Handler>();
  readonly topics = new Map<Topic, Set<TopicListener>>();
  readonly connectListeners = new Set<(event: { type: 'connected' | 'disconnected'; peer: string }) => void>();
  readonly linked = new Set<string>();
  readonly declared: string[] = [];
  kernel: KernelAnswer = 'accepted';
  requests = 0;
  /** Whom it dialled at once. */
  readonly dialled: string[] = [];

  constructor(world: LivenessWorld, id: string, incarnation: number) {
    this.id = id;
    this.worker = new HostClock(world.clock);
    this.main = new HostClock(world.clock);
    this.beats = new MemoryBeats({ network: world.beatNetwork, worker: this.worker, main: this.main }, { self: id });
    const transport = worldTransport(world, this);
    const deps = { transport, clock: this.main, random: world.random, log: quietLog(this.declared) };
    this.observed = new PeerObserved({ ...deps, identity: fakeIdentity(id), verify: fakeVerify }, { node: `node-${id}`, incarnation });
    this.liveness = new PeerLiveness(
      {
        ...deps,
        beats: this.beats,
        observed: this.observed,
        prober: { connect: ([address], timeoutMs) => world.connect(id, address!.split('/')[2]!, timeoutMs) },
      },
      {
        self: id,
        incarnation,
        persistIncarnation: async (next) => {
          world.incarnations.set(id, next);
        },
      },
    );
  }

  believes(peer: string): string {
    return this.liveness.members().find((member) => member.peer === peer)!.state;
  }
}

/** A small cluster on a network of virtual time, with hosts that fail in all the ways hosts do. */
export class LivenessWorld {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly beatNetwork: MemoryBeatNetwork;
  readonly peers = new Map<string, WorldPeer>();
  readonly incarnations = new Map<string, number>();
  /** `FROM TO` to the share of packets lost, 1 for a cut; `*` for all other links. */
  readonly loss = new Map<string, number>();
  readonly ids: string[];

  constructor(seed: number, count: number) {
    this.random = seededRandom(seed);
    this.ids = Array.from({ length: count }, (_, index) => `peer${String(index).padStart(3, '0')}`);
    this.beatNetwork = new MemoryBeatNetwork(this);
  }

  async start(): Promise<void> {
    for (const id of this.ids) await this.boot(id);
    await this.clock.pass(4_000);
  }

  /** Starts a host, or starts it again. */
  async boot(id: string): Promise<void> {
    const incarnation = (this.incarnations.get(id) ?? 0) + 1;
    this.incarnations.set(id, incarnation);
    const peer = new WorldPeer(this, id, incarnation);
    this.peers.set(id, peer);
    await peer.beats.start();
    peer.observed.setMembers(this.members());
    peer.observed.start();
    peer.liveness.start();
    peer.liveness.setMembers(this.members());
    peer.liveness.setEligible(true);
    this.reconnect(id);
  }

  peer(id: string): WorldPeer {
    return this.peers.get(id)!;
  }

  /** All but these. */
  others(...ids: string[]): WorldPeer[] {
    return [...this.peers.values()].filter((peer) => !ids.includes(peer.id));
  }

  kill(id: string, kernel: KernelAnswer): void {
    const peer = this.peer(id);
    peer.kernel = kernel;
    peer.main.kill();
    peer.worker.kill();
  }

  freeze(id: string): void {
    this.peer(id).main.freeze();
    this.peer(id).worker.freeze();
  }

  thaw(id: string): void {
    this.peer(id).worker.thaw();
    this.peer(id).main.thaw();
  }

  cut(from: string, to: string): void {
    this.loss.set(`${from} ${to}`, 1);
  }

  healAll(): void {
    this.loss.clear();
    for (const id of this.ids) this.reconnect(id);
  }

  carry(from: string, to: string, arrive: () => void): void {
    const lost = this.random.next() < (this.loss.get(`${from} ${to}`) ?? this.loss.get('*') ?? 0);
    if (!lost) this.clock.after(LATENCY_MS.least + this.random.next() * LATENCY_MS.spread, arrive);
  }

  /** A TCP connect: the host's kernel answers, whatever its daemon does. */
  async connect(from: string, to: string, timeoutMs: number): Promise<KernelAnswer> {
    return new Promise((resolve) => {
      const { main } = this.peer(from);
      main.after(timeoutMs, () => resolve('silent'));
      this.carry(from, to, () => {
        const kernel = this.peers.get(to)?.kernel ?? 'silent';
        if (kernel !== 'silent') this.carry(to, from, () => main.run(() => resolve(kernel)));
      });
    });
  }

  reconnect(id: string): void {
    const told = (one: string, other: string): void => {
      const peer = this.peers.get(one);
      if (!peer || !this.peers.has(other)) return;
      peer.linked.add(other);
      for (const listener of peer.connectListeners) listener({ type: 'connected', peer: other });
    };
    for (const other of this.ids) {
      if (other === id || !this.peers.has(other) || this.loss.get(`${id} ${other}`) === 1 || this.loss.get(`${other} ${id}`) === 1)
        continue;
      this.clock.after(5, () => this.peers.get(id)?.main.run(() => told(id, other)));
      this.clock.after(5, () => this.peers.get(other)?.main.run(() => told(other, id)));
    }
  }

  members(): MemberSpec[] {
    return this.ids.map((id) => ({
      peerId: id,
      nodeName: `node-${id}`,
      peerAddresses: [`/memory/${id}`],
      beatAddresses: [],
      apiAddresses: [],
      beatKey: '',
      admittedBy: this.ids[0]!,
    }));
  }
}

function worldTransport(world: LivenessWorld, peer: WorldPeer): Transport {
  const { id } = peer;
  const notUsed = (): never => {
    throw new Error('not used by liveness');
  };
  return {
    self: id,
    start: async () => undefined,
    stop: async () => undefined,
    addresses: () => [],
    setMembers: () => undefined,
    turnAway: () => undefined,
    connected: () => [...peer.linked],
    onPeer: (listener) => {
      peer.connectListeners.add(listener);
      return () => peer.connectListeners.delete(listener);
    },
    publish: async (topic, payload) => {
      // Gossip passes messages on: one that did not arrive at first hand mostly arrives by another.
      for (const other of world.ids) {
        if (other === id) continue;
        const arrive = (): void => {
          const there = world.peers.get(other);
          there?.main.run(() => there.topics.get(topic)?.forEach((listener) => listener(id, payload)));
        };
        world.carry(id, other, arrive);
        if (world.loss.size > 0)
          for (const relay of world.ids.slice(0, 4))
            if (relay !== id && relay !== other) world.carry(id, relay, () => world.carry(relay, other, arrive));
      }
    },
    subscribe: (topic, listener) => {
      const listeners = peer.topics.get(topic) ?? new Set();
      peer.topics.set(topic, listeners.add(listener));
      return () => listeners.delete(listener);
    },
    request: (to, protocol, payload, { timeoutMs }) => {
      peer.requests += 1;
      return new Promise((resolve, reject) => {
        peer.main.after(timeoutMs, () => reject(new KithError('RequestTimeout', `${to} did not answer`)));
        world.carry(id, to, () => {
          const there = world.peers.get(to);
          there?.main.run(() => {
            const handler = there.handlers.get(protocol);
            handler?.(id, payload, new AbortController().signal).then(
              (answer) => there.main.run(() => world.carry(to, id, () => peer.main.run(() => resolve(answer)))),
              (error: Error) => world.carry(to, id, () => peer.main.run(() => reject(error))),
            );
          });
        });
      });
    },
    serve: (protocol, handler) => void peer.handlers.set(protocol, handler),
    openStream: notUsed,
    serveStream: notUsed,
    roundTripMs: () => undefined,
    dial: (to) => void peer.dialled.push(to),
    reconnect: () => undefined,
  };
}

/** Says nothing, but remembers whom the peer declared dead. */
function quietLog(declared: string[]): Log {
  const quiet = (): void => undefined;
  const warn = (message: string, fields?: LogFields): void => {
    if (message === 'A peer is dead') declared.push(String(fields?.['peer']));
  };
  const log: Log = { debug: quiet, info: quiet, warn, error: quiet, child: () => log };
  return log;
}
