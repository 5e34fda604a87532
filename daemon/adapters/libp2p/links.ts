import { setMaxListeners } from 'node:events';
import type { Connection } from '@libp2p/interface';
import type { CancelTimer, Clock, Random } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { Deadline } from './deadline.ts';
import { LINK_CHECK_MS, LINK_FIRST_CHECK_MS, LINK_TIMEOUT_MS, REPLACED_AFTER_MS } from './limits.ts';
import type { PeerNode } from './node.ts';

export interface LinkWatchDeps {
  clock: Clock;
  random: Random;
  log: Log;
  node: PeerNode;
  /** One round trip over this connection, ms. */
  measure(connection: Connection, signal: AbortSignal): Promise<number>;
}

interface Link {
  connection: Connection;
  openedAt: number;
  cancelCheck: CancelTimer | undefined;
  /** Checks in a row that found no gossip. */
  mute: number;
}

/** After so many checks without gossip the link is made anew; the first only asks libp2p to introduce both sides again. */
const MUTE_CHECKS = 2;

/**
 * Watches each connection: measures its round trip, drops it when nothing comes back, keeps gossip on it, and drops older ones that a newer one replaces.
 *
 * Gossip needs watching because gossipsub opens one stream a peer, on the first connection, and does not open another when that stream or that connection ends
 * while the peer stays connected.
 */
export class LinkWatch {
  readonly #deps: LinkWatchDeps;
  readonly #links = new Map<string, Link>();
  readonly #roundTrips = new Map<string, number>();
  readonly #stopping = new AbortController();

  constructor(deps: LinkWatchDeps) {
    this.#deps = deps;
    setMaxListeners(0, this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort(new Error('the transport is stopping'));
    for (const link of this.#links.values()) link.cancelCheck?.();
    this.#links.clear();
  }

  roundTripMs(peer: string): number | undefined {
    return this.#roundTrips.get(peer);
  }

  opened(connection: Connection): void {
    if (this.#stopping.signal.aborted) return;
    const now = this.#deps.clock.monotonic();
    const link: Link = { connection, openedAt: now, cancelCheck: undefined, mute: 0 };
    this.#links.set(connection.id, link);
    this.#checkAfter(link, LINK_FIRST_CHECK_MS);
    for (const other of this.#ofPeer(connection)) {
      if (now - other.openedAt >= REPLACED_AFTER_MS) other.connection.abort(new Error('replaced by a newer connection'));
    }
  }

  closed(connection: Connection): void {
    this.#links.get(connection.id)?.cancelCheck?.();
    this.#links.delete(connection.id);
    const remaining = this.#ofPeer(connection)[0];
    if (remaining) this.#introduce(remaining);
    else this.#roundTrips.delete(connection.remotePeer.toString());
  }

  #ofPeer(connection: Connection): Link[] {
    return [...this.#links.values()].filter(
      (link) =>
        link.connection.id !== connection.id &&
        link.connection.status === 'open' &&
        link.connection.remotePeer.equals(connection.remotePeer),
    );
  }

  #checkAfter(link: Link, delayMs: number): void {
    link.cancelCheck = this.#deps.clock.after(delayMs, () => void this.#check(link));
  }

  async #check(link: Link): Promise<void> {
    const { connection } = link;
    const deadline = new Deadline(this.#deps.clock, LINK_TIMEOUT_MS, () => new Error('no answer'), [this.#stopping.signal]);
    try {
      const roundTripMs = await this.#deps.measure(connection, deadline.signal);
      this.#roundTrips.set(connection.remotePeer.toString(), roundTripMs);
      this.#checkGossip(link);
    } catch (error) {
      // An answer that is a refusal still shows that the link is alive.
      if (!(error instanceof Error && error.name === 'KithError')) connection.abort(error as Error);
    } finally {
      deadline.clear();
    }
    if (this.#links.has(connection.id)) this.#checkAfter(link, LINK_CHECK_MS * (0.9 + this.#deps.random.next() / 5));
  }

  #checkGossip(link: Link): void {
    const { node, log, clock } = this.#deps;
    const { connection } = link;
    if (clock.monotonic() - link.openedAt < LINK_CHECK_MS / 2 || this.#gossips(connection)) {
      link.mute = 0;
      return;
    }
    link.mute++;
    if (link.mute < MUTE_CHECKS) {
      this.#introduce(link);
      return;
    }
    log.warn('A peer is connected but no gossip stream to it stays open; the connection is made anew.', {
      peer: connection.remotePeer.toString(),
    });
    for (const each of node.getConnections(connection.remotePeer)) each.abort(new Error('gossip stopped on this link'));
  }

  /** Whether gossip flows out to the peer over any of its connections. */
  #gossips(connection: Connection): boolean {
    const { node } = this.#deps;
    if (!node.services.gossip.getPeers().some((peer) => peer.equals(connection.remotePeer))) return false;
    return node
      .getConnections(connection.remotePeer)
      .some(({ streams }) => streams.some((stream) => stream.direction === 'outbound' && stream.protocol.startsWith('/meshsub/')));
  }

  /** Identifying again makes gossipsub open its stream where it has none. */
  #introduce(link: Link): void {
    if (this.#stopping.signal.aborted) return;
    const deadline = new Deadline(this.#deps.clock, LINK_TIMEOUT_MS, () => new Error('no answer'), [this.#stopping.signal]);
    this.#deps.node.services.identify
      .identify(link.connection, { signal: deadline.signal })
      .catch((error: unknown) =>
        this.#deps.log.debug('identify failed', { peer: link.connection.remotePeer.toString(), error: String(error) }),
      )
      .finally(() => deadline.clear());
  }
}
