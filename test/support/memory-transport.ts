import { KithError, invariant } from '../../protocol/errors.ts';
import type { Clock, Random } from '../../daemon/ports/clock.ts';
import type { PeerStream, RequestProtocol, StreamProtocol, Topic, Transport, TransportMember } from '../../daemon/ports/transport.ts';
import { memoryStream } from './memory-stream.ts';
import { onAbort } from './on-abort.ts';
import type { HostClock } from './virtual-clock.ts';

/** Bounds as the real network has them. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_GOSSIP_BYTES = 2 * 1024 * 1024;
const SEEN_MESSAGES = 10_000;
/** As often one that is no member any more is told so. */
const NOTICE_EVERY_MS = 5_000;

const ASKER_GONE = new Error('the asking peer went away');

export interface Carriage {
  /** Streams are; gossip and datagrams are not. */
  reliable: boolean;
  /** What it is, and how much: for who counts. */
  what: string;
  bytes: number;
  /** The other has it from somebody else already, and will look at it no further. */
  isKnown?: boolean;
  /** Of a request. */
  isAnswer?: true;
  /** What comes of the same keeps its order; every request and answer is by itself. */
  stream?: object;
  /** Of gossip: hands it to who has it already. */
  repeat?: () => void;
}

interface Path {
  /** `open`; `muted`: what is sent is lost and nobody is told; `cut`: connections over it break, too. */
  state: 'open' | 'muted' | 'cut';
  delayMs: number;
  /** Share of messages lost, 0 to 1. */
  loss: number;
  /** Streams keep their order: nothing on this path arrives before this monotonic time. */
  arrivesAt: number;
}

/**
 * A network in memory. Each direction between two peers can be cut, muted, delayed or made lossy by the test. Two started peers that list each other as
 * members are connected while neither direction is cut. Nothing here is real but the clock that is handed in.
 */
export class MemoryNetwork {
  readonly clock: Clock;
  readonly random: Random;
  /** All receivers are given the same bytes, which none may change: so that they can share what they read in them. */
  readonly sharesPayloads: boolean = false;
  readonly #transports = new Map<string, MemoryTransport>();
  readonly #paths = new Map<string, Path>();

  constructor(deps: { clock: Clock; random: Random }) {
    this.clock = deps.clock;
    this.random = deps.random;
  }

  /** A peer's end. One with the same id takes the place of an earlier one that was stopped: a restart. What arrives runs on `host`; nothing does while it is frozen. */
  transport(peer: string, host?: HostClock): MemoryTransport {
    const transport = new MemoryTransport(this, peer, host);
    this.#transports.set(peer, transport);
    return transport;
  }

  /** Both directions: connections break and are told. */
  cut(left: string, right: string): void {
    this.#path(left, right).state = 'cut';
    this.#path(right, left).state = 'cut';
    this.settle();
  }

  /** What `from` sends to `to` is lost, silently. */
  mute(from: string, to: string): void {
    this.#path(from, to).state = 'muted';
  }

  heal(left: string, right: string): void {
    this.#path(left, right).state = 'open';
    this.#path(right, left).state = 'open';
    this.settle();
  }

  delay(from: string, to: string, delayMs: number): void {
    this.#path(from, to).delayMs = delayMs;
  }

  lose(from: string, to: string, share: number): void {
    this.#path(from, to).loss = share;
  }

  /** Cuts every path between the two groups. */
  partition(left: readonly string[], right: readonly string[]): void {
    for (const one of left) for (const other of right) this.cut(one, other);
  }

  healAll(): void {
    this.#paths.clear();
    this.settle();
  }

  peer(peer: string): MemoryTransport | undefined {
    return this.#transports.get(peer);
  }

  connected(left: string, right: string): boolean {
    const one = this.#transports.get(left);
    const other = this.#transports.get(right);
    if (!one?.running || !other?.running || !one.lists(right) || !other.lists(left)) return false;
    return this.#path(left, right).state !== 'cut' && this.#path(right, left).state !== 'cut';
  }

  /** Whether packets pass both ways, whoever listens. */
  isOpen(left: string, right: string): boolean {
    return this.#path(left, right).state === 'open' && this.#path(right, left).state === 'open';
  }

  /** Of those that a peer lists, whom it is connected to. */
  linked(transport: MemoryTransport): readonly string[] {
    return transport.members().filter((peer) => this.connected(transport.self, peer));
  }

  /** Whom a peer passes gossip on to. */
  neighbours(transport: MemoryTransport): readonly string[] {
    return transport.connected();
  }

  /** A peer dropped its connections to another and dials anew: here, it has them at once. */
  redial(from: string, _to: string): void {
    this.#transports.get(from)?.settle();
  }

  /** A peer dials another that it is not connected to: here, nobody has to. */
  dialNow(_from: string, _to: string): void {}

  /** Every peer compares whom it is connected to with what it last said. `of`: the one about which something changed. */
  settle(_of?: string): void {
    for (const transport of this.#transports.values()) transport.settle();
  }

  /** Runs `arrive` at the other end in due time, or never. */
  carry(from: string, to: string, arrive: () => void, options: Carriage): void {
    const path = this.#path(from, to);
    const lost = path.state !== 'open' || (!options.reliable && this.random.next() < path.loss);
    if (lost || (options.reliable && path.loss >= 1)) return;
    const now = this.clock.monotonic();
    path.arrivesAt = Math.max(path.arrivesAt, now + path.delayMs);
    this.clock.after(path.arrivesAt - now, () => {
      if (this.connected(from, to) && this.#path(from, to).state === 'open') arrive();
    });
  }

  roundTripMs(left: string, right: string): number {
    return this.#path(left, right).delayMs + this.#path(right, left).delayMs;
  }

  #path(from: string, to: string): Path {
    const key = `${from} ${to}`;
    let path = this.#paths.get(key);
    if (!path) {
      path = { state: 'open', delayMs: 0, loss: 0, arrivesAt: 0 };
      this.#paths.set(key, path);
    }
    return path;
  }
}

type RequestHandler = Parameters<Transport['serve']>[1];
type StreamHandler = Parameters<Transport['serveStream']>[1];
type PeerListener = Parameters<Transport['onPeer']>[0];
type TopicListener = (from: string, payload: Uint8Array) => void;

/** {@link Transport} in memory. Publishing floods: a message reaches every peer that some way of open links leads to. */
export class MemoryTransport implements Transport {
  readonly self: string;
  readonly #network: MemoryNetwork;
  readonly #clock: Clock;
  readonly #run: (action: () => void) => void;
  readonly #members = new Set<string>();
  readonly #said = new Set<string>();
  readonly #peerListeners = new Set<PeerListener>();
  readonly #topicListeners = new Map<Topic, Set<TopicListener>>();
  readonly #handlers = new Map<RequestProtocol, RequestHandler>();
  readonly #streamHandlers = new Map<StreamProtocol, StreamHandler>();
  readonly #seen = new Set<object>();
  /** What to do with open requests and streams when the link to their peer breaks. */
  readonly #onBreak = new Map<string, Set<() => void>>();
  readonly #noticedAt = new Map<string, number>();
  #notice: (peer: string) => Uint8Array | undefined = () => undefined;
  running = false;

  constructor(network: MemoryNetwork, self: string, host?: HostClock) {
    this.#network = network;
    this.self = self;
    this.#clock = host ?? network.clock;
    this.#run = (action) => (host === undefined ? action() : host.run(action));
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.running = true;
    this.#network.settle(this.self);
  }

  async stop(): Promise<void> {
    this.running = false;
    this.#network.settle(this.self);
  }

  addresses(): string[] {
    return [`/memory/${this.self}`];
  }

  setMembers(members: readonly TransportMember[]): void {
    this.#members.clear();
    for (const { peer } of members) if (peer !== this.self) this.#members.add(peer);
    this.#network.settle(this.self);
  }

  members(): string[] {
    return [...this.#members];
  }

  lists(peer: string): boolean {
    return this.#members.has(peer);
  }

  turnAway(notice: (peer: string) => Uint8Array | undefined): void {
    this.#notice = notice;
  }

  /** A peer that lists us wants to connect. One that we don't list may have something to hear. */
  knock(from: string, answer: (payload: Uint8Array) => void): void {
    const notice = this.running && !this.#members.has(from) ? this.#notice(from) : undefined;
    const now = this.#clock.monotonic();
    if (notice === undefined || now - (this.#noticedAt.get(from) ?? -Infinity) < NOTICE_EVERY_MS) return;
    this.#noticedAt.set(from, now);
    answer(notice.slice());
  }

  connected(): string[] {
    return [...this.#network.linked(this)];
  }

  /** Says whether it is connected to one other, if that is news. */
  settleWith(peer: string): void {
    const isConnected = this.#members.has(peer) && this.#network.connected(this.self, peer);
    if (isConnected === this.#said.has(peer)) return;
    if (isConnected) {
      this.#said.add(peer);
      this.#tell({ type: 'connected', peer });
    } else {
      this.#said.delete(peer);
      this.#broke(peer);
    }
  }

  settle(): void {
    this.#knock();
    const now = new Set(this.connected());
    for (const peer of this.#said) {
      if (now.has(peer)) continue;
      this.#said.delete(peer);
      this.#broke(peer);
    }
    for (const peer of now) {
      if (this.#said.has(peer)) continue;
      this.#said.add(peer);
      this.#tell({ type: 'connected', peer });
    }
  }

  #knock(): void {
    for (const peer of this.#members) if (this.#network.isOpen(this.self, peer)) this.knockAt(peer);
  }

  /** Wants to connect to one that may not list us any more. */
  knockAt(peer: string): void {
    if (!this.running || !this.#members.has(peer)) return;
    this.#network.peer(peer)?.knock(this.self, (payload) => {
      this.#clock.after(0, () => {
        if (this.running && this.#members.has(peer)) this.answer(peer, 'push', payload, new AbortController().signal, () => undefined);
      });
    });
  }

  #broke(peer: string): void {
    const broken = [...(this.#onBreak.get(peer) ?? [])];
    this.#onBreak.delete(peer);
    this.#run(() => {
      for (const end of broken) end();
    });
    this.#tell({ type: 'disconnected', peer });
  }

  #tell(event: Parameters<PeerListener>[0]): void {
    this.#run(() => {
      for (const listener of this.#peerListeners) listener(event);
    });
  }

  onPeer(listener: PeerListener): () => void {
    this.#peerListeners.add(listener);
    return () => this.#peerListeners.delete(listener);
  }

  async publish(topic: Topic, payload: Uint8Array): Promise<void> {
    if (payload.byteLength > MAX_GOSSIP_BYTES)
      throw new KithError('MessageTooLarge', `a message of ${payload.byteLength} bytes is too large to be published`);
    const message = { topic, payload: payload.slice() };
    this.#remember(message);
    if (this.running) this.#forward(message);
  }

  subscribe(topic: Topic, listener: TopicListener): () => void {
    const listeners = this.#topicListeners.get(topic) ?? new Set();
    this.#topicListeners.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #forward(message: { topic: Topic; payload: Uint8Array }): void {
    const { topic: what, payload } = message;
    for (const peer of this.#network.neighbours(this)) {
      const isKnown = this.#network.peer(peer)?.hasSeen(message) ?? false;
      const repeat = (): void => this.#network.peer(peer)?.repeat(this.self, message);
      const carriage = { reliable: false, what, bytes: payload.byteLength, isKnown, repeat };
      this.#network.carry(this.self, peer, () => this.#network.peer(peer)?.receive(this.self, message), carriage);
    }
  }

  hasSeen(message: object): boolean {
    return this.#seen.has(message);
  }

  /** It comes again. */
  repeat(from: string, message: { topic: Topic; payload: Uint8Array }): void {
    this.#run(() => (this.running ? this.#hear(from, message) : undefined));
  }

  receive(from: string, message: { topic: Topic; payload: Uint8Array }): void {
    this.#run(() => this.#receive(from, message));
  }

  #receive(from: string, message: { topic: Topic; payload: Uint8Array }): void {
    if (!this.running || this.#seen.has(message)) return;
    this.#remember(message);
    this.#hear(from, message);
    this.#forward(message);
  }

  #hear(from: string, { topic, payload }: { topic: Topic; payload: Uint8Array }): void {
    for (const listener of this.#topicListeners.get(topic) ?? []) listener(from, this.#network.sharesPayloads ? payload : payload.slice());
  }

  #remember(message: object): void {
    this.#seen.add(message);
    const oldest = this.#seen.values().next().value;
    if (this.#seen.size > SEEN_MESSAGES && oldest) this.#seen.delete(oldest);
  }

  request(
    peer: string,
    protocol: RequestProtocol,
    payload: Uint8Array,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let forget = (): void => undefined;
      const unreachable = () => settle(() => reject(new KithError('PeerUnreachable', `not connected to peer ${peer}`, { peer })));
      const aborted = () => settle(() => reject(options.signal?.reason as Error));
      const cancel = this.#clock.after(options.timeoutMs, () =>
        settle(() =>
          reject(new KithError('RequestTimeout', `peer ${peer} did not answer ${protocol} within ${options.timeoutMs} ms`, { peer })),
        ),
      );
      const gone = new AbortController();
      const settle = (run: () => void, isAnswered = false) => {
        cancel();
        this.#breaks(peer).delete(unreachable);
        forget();
        run();
        if (!isAnswered) gone.abort(ASKER_GONE);
      };
      if (options.signal?.aborted) return aborted();
      if (!this.#network.connected(this.self, peer)) return unreachable();
      if (payload.byteLength > MAX_REQUEST_BYTES) return settle(() => reject(new KithError('RequestRefused', 'the request is too large')));
      this.#breaks(peer).add(unreachable);
      if (options.signal !== undefined) forget = onAbort(options.signal, aborted);
      const answer = (bytes: Uint8Array | undefined, refusal: string) =>
        this.#network.carry(
          peer,
          this.self,
          () => this.#run(() => settle(() => (bytes ? resolve(bytes) : reject(new KithError('RequestRefused', refusal, { peer }))), true)),
          { reliable: true, what: protocol, bytes: bytes?.byteLength ?? refusal.length, isAnswer: true },
        );
      const copy = payload.slice();
      this.#network.carry(this.self, peer, () => this.#network.peer(peer)?.answer(this.self, protocol, copy, gone.signal, answer), {
        reliable: true,
        what: protocol,
        bytes: copy.byteLength,
      });
    });
  }

  answer(
    from: string,
    protocol: RequestProtocol,
    payload: Uint8Array,
    signal: AbortSignal,
    reply: (bytes: Uint8Array | undefined, refusal: string) => void,
  ): void {
    const handler = this.#handlers.get(protocol);
    if (!handler) return reply(undefined, `peer ${this.self} does not serve ${protocol}`);
    // A daemon that has died meanwhile says nothing more.
    const say: typeof reply = (bytes, refusal) => (this.running ? reply(bytes, refusal) : undefined);
    this.#run(() => {
      handler(from, payload, signal).then(
        (bytes) => say(bytes.slice(), ''),
        (error: unknown) => say(undefined, error instanceof Error ? error.message : String(error)),
      );
    });
  }

  serve(protocol: RequestProtocol, handler: RequestHandler): void {
    invariant(!this.#handlers.has(protocol), `${protocol} is served once`);
    this.#handlers.set(protocol, handler);
  }

  async openStream(peer: string, protocol: StreamProtocol, header: Uint8Array, options: { signal: AbortSignal }): Promise<PeerStream> {
    options.signal.throwIfAborted();
    if (!this.#network.connected(this.self, peer)) throw new KithError('PeerUnreachable', `not connected to peer ${peer}`, { peer });
    const carriage = { reliable: true, what: protocol, bytes: header.byteLength, stream: {} };
    const carry = (from: string, to: string) => (arrive: () => void) => this.#network.carry(from, to, arrive, carriage);
    const ends = memoryStream(carry(this.self, peer), carry(peer, this.self));
    const forget = onAbort(options.signal, () => {
      this.#breaks(peer).delete(breakLink);
      ends.breakLink();
    });
    const breakLink = (): void => {
      forget();
      ends.breakLink();
    };
    this.#breaks(peer).add(breakLink);
    const copy = header.slice();
    carry(this.self, peer)(() => this.#network.peer(peer)?.relay(this.self, protocol, copy, ends.server, ends.gone));
    return ends.opener;
  }

  relay(from: string, protocol: StreamProtocol, header: Uint8Array, stream: PeerStream, signal: AbortSignal): void {
    const handler = this.#streamHandlers.get(protocol);
    if (!handler) return stream.abort(new Error(`peer ${this.self} does not serve ${protocol}`));
    this.#run(() => {
      handler(from, header, stream, signal).then(
        () => void stream.end(),
        (error: unknown) => stream.abort(error instanceof Error ? error : new Error(String(error))),
      );
    });
  }

  serveStream(protocol: StreamProtocol, handler: StreamHandler): void {
    invariant(!this.#streamHandlers.has(protocol), `${protocol} is served once`);
    this.#streamHandlers.set(protocol, handler);
  }

  roundTripMs(peer: string): number | undefined {
    return this.#network.connected(this.self, peer) ? this.#network.roundTripMs(this.self, peer) : undefined;
  }

  dial(peer: string): void {
    this.#network.dialNow(this.self, peer);
  }

  /** Breaks what is open over the link; the network says when it is there again. */
  reconnect(peer: string): void {
    if (!this.#said.delete(peer)) return;
    this.#broke(peer);
    this.#network.redial(this.self, peer);
  }

  #breaks(peer: string): Set<() => void> {
    const set = this.#onBreak.get(peer) ?? new Set();
    this.#onBreak.set(peer, set);
    return set;
  }
}
