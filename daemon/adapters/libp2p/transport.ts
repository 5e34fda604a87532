/**
 * The peer network of the daemon: libp2p over TCP, members only. It carries bytes and knows nothing of what they mean; it never decides who is a member.
 */
import { setMaxListeners } from 'node:events';
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys';
import type { GossipsubMessage } from '@libp2p/gossipsub';
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { KithError, invariant } from '../../../protocol/errors.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PeerStream, RequestProtocol, StreamProtocol, Topic, Transport, TransportMember } from '../../ports/transport.ts';
import { reachableAddresses } from './addresses.ts';
import { ByteReader, frame, readFrame, sendAll } from './bytes.ts';
import { Deadline } from './deadline.ts';
import * as limits from './limits.ts';
import { LinkWatch } from './links.ts';
import { createNode } from './node.ts';
import type { PeerNode } from './node.ts';
import { Redialer } from './redial.ts';
import { HEADER, RelayStream } from './relay.ts';
import type { RequestHandler } from './answering.ts';
import { TurningAway } from './turning-away.ts';
import { CALLS, Requests, asRequestError, cutWith } from './requests.ts';

export interface Libp2pDeps {
  clock: Clock;
  random: Random;
  log: Log;
}

export interface Libp2pOptions {
  /** Protobuf bytes of the Ed25519 key, as identity files hold it. */
  privateKey: Uint8Array;
  /** Multiaddrs to listen on, for example `/ip4/0.0.0.0/tcp/7420`. */
  listenAddresses: readonly string[];
  /** Multiaddrs told to others instead of those that the sockets have. */
  announceAddresses?: readonly string[];
}

type StreamHandler = Parameters<Transport['serveStream']>[1];
type PeerListener = Parameters<Transport['onPeer']>[0];
type TopicListener = (from: string, payload: Uint8Array) => void;

const TOPICS: readonly Topic[] = ['changes', 'observed', 'election'];
const topicName = (topic: Topic) => `kith/1/${topic}`;
const protocolId = (protocol: string) => `/kith/1/${protocol}`;
/** Served by every peer: an empty answer, to measure a round trip. */
const PING = protocolId('ping');
const PUSH = protocolId('push');
const NOTHING = new Uint8Array(0);

export class Libp2pTransport implements Transport {
  readonly self: string;
  readonly #deps: Libp2pDeps;
  readonly #options: Libp2pOptions;
  readonly #stopping = new AbortController();
  readonly #requests: Requests;
  readonly #redialer: Redialer;
  readonly #turningAway: TurningAway;
  readonly #members = new Map<string, PeerId>();
  readonly #peerListeners = new Set<PeerListener>();
  readonly #topicListeners = new Map<Topic, Set<TopicListener>>(TOPICS.map((topic) => [topic, new Set()]));
  readonly #handlers = new Map<string, (stream: Stream, from: string) => void>();
  #node: PeerNode | undefined;
  #links: LinkWatch | undefined;

  constructor(deps: Libp2pDeps, options: Libp2pOptions) {
    this.#deps = deps;
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal);
    this.self = peerIdFromPrivateKey(privateKeyFromProtobuf(options.privateKey)).toString();
    this.#requests = new Requests({ clock: deps.clock, log: deps.log, stopping: this.#stopping.signal });
    this.#redialer = new Redialer({
      clock: deps.clock,
      random: deps.random,
      dial: (peer, addresses, signal) => this.#dial(peer, addresses, signal),
      isConnected: (peer) => this.#connectionTo(peer) !== undefined,
      yieldsTo: (peer) => this.self > peer,
    });
    this.#turningAway = new TurningAway({
      clock: deps.clock,
      log: deps.log,
      tell: async (connection, notice, signal) => this.#requests.exchange(connection, PUSH, notice, signal),
      stopping: this.#stopping.signal,
    });
    this.#requests.serve(PING, async () => NOTHING);
    this.#register(CALLS, (stream, from) => void this.#requests.answer(from, stream));
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    invariant(!this.#node, 'a transport is started once');
    const { listenAddresses, announceAddresses = [] } = this.#options;
    const node = await createNode({
      privateKey: this.#options.privateKey,
      listenAddresses,
      announceAddresses,
      topics: TOPICS.map(topicName),
      isMember: (peer) => this.#members.has(peer),
      mayKnock: (peer) => this.#turningAway.admits(peer),
    });
    this.#node = node;
    this.#links = new LinkWatch({
      ...this.#deps,
      node,
      measure: async (connection, abort) => (await this.#requests.exchange(connection, PING, NOTHING, abort)).roundTripMs,
    });
    this.#listen(node, this.#links);
    for (const [id, handler] of this.#handlers) await this.#handle(node, id, handler);
    try {
      await node.start();
    } catch (error) {
      throw new KithError(
        'PeerPortUnavailable',
        `can't listen for peers on ${listenAddresses.join(', ')}: ${whyNot(error)}; choose another port with --listen`,
        { listenAddresses },
        { cause: error },
      );
    }
    for (const topic of TOPICS) node.services.gossip.subscribe(topicName(topic));
    this.#redialer.start();
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort(new KithError('PeerUnreachable', 'this peer is stopping'));
    this.#redialer.stop();
    this.#links?.stop();
    const node = this.#node;
    if (!node) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.clock.after(limits.STOP_GRACE_MS, resolve);
    const stopped = Promise.resolve(node.stop()).catch((error: unknown) =>
      this.#deps.log.debug('libp2p did not stop in order', { error: String(error) }),
    );
    await Promise.race([stopped, late]);
    cancel();
    for (const connection of node.getConnections()) connection.abort(new Error('this peer is stopping'));
  }

  addresses(): string[] {
    return reachableAddresses((this.#node?.getMultiaddrs() ?? []).map((address) => address.toString()));
  }

  setMembers(members: readonly TransportMember[]): void {
    const others = members.filter(({ peer }) => peer !== this.self && this.#isPeerId(peer));
    const wanted = new Set(others.map(({ peer }) => peer));
    const removed = [...this.#members.keys()].filter((peer) => !wanted.has(peer));
    for (const peer of removed) this.#members.delete(peer);
    const added = [...wanted].filter((peer) => !this.#members.has(peer));
    for (const peer of added) this.#members.set(peer, peerIdFromString(peer));
    // One that was just being told that it is none: that connection ends with the notice, and must not pass for a member's.
    for (const peer of added) this.#cut(peer, 'let in again');
    for (const peer of removed) {
      this.#requests.forget(peer);
      this.#cut(peer, 'no longer a member');
    }
    this.#redialer.setMembers(others);
  }

  turnAway(notice: (peer: string) => Uint8Array | undefined): void {
    this.#turningAway.setNotice(notice);
  }

  connected(): string[] {
    return [...this.#members.keys()].filter((peer) => this.#connectionTo(peer));
  }

  onPeer(listener: PeerListener): () => void {
    this.#peerListeners.add(listener);
    return () => this.#peerListeners.delete(listener);
  }

  async publish(topic: Topic, payload: Uint8Array): Promise<void> {
    if (payload.byteLength > limits.MAX_GOSSIP_BYTES) {
      const message = `a message of ${payload.byteLength} bytes is too large to be published, at most ${limits.MAX_GOSSIP_BYTES}`;
      throw new KithError('MessageTooLarge', message, { topic });
    }
    if (!this.#node || this.#stopping.signal.aborted) return;
    await this.#node.services.gossip.publish(topicName(topic), payload);
  }

  subscribe(topic: Topic, listener: TopicListener): () => void {
    const listeners = this.#topicListeners.get(topic);
    listeners?.add(listener);
    return () => listeners?.delete(listener);
  }

  request(
    peer: string,
    protocol: RequestProtocol,
    payload: Uint8Array,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Uint8Array> {
    return this.#requests.ask(peer, protocolId(protocol), payload, { ...options, connection: () => this.#connectionTo(peer) });
  }

  serve(protocol: RequestProtocol, handler: RequestHandler): void {
    this.#requests.serve(protocolId(protocol), handler);
  }

  async openStream(peer: string, protocol: StreamProtocol, header: Uint8Array, options: { signal: AbortSignal }): Promise<PeerStream> {
    const { signal } = options;
    signal.throwIfAborted();
    const id = protocolId(protocol);
    const connection = this.#connectionTo(peer);
    if (!connection) throw new KithError('PeerUnreachable', `not connected to peer ${peer}; it is dialled again and again`, { peer });
    const late = () => new KithError('RequestTimeout', `peer ${peer} did not open a ${protocol} stream in time`, { peer });
    const deadline = new Deadline(this.#deps.clock, limits.RECEIVE_TIMEOUT_MS, late, [signal, this.#stopping.signal]);
    try {
      const stream = await connection.newStream(id, { signal: deadline.signal, maxOutboundStreams: limits.MAX_RELAY_STREAMS });
      stream.inactivityTimeout = Number.POSITIVE_INFINITY;
      const relay = new RelayStream(stream, new ByteReader(stream), this.#deps.clock);
      for (const each of [signal, this.#stopping.signal]) cutWith(stream, each);
      await sendAll(stream, frame(HEADER, header));
      return relay;
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw asRequestError(error, peer, id);
    } finally {
      deadline.clear();
    }
  }

  serveStream(protocol: StreamProtocol, handler: StreamHandler): void {
    this.#register(protocolId(protocol), (stream, from) => void this.#relay(stream, from, handler));
  }

  roundTripMs(peer: string): number | undefined {
    return this.#links?.roundTripMs(peer);
  }

  dial(peer: string): void {
    this.#redialer.heard(peer);
  }

  reconnect(peer: string): void {
    const id = this.#members.get(peer);
    if (!id || !this.#node) return;
    this.#cut(peer, 'the connection is made anew');
    this.#redialer.now(peer);
  }

  #cut(peer: string, why: string): void {
    for (const connection of this.#node?.getConnections(peerIdFromString(peer)) ?? []) connection.abort(new Error(why));
  }

  /** What a member object says of itself is not to be trusted with the daemon's life. */
  #isPeerId(peer: string): boolean {
    try {
      peerIdFromString(peer);
      return true;
    } catch (error) {
      this.#deps.log.warn('A member has a peer id that is none; it is left out.', { peer, error: String(error) });
      return false;
    }
  }

  #register(id: string, handler: (stream: Stream, from: string) => void): void {
    invariant(!this.#handlers.has(id), `${id} is served once`);
    this.#handlers.set(id, handler);
    if (this.#node) void this.#handle(this.#node, id, handler);
  }

  async #handle(node: PeerNode, id: string, handler: (stream: Stream, from: string) => void): Promise<void> {
    const accept = (stream: Stream, connection: Connection) => {
      const from = connection.remotePeer.toString();
      if (!this.#members.has(from)) stream.abort(new Error('not a member'));
      else handler(stream, from);
    };
    const most = id === CALLS ? limits.MAX_INBOUND_STREAMS : limits.MAX_RELAY_STREAMS;
    await node.handle(id, accept, { maxInboundStreams: most, maxOutboundStreams: most });
  }

  async #relay(stream: Stream, from: string, handler: StreamHandler): Promise<void> {
    const gone = new AbortController();
    stream.addEventListener('close', () => gone.abort(new Error('the other side went away')), { once: true });
    cutWith(stream, this.#stopping.signal);
    stream.inactivityTimeout = Number.POSITIVE_INFINITY;
    const reader = new ByteReader(stream);
    const relay = new RelayStream(stream, reader, this.#deps.clock);
    const cancelLimit = this.#deps.clock.after(limits.RECEIVE_TIMEOUT_MS, () => stream.abort(new Error('no header came in time')));
    try {
      const { payload: header } = await readFrame(reader, limits.MAX_HEADER_BYTES);
      cancelLimit();
      await handler(from, header, relay, gone.signal);
      await relay.end();
      await relay.taken(limits.RELAY_TAKEN_TIMEOUT_MS);
      relay.close();
    } catch (error) {
      relay.abort(error instanceof Error ? error : new Error(String(error)));
    } finally {
      cancelLimit();
    }
  }

  async #dial(peer: string, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const id = this.#members.get(peer);
    if (!id || !this.#node) throw new Error('not a member');
    const usable = addresses.slice(0, limits.MAX_DIAL_ADDRESSES).flatMap((address) => {
      try {
        const parsed = multiaddr(address);
        return [parsed.getComponents().some(({ name }) => name === 'p2p') ? parsed : parsed.encapsulate(`/p2p/${peer}`)];
      } catch (error) {
        this.#deps.log.debug('a member has an address that is none', { peer, address, error: String(error) });
        return [];
      }
    });
    if (usable.length === 0) throw new Error('no usable address');
    await this.#node.dial(usable, { signal });
  }

  /** The newest open one: of two, the older may be half dead. */
  #connectionTo(peer: string): Connection | undefined {
    const id = this.#members.get(peer);
    if (!id || !this.#node) return undefined;
    return this.#node.getConnections(id).findLast(({ status }) => status === 'open');
  }

  #listen(node: PeerNode, links: LinkWatch): void {
    node.addEventListener('connection:open', ({ detail }) => {
      if (this.#members.has(detail.remotePeer.toString())) links.opened(detail);
      else void this.#turningAway.opened(detail);
    });
    node.addEventListener('connection:close', ({ detail }) => links.closed(detail));
    node.addEventListener('peer:connect', ({ detail }) => {
      if (!this.#members.has(detail.toString())) return;
      this.#redialer.connected(detail.toString());
      this.#tell('connected', detail.toString());
    });
    node.addEventListener('peer:disconnect', ({ detail }) => {
      if (this.#turningAway.left(detail.toString())) return;
      this.#tell('disconnected', detail.toString());
      this.#redialer.disconnected(detail.toString());
    });
    node.services.gossip.addEventListener('gossipsub:message', (event: CustomEvent<GossipsubMessage>) => {
      const { msg, propagationSource } = event.detail;
      const topic = TOPICS.find((each) => topicName(each) === msg.topic);
      if (topic) this.#deliver(topic, propagationSource.toString(), msg.data);
    });
  }

  #deliver(topic: Topic, from: string, payload: Uint8Array): void {
    for (const listener of this.#topicListeners.get(topic) ?? []) {
      try {
        listener(from, payload);
      } catch (error) {
        this.#deps.log.error('A message from a peer could not be taken in.', { topic, from, error: String(error) });
      }
    }
  }

  #tell(type: 'connected' | 'disconnected', peer: string): void {
    for (const listener of this.#peerListeners) {
      try {
        listener({ type, peer });
      } catch (error) {
        this.#deps.log.error('A listener for connections failed.', { type, peer, error: String(error) });
      }
    }
  }
}

/** libp2p puts the text and the stack of each address's error into one message. */
function whyNot(error: unknown): string {
  const { message } = error as Error;
  if (message.includes('EADDRINUSE')) return 'another program listens there (another kithd?)';
  return /Error: (.*)/.exec(message)?.[1] ?? message;
}
