import { KithError } from '../../protocol/errors.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import type { CancelTimer, Clock, Random } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { SyncedReplica } from '../ports/replica.ts';
import type { Transport } from '../ports/transport.ts';
import { type Begun, type Compared, holdsUp, type OnEnded } from './comparisons.ts';
import { linkSignals } from './linked-signal.ts';
import { PeerLink } from './replica/peer-link.ts';
import { answerSync, versionsOfKeys } from './replica/sync-server.ts';
import { SyncSession } from './replica/sync-session.ts';
import type { SyncPass } from './replica/sync-session.ts';

/** Mean time between two syncs that this peer begins, ms: what gossip lost is repaired within about this. */
export const SYNC_INTERVAL_MS = 3_000;
/** Passes of one background sync; what is left then waits for the next one. */
const MAX_PASSES = 8;
/** Passes without progress after which a full sync gives up: the other refuses what we send, or changes faster than we ask. */
const MAX_IDLE_PASSES = 5;
/** Syncs under way that this peer began. */
const MAX_SESSIONS = 4;
/** Syncs with peers that have just connected, between two that come by themselves: where a whole cluster starts, or a wide one heals, those do the rest. */
export const MAX_GREETED = 16;

export interface AntiEntropyDeps {
  replica: SyncedReplica;
  transport: Pick<Transport, 'self' | 'connected' | 'onPeer' | 'request' | 'serve'>;
  clock: Clock;
  random: Random;
  log: Log;
}

/**
 * The truth behind gossip: every few seconds, and on each new connection, this peer compares digests with another and both get what they lack. Also what a joiner
 * becomes complete by.
 */
export class AntiEntropy implements Compared {
  private readonly deps: AntiEntropyDeps;
  private readonly link: PeerLink;
  private readonly stopping = new AbortController();
  private readonly sessions = new Map<string, Promise<void>>();
  private cancelTimer: CancelTimer | undefined;
  private unsubscribe: (() => void) | undefined;
  private ticks = 0;
  private greeted = 0;
  /** The members but this one. */
  private others: readonly string[] = [];
  /** Since its start, and since it last stood still, this peer held all that some complete member held. Before that it may not know of every member, and no grave is forgotten. */
  private caughtUp = false;
  /** Times that this peer stood still: what was compared before says nothing. */
  private stalls = 0;
  /** What others are told: whether this peer holds the whole desired state. */
  private complete = false;
  /** Keys that differed when last compared, by peer. */
  private readonly differences = new Map<string, number>();
  private readonly comparedSince = new Map<string, number>();
  private ended: OnEnded = () => undefined;

  constructor(deps: AntiEntropyDeps, options: { clusterId: string }) {
    this.deps = deps;
    this.link = new PeerLink(deps, options);
  }

  /** Stops, too, when the signal fires. */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => this.halt(), { once: true });
    const { transport, replica } = this.deps;
    transport.serve('sync', (from, payload) => answerSync({ replica, link: this.link, complete: this.complete }, from, payload));
    this.unsubscribe = transport.onPeer(({ type, peer }) => {
      if (type === 'connected') this.greet(peer);
    });
    for (const peer of transport.connected()) this.greet(peer);
    this.schedule();
  }

  async stop(): Promise<void> {
    this.halt();
    await Promise.allSettled(this.sessions.values());
  }

  /** Peer ids of all members. A grave is forgotten once all of them hold it. */
  setMembers(peers: readonly string[]): void {
    this.others = peers.filter((peer) => peer !== this.deps.transport.self);
    const known = new Set(peers);
    for (const table of [this.differences, this.comparedSince])
      for (const peer of [...table.keys()]) if (!known.has(peer)) table.delete(peer);
  }

  /**
   * This peer stood still: it has not caught up until it has compared again, which begins now.
   * @returns whether there is anybody to compare with
   */
  fallBehind(): boolean {
    if (this.others.length === 0) return false;
    this.caughtUp = false;
    this.stalls += 1;
    for (const peer of this.deps.transport.connected()) this.greet(peer);
    return true;
  }

  /** Whether this peer, since its start or since it last stood still, has held all that some complete member held. */
  get hasCaughtUp(): boolean {
    return this.caughtUp;
  }

  /** From now on this peer says that it holds the whole desired state. */
  setComplete(): void {
    this.complete = true;
  }

  /** Keys that differed when this peer last compared with the other; undefined while it never did. */
  behind(peer: string): number | undefined {
    return this.differences.get(peer);
  }

  compareWith(peer: string): Begun {
    if (this.sessions.has(peer)) return 'underWay';
    // One is left for the rounds.
    return this.sessions.size < MAX_SESSIONS - 1 && this.begin(peer) ? 'begun' : 'full';
  }

  onEnded(listener: OnEnded): void {
    this.ended = listener;
  }

  comparedAt(peer: string): number | undefined {
    return this.comparedSince.get(peer);
  }

  /** What was refused, by code; `SyncFailed`, `SyncEqual`, `SyncMoved` and `HistoriesCut` (documents). */
  counters(): Readonly<Record<string, number>> {
    return this.link.counters();
  }

  /**
   * Resolves once this peer holds everything that the other held when it was called, to whether that was the whole desired state: the other may itself not have it
   * yet.
   * @throws KithError of the transport, or `SyncFailed` when passes bring nothing more and something still lacks
   */
  async syncWith(peer: string, signal: AbortSignal): Promise<boolean> {
    const both = linkSignals(signal, this.stopping.signal);
    try {
      return await this.takeAll(peer, both.signal);
    } finally {
      both.release();
    }
  }

  private async takeAll(peer: string, signal: AbortSignal): Promise<boolean> {
    const session = this.session(peer);
    let wasComplete: boolean | undefined;
    for (let idle = 0; idle < MAX_IDLE_PASSES;) {
      signal.throwIfAborted();
      const { equal, complete, otherIsComplete, moved } = await this.pass(peer, session, signal);
      // As it was when we began: what it may have taken in since, we need not have.
      wasComplete ??= otherIsComplete;
      if (equal || complete) return wasComplete;
      idle = moved > 0 ? 0 : idle + 1;
    }
    throw new KithError(
      'SyncFailed',
      `could not take all of the desired state from ${peer}: see what was refused in the log, or take another peer`,
    );
  }

  /** Fetches what a peer has more of some keys. @throws KithError of the transport */
  async fetch(peer: string, keys: readonly ObjectKey[]): Promise<void> {
    const session = this.session(peer);
    await session.pull(versionsOfKeys(this.deps.replica, keys), this.stopping.signal);
  }

  private session(peer: string): SyncSession {
    return new SyncSession({ replica: this.deps.replica, link: this.link }, { peer, begunAt: this.deps.clock.monotonic() });
  }

  private halt(): void {
    this.stopping.abort(new KithError('Stopped', 'the daemon stops'));
    this.cancelTimer?.();
    this.unsubscribe?.();
  }

  private async pass(peer: string, session: SyncSession, signal: AbortSignal): Promise<SyncPass> {
    const { stalls } = this;
    const result = await session.pass(signal);
    if (result.equal || result.complete) this.comparedSince.set(peer, session.begunAt);
    this.differences.set(peer, result.differing);
    if ((result.equal || result.complete) && result.otherIsComplete && stalls === this.stalls) this.caughtUp = true;
    return result;
  }

  private schedule(): void {
    // Jitter, so that peers that started together don't ask together.
    const delay = SYNC_INTERVAL_MS * (0.5 + this.deps.random.next());
    this.cancelTimer = this.deps.clock.after(delay, () => {
      this.tick();
      this.schedule();
    });
  }

  private tick(): void {
    const peers = this.deps.transport.connected();
    const peer = peers[Math.floor(this.deps.random.next() * peers.length)];
    if (peer !== undefined) this.begin(peer);
    this.ticks += 1;
    this.greeted = 0;
    if (this.ticks % this.deps.replica.graveIntervals === 0) this.collect();
    this.cutHistories();
  }

  /** Whether all members are known here, as far as anybody can tell: a disk that lost records may have lost those of members. */
  private knowsMembers(): boolean {
    return this.complete && (this.others.length === 0 || this.caughtUp);
  }

  private collect(): void {
    const { others } = this;
    if (!this.knowsMembers()) return;
    this.deps.replica.collectGraves(others, this.deps.clock.monotonic()).catch((error: unknown) => {
      this.deps.log.warn('Graves could not be written; they are kept', { error });
    });
  }

  private cutHistories(): void {
    const { others } = this;
    if (!this.knowsMembers()) return;
    // One member for all: who does it does not matter.
    if (others.some((peer) => peer < this.deps.transport.self)) return;
    this.deps.replica.cutHistories(others, this.deps.clock.monotonic()).then(
      (count) => count > 0 && this.link.count('HistoriesCut', count),
      (error: unknown) => this.deps.log.warn('Histories could not be cut; they are kept', { error }),
    );
  }

  private greet(peer: string): void {
    if (this.greeted < MAX_GREETED && this.begin(peer)) this.greeted += 1;
  }

  /** Whether there is one now. */
  private begin(peer: string): boolean {
    if (this.stopping.signal.aborted || this.sessions.has(peer) || this.sessions.size >= MAX_SESSIONS) return false;
    const session = this.syncInBackground(peer).then((failed) => {
      this.sessions.delete(peer);
      this.ended(peer, failed);
    });
    this.sessions.set(peer, session);
    return true;
  }

  /** Whether it failed in a way that held it up. Never throws. */
  private async syncInBackground(peer: string): Promise<boolean> {
    const session = this.session(peer);
    try {
      for (let pass = 0; pass < MAX_PASSES; pass += 1) {
        const { equal, moved } = await this.pass(peer, session, this.stopping.signal);
        if (equal) this.link.count('SyncEqual');
        if (moved > 0) this.link.count('SyncMoved', moved);
        if (equal || moved === 0) break;
      }
      return false;
    } catch (error) {
      if (this.stopping.signal.aborted) return false;
      this.link.count('SyncFailed');
      this.deps.log.debug('A sync with a peer failed; there will be another', { peer, error });
      return holdsUp(error);
    }
  }
}
