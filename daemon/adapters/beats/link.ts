import type { BeatPeer } from '../../ports/beats.ts';
import type { SocketAddress } from './addresses.ts';
import { parseAddress } from './addresses.ts';
import { senderTag } from './datagram.ts';
import { pairKey } from './keys.ts';
import { ReplayWindow } from './replay.ts';

/** Probes whose answers are waited for, and for how long. */
const MAX_PENDING = 32;
const PENDING_MS = 3_000;
/** After this long without a datagram, the address it last came from is no longer trusted alone: all are tried. */
const PATH_LIFETIME_MS = 1_000;
const MAX_ADDRESSES = 8;

/** What the socket knows of one member. */
export class PeerLink {
  readonly peer: string;
  readonly beatKey: string;
  readonly key: Uint8Array;
  /** Hex. */
  readonly tag: string;
  readonly window = new ReplayWindow();
  observer = false;
  probedAt = -Infinity;
  /** Of the last beat taken: another is news. */
  lastBody: Buffer = Buffer.alloc(0);
  lastIncarnation = -1;
  private addresses: SocketAddress[] = [];
  private path: SocketAddress | undefined;
  private pathAt = -Infinity;
  private offered: SocketAddress | undefined;
  private readonly pending = new Map<string, number>();
  private freshIncarnation = -1;

  private constructor(peer: BeatPeer, key: Uint8Array) {
    this.peer = peer.peer;
    this.beatKey = peer.beatKey;
    this.tag = senderTag(peer.peer);
    this.key = key;
  }

  /** Undefined when the member's key is none: then there are no datagrams with it, only streams. */
  static open(self: string, privateKey: Uint8Array, peer: BeatPeer): PeerLink | undefined {
    try {
      return new PeerLink(peer, pairKey(privateKey, self, peer.peer, peer.beatKey));
    } catch {
      return undefined;
    }
  }

  setAddresses(addresses: readonly string[]): void {
    this.addresses = addresses.slice(0, MAX_ADDRESSES).flatMap((text) => parseAddress(text) ?? []);
  }

  /** Where to send: the path that works, or all that may. */
  targets(now: number): SocketAddress[] {
    if (this.path && now - this.pathAt < PATH_LIFETIME_MS) return [this.path];
    const all = [...this.addresses, this.path, this.offered].filter((address) => address !== undefined);
    return all.filter((address, index) => all.findIndex((other) => other.host === address.host && other.port === address.port) === index);
  }

  /** A path an authentic datagram came by, that may be a recording. */
  offer(address: SocketAddress): void {
    this.offered = address;
  }

  remember(nonce: string, now: number): void {
    this.probedAt = now;
    for (const [old, sentAt] of this.pending) if (now - sentAt > PENDING_MS || this.pending.size >= MAX_PENDING) this.pending.delete(old);
    this.pending.set(nonce, now);
  }

  /** When the probe with this nonce was sent, once. */
  recall(nonce: string): number | undefined {
    const sentAt = this.pending.get(nonce);
    this.pending.delete(nonce);
    return sentAt;
  }

  /** The peer answered a nonce of ours in this incarnation: what comes in it is no recording from before our start. */
  isFresh(incarnation: number): boolean {
    return incarnation === this.freshIncarnation;
  }

  confirm(incarnation: number, at: number, path: SocketAddress): void {
    this.freshIncarnation = incarnation;
    this.path = path;
    this.pathAt = at;
  }
}
