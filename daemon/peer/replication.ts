import type { ChangeEnvelope, DocumentChanges, ReplicaVersion } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import { changesBody, changesOf, splitEnvelope } from '../../protocol/wire/changes.ts';
import { MAX_GOSSIP_BYTES, SYNC_CHUNK_BYTES } from '../../protocol/wire/limits.ts';
import { expectKind } from '../../protocol/wire/message.ts';
import { type MergedBody, mergedOf } from '../../protocol/wire/sync.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { SyncedReplica } from '../ports/replica.ts';
import type { Transport } from '../ports/transport.ts';
import { MEMBERS } from '../core/cluster/membership.ts';
import { compareEpochs } from '../core/desired/epochs.ts';
import { sameHeads } from '../core/desired/sync.ts';
import { PeerLink } from './replica/peer-link.ts';
import { mergeAndAnswer, versionsOfKeys } from './replica/sync-server.ts';

/** How long a write waits for another member's fsync before it is answered with a warning, ms (what we promise of acknowledgements). */
export const ACKNOWLEDGE_TIMEOUT_MS = 2_000;
/** Members that a write is pushed to at once; the first answer counts. */
const PUSH_WIDTH = 3;
/** Those that have not answered by then do not hold up the others: as many more are asked, and again after as long, ms. */
const PUSH_PATIENCE_MS = 300;
/** Between two attempts to push to members that can't be reached, ms. */
const PUSH_RETRY_MS = 100;
/** Gossiped messages being merged. More are dropped: anti-entropy brings what they held. */
const MAX_MERGING = 256;
/** A pushed part, encoded; well below what one message over a stream may have. */
const PUSH_BYTES = 1_048_576;
/** Rounds of "I lack what this builds on", each about the same, before a push to that peer is given up, … */
const MAX_PUSH_ROUNDS = 3;
/** … and of those in which it got further: of a document larger than a message one brings a part. */
const MAX_PUSH_PARTS = 64;

export interface ReplicationDeps {
  replica: SyncedReplica;
  transport: Pick<Transport, 'self' | 'connected' | 'publish' | 'subscribe' | 'request' | 'serve'>;
  /** Fetches what gossip did not bring. */
  antiEntropy: { fetch(peer: string, keys: readonly ObjectKey[]): Promise<void> };
  clock: Clock;
  log: Log;
}

/** `acknowledged`: fsynced at another member. `alone`: there was none to ask. `timeout`: nobody answered in time, or all refused. */
export type Acknowledgement = 'acknowledged' | 'alone' | 'timeout';

/**
 * The fast way of changes: what is written here is gossiped and pushed, what others write is merged. Best effort but for the acknowledgement; anti-entropy repairs
 * the rest. Nothing that a peer sends throws out of it.
 */
export class Replication {
  private readonly deps: ReplicationDeps;
  private readonly link: PeerLink;
  private readonly stopping = new AbortController();
  /** Of writes that wait to be acknowledged. */
  private readonly waiting = new Set<AbortController>();
  private readonly merging = new Set<Promise<void>>();
  private readonly unsubscribe: (() => void)[] = [];

  constructor(deps: ReplicationDeps, options: { clusterId: string }) {
    this.deps = deps;
    this.link = new PeerLink(deps, options);
  }

  /** Stops, too, when the signal fires. */
  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => this.halt(), { once: true });
    const { replica, transport } = this.deps;
    this.unsubscribe.push(
      replica.onWritten((envelope) => this.gossip(envelope)),
      transport.subscribe('changes', (from, payload) => this.receive(from, payload)),
    );
    transport.serve('push', (_from, payload) => this.answerPush(payload));
  }

  async stop(): Promise<void> {
    this.halt();
    await Promise.allSettled(this.merging);
  }

  /** What was refused, by code; `Gossiped`, `GossipTooLarge`, `GossipFailed`, `Merged`, `Dropped`, `MergeFailed`. */
  counters(): Readonly<Record<string, number>> {
    return this.link.counters();
  }

  /**
   * Pushes a written envelope to the first three live peers (this one is left out); a peer that fails gives its place to the next, and beside those that say nothing others
   * are asked. Those that can't be reached are tried again.
   */
  async acknowledge(envelope: ChangeEnvelope, livePeers: readonly string[]): Promise<Acknowledgement> {
    const peers = [...new Set(livePeers)].filter((peer) => peer !== this.deps.transport.self);
    if (peers.length === 0) return 'alone';
    const parts = splitEnvelope(envelope, PUSH_BYTES);
    const timeout = new AbortController();
    const { signal } = timeout;
    this.waiting.add(timeout);
    if (this.stopping.signal.aborted) timeout.abort(this.stopping.signal.reason);
    const cancel = this.deps.clock.after(ACKNOWLEDGE_TIMEOUT_MS, () =>
      timeout.abort(new KithError('Timeout', 'no acknowledgement in time')),
    );
    const { promise, resolve } = Promise.withResolvers<Acknowledgement>();
    signal.addEventListener('abort', () => resolve('timeout'), { once: true });
    if (signal.aborted) resolve('timeout');
    const pushed = this.pushToAny(peers, parts, { signal, taken: () => resolve('acknowledged') });
    void pushed.finally(() => {
      cancel();
      this.waiting.delete(timeout);
      resolve('timeout');
    });
    return promise;
  }

  /**
   * For one that was a member: the push by which it learns that it is none any more. A removed host tells members so of itself: who was let in by it, unseen by its
   * remover, is known to nobody else. Undefined for all others.
   */
  removalNotice(peer: string, isRemoved: boolean): Uint8Array | undefined {
    const { replica, transport } = this.deps;
    const [grave, own] = [peer, transport.self].map((each) => replica.graveOf(`${MEMBERS}//${each}`));
    const isMember = replica.get(`${MEMBERS}//${peer}`) !== undefined;
    const tombstones = [grave, isRemoved && isMember ? own : undefined].filter((each) => each !== undefined);
    if (tombstones.length === 0) return undefined;
    return this.link.encode('changes', changesBody({ id: 'removal', changes: [], tombstones }));
  }

  private halt(): void {
    const reason = new KithError('Stopped', 'the daemon stops');
    this.stopping.abort(reason);
    for (const timeout of this.waiting) timeout.abort(reason);
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
  }

  /** Until one has taken it, all have refused it, or the time is over: a connection that broke is most often there again at once. */
  private async pushToAny(
    peers: readonly string[],
    parts: readonly ChangeEnvelope[],
    options: { signal: AbortSignal; taken: () => void },
  ): Promise<void> {
    const { signal, taken } = options;
    let isTaken = false;
    let queue = [...peers];
    while (queue.length > 0 && !isTaken && !signal.aborted) {
      const unreachable: string[] = [];
      const lane = async (): Promise<void> => {
        for (let peer = queue.shift(); peer !== undefined && !isTaken && !signal.aborted; peer = queue.shift()) {
          const outcome = await this.pushAll(peer, parts, signal);
          if (outcome === 'unreachable') unreachable.push(peer);
          if (outcome !== 'taken') continue;
          isTaken = true;
          taken();
        }
      };
      await this.throughLanes(lane, Math.min(PUSH_WIDTH, queue.length), () => queue.length > 0 && !isTaken && !signal.aborted);
      if (unreachable.length > 0 && !isTaken) await this.pause(PUSH_RETRY_MS, signal);
      queue = unreachable;
    }
  }

  /** So many lanes at once, and twice as many every so often while there is more to do. */
  private async throughLanes(lane: () => Promise<void>, width: number, isMore: () => boolean): Promise<void> {
    const lanes = Array.from({ length: width }, lane);
    const widen = (): void => {
      for (let more = lanes.length; more > 0 && isMore(); more -= 1) lanes.push(lane());
      if (!isMore()) return;
      cancel = this.deps.clock.after(PUSH_PATIENCE_MS, widen);
    };
    let cancel = this.deps.clock.after(PUSH_PATIENCE_MS, widen);
    for (let index = 0; index < lanes.length; index += 1) await lanes[index];
    cancel();
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.deps.clock.after(ms, resolve);
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal.removeEventListener('abort', onAbort);
    cancel();
  }

  private async pushAll(peer: string, parts: readonly ChangeEnvelope[], signal: AbortSignal): Promise<'taken' | 'refused' | 'unreachable'> {
    try {
      for (const part of parts) if (!(await this.push(peer, part, signal))) return 'refused';
      return 'taken';
    } catch (error) {
      if (!signal.aborted)
        this.deps.log.debug('A write could not be pushed to a peer; gossip and anti-entropy will bring it', { peer, error });
      return error instanceof KithError && error.code === 'PeerUnreachable' ? 'unreachable' : 'refused';
    }
  }

  /** It has taken the write when it lacks nothing that this builds on: what it lacked is brought, and the write told again. */
  private async push(peer: string, envelope: ChangeEnvelope, signal: AbortSignal): Promise<boolean> {
    let told = envelope;
    let [lacked, same] = ['', 0];
    for (let round = 0; round < MAX_PUSH_PARTS && same < MAX_PUSH_ROUNDS; round += 1) {
      const { missing, refused } = await this.tell(peer, told, signal);
      if (refused.length > 0) return false;
      if (missing.length === 0) return true;
      const lacks = JSON.stringify(missing);
      same = lacks === lacked ? same + 1 : 1;
      lacked = lacks;
      if (same === MAX_PUSH_ROUNDS || !(await this.bring(peer, missing, signal))) return false;
      told = { ...envelope, changes: this.asWritten(envelope.changes) };
    }
    return false;
  }

  private async tell(peer: string, envelope: ChangeEnvelope, signal: AbortSignal): Promise<MergedBody> {
    const body = await this.link.ask(peer, 'push', { kind: 'changes', body: changesBody(envelope), answer: 'merged' }, signal);
    return this.link.counting(() => mergedOf(body));
  }

  /** Sends all that a peer lacks of some keys, in as many messages as that takes. Answers whether it took it. */
  private async bring(peer: string, missing: readonly ReplicaVersion[], signal: AbortSignal): Promise<boolean> {
    // Of a document whose history it has cut: with what it has, ours is made again on that.
    const ahead = this.heldWith(missing, (held, theirs) => compareEpochs(held.epoch, theirs.epoch) < 0).map(({ key }) => key);
    if (ahead.length > 0) await this.deps.antiEntropy.fetch(peer, ahead);
    // Where nothing was written beyond that, it lacks nothing.
    const same = new Set(
      this.heldWith(missing, (held, theirs) => ahead.includes(theirs.key) && isSame(held, theirs)).map(({ key }) => key),
    );
    for (let rest = missing.filter(({ key }) => !same.has(key)); rest.length > 0;) {
      const next = await this.deps.replica.changesSince(rest, SYNC_CHUNK_BYTES);
      const sent = new Set([...next.changes, ...next.tombstones].map(({ key }) => key));
      // It lacks something, and we have nothing for it: it can't have taken what was written.
      if (sent.size === 0) return false;
      const { missing: still, refused } = await this.tell(peer, next, signal);
      if (refused.length > 0 || still.length > 0) return false;
      rest = rest.filter(({ key }) => !sent.has(key));
    }
    return true;
  }

  /** Of documents that were not rewritten since, here or where they were fetched from: of others the change is in what was brought, as another one. */
  private asWritten(changes: readonly DocumentChanges[]): DocumentChanges[] {
    return this.heldWith(changes, (held, written) => compareEpochs(held.epoch, written.epoch) === 0);
  }

  /** Those whose life is open here, and that are so beside what is held. */
  private heldWith<Told extends Pick<ReplicaVersion, 'key' | 'life' | 'epoch'>>(
    told: readonly Told[],
    isSo: (held: ReplicaVersion, told: Told) => boolean,
  ): Told[] {
    const keys = told.map(({ key }) => key);
    const held = versionsOfKeys(this.deps.replica, keys);
    return told.filter((each, index) => {
      const version = held[index];
      return version !== undefined && version.life === each.life && isSo(version, each);
    });
  }

  private async answerPush(payload: Uint8Array): Promise<Uint8Array> {
    const message = this.link.decode(payload);
    const envelope = this.link.counting(() => changesOf(expectKind(message, 'changes')));
    return this.link.encode('merged', await mergeAndAnswer({ replica: this.deps.replica, link: this.link }, envelope));
  }

  private gossip(envelope: ChangeEnvelope): void {
    // Changes of one document that are larger than a message alone are left to push and anti-entropy.
    for (const part of splitEnvelope(envelope, MAX_GOSSIP_BYTES / 2)) {
      const payload = this.link.encode('changes', changesBody(part));
      if (payload.byteLength > MAX_GOSSIP_BYTES) {
        this.link.count('GossipTooLarge');
        continue;
      }
      this.link.count('Gossiped');
      this.deps.transport.publish('changes', payload).catch((error: unknown) => {
        this.link.count('GossipFailed');
        this.deps.log.debug('A change could not be gossiped; anti-entropy will bring it', { error });
      });
    }
  }

  private receive(from: string, payload: Uint8Array): void {
    if (this.stopping.signal.aborted) return;
    if (this.merging.size >= MAX_MERGING) return this.link.count('Dropped');
    const merge = this.mergeGossip(from, payload)
      .catch((error: unknown) => {
        // What is malformed was counted by its code where it was read.
        this.link.count('MergeFailed');
        this.deps.log.debug('A gossiped change was not taken', { from, error });
      })
      .finally(() => this.merging.delete(merge));
    this.merging.add(merge);
  }

  private async mergeGossip(hop: string, payload: Uint8Array): Promise<void> {
    const message = this.link.decode(payload, MAX_GOSSIP_BYTES);
    const envelope = this.link.counting(() => changesOf(expectKind(message, 'changes')));
    const { changed, missing } = await this.deps.replica.merge(envelope);
    if (changed > 0) this.link.count('Merged', changed);
    if (missing.length > 0) await this.fetch([message.from, hop], missing);
  }

  /** The author has what its changes build on for certain; who passed them on most likely has it. */
  private async fetch(holders: readonly string[], keys: readonly ObjectKey[]): Promise<void> {
    const connected = this.deps.transport.connected();
    const peer = holders.find((holder) => connected.includes(holder));
    if (peer !== undefined) await this.deps.antiEntropy.fetch(peer, keys);
  }
}

function isSame(left: ReplicaVersion, right: ReplicaVersion): boolean {
  return left.life === right.life && compareEpochs(left.epoch, right.epoch) === 0 && sameHeads(left.heads, right.heads);
}
