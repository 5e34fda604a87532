import { KithError } from '../../protocol/errors.ts';
import type { ObservedRecord } from '../../protocol/observed.ts';
import {
  decodeBuckets,
  decodeObservedRequest,
  decodeVersions,
  encodeObservedAnswer,
  encodeObservedRequest,
  MAX_BATCH_RECORDS,
  OBSERVED_ANSWER_BYTES,
  OBSERVED_LIST_BYTES,
  observedSigningBytes,
  type OwnerDigest,
  type ReadRecords,
  type RecordName,
  type RecordVersion,
  rowBytes,
} from '../../protocol/wire-observed.ts';
import type { CancelTimer, Clock, Random } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';
import { type Begun, type Compared, holdsUp, type OnEnded } from './comparisons.ts';
import { digestOf, type ObservedTable } from './observed-table.ts';

/** Each peer compares with a random one about this often. */
const ROUND_MS = 3_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** Peers that have just connected are compared with at once, so many between two rounds: where a whole cluster starts, or a wide one heals, rounds do the rest. */
export const MAX_GREETED = 16;
/** Comparisons under way that this peer began. */
const MAX_COMPARING = 2 * MAX_GREETED;
/** Pulls of one round; the next round takes the rest. */
const MAX_PULLS = 64;

export interface ComparisonDeps {
  transport: Transport;
  clock: Clock;
  random: Random;
  log: Log;
}
export interface Taken {
  sent: ReadRecords;
  taken: number;
}
export interface ComparisonHost {
  table: ObservedTable;
  /** Records as they travel. Answers all that came, and how many were new and taken. */
  take(payload: Uint8Array): Taken;
  beforeRound(): void;
  memberCount(): number;
}

/** From so many owners on a comparison begins with hashes of buckets of them, so that it costs no more in a wide cluster. */
const SUMMARY_FROM_OWNERS = 32;
/** From so many members on the same record is not asked of two peers at once. */
const WIDE_FROM_MEMBERS = 32;

const NONE: Taken = { sent: { records: [], malformed: [] }, taken: 0 };

/** What a peer has that is newer than what is here: `some` may be left, `nothing` that is taken, or `others` that another peer was asked for, or that were listed and not sent. */
type Left = 'some' | 'nothing' | 'others';

/** What one comparison has seen, so that its next pull gets further. */
class Progress {
  /** Records that were sent and not taken: asking again would bring the same. */
  private readonly refused = new Set<string>();
  /** The other's own digests of owners of whom it has nothing newer: asked with these, it leaves them out of its list. */
  private readonly settled = new Map<string, OwnerDigest>();

  refuse({ owner, key }: RecordName): void {
    this.refused.add(`${owner} ${key}`);
  }

  isRefused({ owner, key }: RecordName): boolean {
    return this.refused.has(`${owner} ${key}`);
  }

  /** @param listed owners, each whole  @param left of these, what is newer there */
  settle(listed: readonly RecordVersion[], left: readonly RecordVersion[]): void {
    const open = new Set(left.map(({ owner }) => owner));
    for (const digest of digestOf(listed)) if (!open.has(digest.owner)) this.settled.set(digest.owner, digest);
  }

  /** What the other is asked with. */
  over(own: readonly OwnerDigest[]): OwnerDigest[] {
    if (this.settled.size === 0) return [...own];
    return [...own.filter(({ owner }) => !this.settled.has(owner)), ...this.settled.values()];
  }
}

/**
 * Anti-entropy of observed state. Each side pulls for itself: digests by owner, then versions of those that differ, then the records. In a wide cluster digests of the buckets
 * of owners that differ.
 */
export class ObservedComparison implements Compared {
  private readonly deps: ComparisonDeps;
  private readonly host: ComparisonHost;
  private readonly comparing = new Set<string>();
  private readonly comparedSince = new Map<string, number>();
  /** Records that one peer of a wide cluster was asked for and has not answered: no other is asked. */
  private readonly pulling = new Set<string>();
  private cancelRound: CancelTimer | undefined;
  private unsubscribe: (() => void) | undefined;
  private abort = new AbortController();
  private served = false;
  private greeted = 0;
  private ended: OnEnded = () => undefined;

  constructor(deps: ComparisonDeps, host: ComparisonHost) {
    this.deps = deps;
    this.host = host;
  }

  start(): void {
    const { transport } = this.deps;
    this.abort = new AbortController();
    if (!this.served) transport.serve('observed', async (_from, payload) => this.answer(payload));
    this.served = true;
    this.unsubscribe = transport.onPeer(({ type, peer }) => {
      if (type === 'connected') this.greet(peer);
    });
    for (const peer of transport.connected()) this.greet(peer);
    this.schedule();
  }

  stop(): void {
    this.abort.abort();
    this.cancelRound?.();
    this.unsubscribe?.();
  }

  private schedule(): void {
    const delayMs = ROUND_MS * (0.5 + this.deps.random.next());
    this.cancelRound = this.deps.clock.after(delayMs, () => {
      this.host.beforeRound();
      this.greeted = 0;
      const peers = this.deps.transport.connected();
      const peer = peers[Math.floor(this.deps.random.next() * peers.length)];
      if (peer !== undefined) this.compareWith(peer);
      this.schedule();
    });
  }

  private greet(peer: string): void {
    this.greeted += 1;
    if (this.greeted <= MAX_GREETED) this.compareWith(peer);
  }

  compareWith(peer: string): Begun {
    if (this.comparing.has(peer)) return 'underWay';
    if (this.abort.signal.aborted || this.comparing.size >= MAX_COMPARING) return 'full';
    void this.compare(peer);
    return 'begun';
  }

  onEnded(listener: OnEnded): void {
    this.ended = listener;
  }

  comparedAt(peer: string): number | undefined {
    return this.comparedSince.get(peer);
  }

  /** Forgets who is no member any more. */
  setMembers(peers: readonly string[]): void {
    const known = new Set(peers);
    for (const peer of [...this.comparedSince.keys()]) if (!known.has(peer)) this.comparedSince.delete(peer);
  }

  private async compare(peer: string): Promise<void> {
    this.comparing.add(peer);
    const begunAt = this.deps.clock.monotonic();
    let failed = false;
    try {
      const progress = new Progress();
      let left: Left = 'some';
      for (let pull = 0; pull < MAX_PULLS && left === 'some'; pull += 1) left = await this.pullFrom(peer, progress);
      if (left === 'nothing') this.comparedSince.set(peer, begunAt);
    } catch (error) {
      if (this.abort.signal.aborted) return;
      failed = holdsUp(error);
      this.deps.log.debug('Observed state could not be compared', { peer, error });
    } finally {
      this.comparing.delete(peer);
      this.ended(peer, failed);
    }
  }

  private async pullFrom(peer: string, progress: Progress): Promise<Left> {
    const { table } = this.host;
    const buckets = table.ownerCount < SUMMARY_FROM_OWNERS ? undefined : await this.differing(peer);
    if (buckets?.length === 0) return 'nothing';
    const only = buckets === undefined ? undefined : new Set(buckets);
    const owners = progress.over(table.digest(this.deps.clock.monotonic(), only));
    const digest = { type: 'digest' as const, owners, ...(buckets === undefined ? {} : { buckets }) };
    const { versions, isWhole } = decodeVersions(await this.ask(peer, digest));
    const isLacking = (version: RecordVersion): boolean => table.isNewer(version) && !progress.isRefused(version);
    const newer = versions.filter(isLacking);
    const wanted = inOneMessage(newer.filter((version) => !this.pulling.has(nameOf(version))));
    const { sent, taken } = wanted.length === 0 ? NONE : await this.pull(peer, wanted);
    for (const record of sent.records) if (table.isNewer(record)) progress.refuse(record);
    for (const name of sent.malformed) progress.refuse(name);
    // An answer has room for some of the records only, and others may have come by another way.
    const left = newer.filter(isLacking);
    // Where something was taken there may be more by now.
    if (left.length === 0 && taken === 0 && isWhole) return 'nothing';
    if (!isWhole) progress.settle(versions, left);
    return left.length === 0 || sent.records.length + sent.malformed.length > 0 ? 'some' : 'others';
  }

  /** A peer that starts in a wide cluster compares with many at once, all of which have what it lacks: one of them suffices, and the next round asks for what that one did not give. */
  private async pull(peer: string, wanted: readonly RecordVersion[]): Promise<Taken> {
    const names = this.host.memberCount() < WIDE_FROM_MEMBERS ? [] : wanted.map(nameOf);
    for (const name of names) this.pulling.add(name);
    try {
      const answer = await this.ask(peer, { type: 'pull', wanted: wanted.map(({ owner, key }) => ({ owner, key })) });
      return this.host.take(answer);
    } finally {
      for (const name of names) this.pulling.delete(name);
    }
  }

  /** Undefined from a peer that knows no summaries yet. */
  private async differing(peer: string): Promise<number[] | undefined> {
    const summary = { type: 'summary' as const, hashes: this.host.table.bucketHashes(this.deps.clock.monotonic()) };
    try {
      return decodeBuckets(await this.ask(peer, summary));
    } catch (error) {
      if (error instanceof KithError && error.code === 'RequestRefused') return undefined;
      throw error;
    }
  }

  private ask(peer: string, request: Parameters<typeof encodeObservedRequest>[0]): Promise<Uint8Array> {
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.abort.signal };
    return this.deps.transport.request(peer, 'observed', encodeObservedRequest(request), options);
  }

  private answer(payload: Uint8Array): Uint8Array {
    const request = decodeObservedRequest(payload);
    const { table } = this.host;
    const now = this.deps.clock.monotonic();
    if (request.type === 'summary')
      return encodeObservedAnswer({ type: 'buckets', buckets: table.bucketsWhereDifferent(request.hashes, now) });
    if (request.type === 'digest') {
      const buckets = request.buckets === undefined ? undefined : new Set(request.buckets);
      return encodeObservedAnswer({ type: 'versions', ...table.versionsWhereDifferent(request.owners, now, buckets) });
    }
    const records: ObservedRecord[] = [];
    let bytes = 0;
    for (const { owner, key } of request.wanted) {
      const record = table.get(owner, key);
      if (!record) continue;
      bytes += observedSigningBytes(record).byteLength + record.signature.length;
      if (records.length > 0 && (bytes > OBSERVED_ANSWER_BYTES || records.length >= MAX_BATCH_RECORDS)) break;
      records.push(record);
    }
    return encodeObservedAnswer({ type: 'records', records });
  }
}

/** As many as there is room for; the next pull wants the rest. */
function inOneMessage(wanted: readonly RecordVersion[]): readonly RecordVersion[] {
  let bytes = 0;
  const end = wanted.findIndex((version) => (bytes += rowBytes(version)) > OBSERVED_LIST_BYTES);
  return end < 0 ? wanted : wanted.slice(0, end);
}

function nameOf({ owner, key, incarnation, sequence }: RecordVersion): string {
  return `${owner} ${key} ${incarnation} ${sequence}`;
}
