/**
 * The socket of beats, as it runs in its worker thread: sends beats by its own timer, answers probes by itself, and says what arrived and when. It decides
 * nothing about who lives, and takes nothing that is not authentic and fresh.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BeatEvent, BeatPeer, BeatState } from '../../ports/beats.ts';
import { livenessSettings } from '../../../protocol/liveness.ts';
import { addressFor, rememberingLookup } from './addresses.ts';
import { claimedSender, decodeBeatBody, encodeBeatBody, NO_NONCE, NONCE_BYTES, openDatagram, sealDatagram, senderTag } from './datagram.ts';
import type { Datagram, DatagramKind } from './datagram.ts';
import { PeerLink } from './link.ts';

/** Events that say something new are handed over after this long, together; plain beats after `beatBatchMs`. */
const NEWS_BATCH_MS = 10;
/** Events handed over at once; a flood beyond it is dropped and the next batch says so by its absence. */
const MAX_BATCH = 1_024;
/** A change of state is sent at once, but not more often than this. */
const URGENT_INTERVAL_MS = 50;
/** Probes that find out whether a peer's datagrams are fresh. */
const FRESHNESS_PROBE_MS = 100;
const RECEIVE_BUFFER_BYTES = 256 * 1_024;

export interface BeatSocketOptions {
  self: string;
  /** Raw X25519 private key, 32 bytes. */
  privateKey: Uint8Array;
  /** Address to bind, and port; 0 takes a free one. */
  host: string;
  port: number;
  beatIntervalMs: number;
}

/** `at` of these events is `now()` of the socket's own clock. */
export interface BeatSocketDeps {
  now(): number;
  emit(events: BeatEvent[]): void;
}

export interface BeatSocket {
  /** Resolves with the port bound. */
  start(): Promise<number>;
  stop(): Promise<void>;
  setPeers(peers: readonly BeatPeer[]): void;
  setState(state: BeatState): void;
  probe(peer: string): void;
}

export function createBeatSocket(deps: BeatSocketDeps, options: BeatSocketOptions): BeatSocket {
  return new UdpBeatSocket(deps, options);
}

class UdpBeatSocket implements BeatSocket {
  private readonly deps: BeatSocketDeps;
  private readonly options: BeatSocketOptions;
  private readonly tag: string;
  private readonly socketType: 'udp4' | 'udp6';
  private socket: Socket | undefined;
  private links = new Map<string, PeerLink>();
  private linksByTag = new Map<string, PeerLink>();
  private state: BeatState = { incarnation: 0, term: 0, leader: '', lagMs: 0, suspects: [] };
  private batch: BeatEvent[] = [];
  private handOver: NodeJS.Timeout | undefined;
  private handOverAt = Infinity;
  private beatTimer: NodeJS.Timeout | undefined;
  private lastSentAt = -Infinity;
  private urgent: NodeJS.Timeout | undefined;
  private sequence: number;

  constructor(deps: BeatSocketDeps, options: BeatSocketOptions) {
    this.deps = deps;
    this.options = options;
    this.tag = senderTag(options.self);
    this.socketType = isIPv6(options.host) ? 'udp6' : 'udp4';
    // Milliseconds outrun the datagrams sent, so a worker that is started anew in the same incarnation goes on above its predecessor.
    this.sequence = Math.floor(deps.now());
  }

  start(): Promise<number> {
    const socket = createSocket({ type: this.socketType, lookup: rememberingLookup(() => this.deps.now()) });
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(this.options.port, this.options.host, () => {
        socket.off('error', reject);
        // A datagram that could not be sent is a lost datagram.
        socket.on('error', () => undefined);
        socket.on('message', (bytes, from) => this.receive(bytes, from.address, from.port));
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
        this.beatTimer = setInterval(() => this.sendBeats(), this.options.beatIntervalMs);
        resolve(socket.address().port);
      });
    });
  }

  async stop(): Promise<void> {
    for (const timer of [this.beatTimer, this.urgent, this.handOver]) clearTimeout(timer);
    const socket = this.socket;
    this.socket = undefined;
    if (socket) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  setPeers(peers: readonly BeatPeer[]): void {
    const links = new Map<string, PeerLink>();
    for (const peer of peers) {
      if (peer.peer === this.options.self) continue;
      const before = this.links.get(peer.peer);
      const link = before?.beatKey === peer.beatKey ? before : PeerLink.open(this.options.self, this.options.privateKey, peer);
      if (!link) continue;
      link.setAddresses(peer.addresses);
      link.observer = peer.observer;
      links.set(peer.peer, link);
    }
    this.links = links;
    this.linksByTag = new Map([...links.values()].map((link) => [link.tag, link]));
  }

  setState(state: BeatState): void {
    const urgent = state.incarnation !== this.state.incarnation || state.term !== this.state.term || state.leader !== this.state.leader;
    const accuses = state.suspects.some(({ peer }) => !this.state.suspects.some((known) => known.peer === peer));
    this.state = state;
    if ((urgent || accuses) && this.socket) this.sendSoon();
  }

  probe(peer: string): void {
    const link = this.links.get(peer);
    if (link) this.sendProbe(link);
  }

  private sendSoon(): void {
    if (this.urgent) return;
    const wait = Math.max(0, this.lastSentAt + URGENT_INTERVAL_MS - this.deps.now());
    this.urgent = setTimeout(() => {
      this.urgent = undefined;
      this.sendBeats();
    }, wait);
  }

  private sendBeats(): void {
    this.lastSentAt = this.deps.now();
    const body = encodeBeatBody(this.state);
    for (const link of this.links.values()) if (link.observer) this.send(link, 'beat', NO_NONCE, body);
  }

  private sendProbe(link: PeerLink): void {
    const nonce = randomBytes(NONCE_BYTES).toString('hex');
    link.remember(nonce, this.deps.now());
    this.send(link, 'probe', nonce, new Uint8Array());
  }

  private send(link: PeerLink, kind: DatagramKind, nonce: string, body: Uint8Array): void {
    const { socket } = this;
    if (!socket) return;
    this.sequence += 1;
    const bytes = sealDatagram(this.tag, link.key, { kind, incarnation: this.state.incarnation, sequence: this.sequence, nonce, body });
    for (const { host, port } of link.targets(this.deps.now())) {
      socket.send(bytes, port, addressFor(this.socketType, host), () => undefined);
    }
  }

  private receive(bytes: Buffer, host: string, port: number): void {
    const at = this.deps.now();
    const tag = claimedSender(bytes);
    const link = tag === undefined ? undefined : this.linksByTag.get(tag);
    if (!link) return;
    const datagram = openDatagram(link.key, bytes);
    if (!datagram || !link.window.take(datagram.incarnation, datagram.sequence)) return;
    if (datagram.kind === 'probe') this.answer(link, datagram, host, port);
    else if (datagram.kind === 'answer') this.takeAnswer(link, datagram, at, host, port);
    else this.takeBeat(link, datagram, at, host, port);
  }

  private answer(link: PeerLink, probe: Datagram, host: string, port: number): void {
    // Back to where it came from: that path works, whatever the member says its addresses are.
    link.offer({ host, port });
    this.send(link, 'answer', probe.nonce, new Uint8Array());
  }

  private takeAnswer(link: PeerLink, answer: Datagram, at: number, host: string, port: number): void {
    const sentAt = link.recall(answer.nonce);
    if (sentAt === undefined) return;
    link.confirm(answer.incarnation, at, { host, port });
    this.push({ type: 'probe-answer', peer: link.peer, at, roundTripMs: at - sentAt, incarnation: answer.incarnation }, true);
  }

  private takeBeat(link: PeerLink, beat: Datagram, at: number, host: string, port: number): void {
    if (!link.isFresh(beat.incarnation)) {
      // It may be a recording from before our start: an answer to a new nonce tells.
      link.offer({ host, port });
      if (at - link.probedAt >= FRESHNESS_PROBE_MS) this.sendProbe(link);
      return;
    }
    const state = decodeBeatBody(beat.incarnation, beat.body);
    if (!state) return;
    link.confirm(beat.incarnation, at, { host, port });
    const news = !beat.body.equals(link.lastBody) || state.incarnation !== link.lastIncarnation;
    link.lastBody = Buffer.from(beat.body);
    link.lastIncarnation = state.incarnation;
    this.push({ type: 'beat', peer: link.peer, at, state }, news);
  }

  private push(event: BeatEvent, news: boolean): void {
    if (this.batch.length >= MAX_BATCH) return;
    this.batch.push(event);
    const handOverAt = this.deps.now() + (news ? NEWS_BATCH_MS : livenessSettings.beatBatchMs);
    if (handOverAt >= this.handOverAt) return;
    this.handOverAt = handOverAt;
    clearTimeout(this.handOver);
    this.handOver = setTimeout(() => {
      this.handOverAt = Infinity;
      const events = this.batch;
      this.batch = [];
      this.deps.emit(events);
    }, handOverAt - this.deps.now());
  }
}

/** The beat interval unless a test wants another. */
export const DEFAULT_BEAT_INTERVAL_MS = livenessSettings.beatIntervalMs;
