/**
 * Observed state: what each node says of itself, signed by it, newest wins, in memory. Gossiped in small batches for speed; compared with a random peer every few
 * seconds, and on every connection, for truth. A record that its owner did not sign, or that speaks for another's node, is refused and counted.
 */
import { jsonEqual } from '../../protocol/json.ts';
import type { ObservedRecord, ObservedValue } from '../../protocol/observed.ts';
import {
  decodeRecords,
  encodeRecords,
  MAX_BATCH_RECORDS,
  MAX_RECORD_BYTES,
  OBSERVED_BATCH_BYTES,
  observedSigningBytes,
  plain,
  type ReadRecords,
  recordBytes,
} from '../../protocol/wire-observed.ts';
import type { CancelTimer, Clock, Random } from '../ports/clock.ts';
import type { Identity, VerifySignature } from '../ports/identity.ts';
import type { Log } from '../ports/log.ts';
import type { ObservedState, RecordReader } from '../ports/observed.ts';
import type { Transport } from '../ports/transport.ts';
import { ObservedComparison } from './observed-comparison.ts';
import { hashRecord, isEvent, ObservedTable } from './observed-table.ts';
import { Listeners } from './listeners.ts';

/** Facts published within this time travel together, and only the last of each key. */
const BATCH_MS = 20;
/** … and this time, where the batch before is no older: of many facts in a row a message costs more than waiting for the next one. What is urgent waits for nothing. */
const CROWDED_BATCH_MS = 80;
/** After a start, facts of the life before are kept this long for whoever states them again; then they are withdrawn. */
const ADOPTION_MS = 30_000;

export interface ObservedDeps {
  transport: Transport;
  identity: Identity;
  verify: VerifySignature;
  /** Peers of one process may share what they have read. */
  reader?: RecordReader | undefined;
  clock: Clock;
  random: Random;
  log: Log;
}
export interface ObservedOptions {
  node: string;
  incarnation: number;
  /** What a peer of this process has heard: what both have in common is kept once. */
  heard?: ObservedTable | undefined;
}

interface SignedRecord {
  record: ObservedRecord;
  /** As it travels, about. */
  bytes: number;
}

export type RefusalReason = 'malformed' | 'not a member' | 'wrong node' | 'wrong signature' | 'too many';

export function recordReader(verify: VerifySignature): RecordReader {
  return {
    read: decodeRecords,
    isSigned: (record) => verify(record.owner, observedSigningBytes(record), Buffer.from(record.signature, 'base64url')),
    hashed: hashRecord,
  };
}

export class PeerObserved implements ObservedState {
  private readonly deps: ObservedDeps;
  private readonly node: string;
  private readonly reader: RecordReader;
  private readonly table: ObservedTable;
  readonly comparison: ObservedComparison;
  private readonly listeners: Listeners<readonly ObservedRecord[]>;
  /** What we said since our start; null once withdrawn. */
  private readonly stated = new Map<string, ObservedValue | null>();
  private readonly unsent = new Set<string>();
  /** Of those what nobody has room for. */
  private readonly crowdedOut = new Set<string>();
  private readonly refusals = new Map<RefusalReason, number>();
  private nodesOf = new Map<string, string>();
  private incarnation: number;
  /** Begins with the time, so that a life whose disk forgot the incarnation of the one before goes on after that one's last. */
  private sequence: number;
  private adoptionEnds = Infinity;
  private cancelBatch: CancelTimer | undefined;
  /** Monotonic ms: when the next batch is due, and when the last one went. */
  private batchDueAt = Infinity;
  private batchSentAt = -Infinity;
  private unsubscribe: (() => void)[] = [];
  private running = false;

  constructor(deps: ObservedDeps, options: ObservedOptions) {
    this.deps = deps;
    this.node = options.node;
    this.listeners = new Listeners(deps.log);
    this.reader = deps.reader ?? recordReader(deps.verify);
    this.table = new ObservedTable(options.heard, (record) => this.reader.hashed(record));
    this.incarnation = options.incarnation;
    this.sequence = Math.max(0, Math.trunc(deps.clock.now()));
    this.comparison = new ObservedComparison(deps, {
      table: this.table,
      take: (payload) => {
        const sent = this.reader.read(payload);
        return { sent, taken: this.take(sent) };
      },
      beforeRound: () => this.tidy(),
      memberCount: () => this.nodesOf.size,
    });
  }

  start(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    const { transport, clock } = this.deps;
    this.running = true;
    this.adoptionEnds = clock.monotonic() + ADOPTION_MS;
    this.unsubscribe.push(transport.subscribe('observed', (_from, payload) => this.receive(payload)));
    this.comparison.start();
    if (this.own(`death/${transport.self}`)?.incarnation !== this.incarnation) this.state(`death/${transport.self}`, null);
  }

  stop(): void {
    this.running = false;
    for (const end of this.unsubscribe.splice(0)) end();
    this.comparison.stop();
    this.cancelBatch?.();
    this.batchDueAt = Infinity;
  }

  /** Whose records are taken, and for which node each speaks. Those of others are dropped. */
  setMembers(members: readonly { peerId: string; nodeName: string }[]): void {
    this.nodesOf = new Map(members.map((member) => [member.peerId, member.nodeName]));
    this.comparison.setMembers([...this.nodesOf.keys()]);
    this.tidy();
  }

  /** What we state from now on is of this incarnation, and so is what we stated since our start: it still holds. Everybody is told that we live in it. */
  setIncarnation(incarnation: number): void {
    this.incarnation = incarnation;
    for (const [key, value] of this.stated) if (value !== null) this.unsent.add(key);
    this.state(`death/${this.deps.transport.self}`, null);
  }

  publish(key: string, value: ObservedValue | null): void {
    const said = this.stated.get(key);
    const before = said === undefined ? this.own(key)?.value : said;
    if (value === null && (before === undefined || before === null)) return;
    // What a life before said holds in this one only if it is said again.
    const isOfThisLife = said !== undefined || (this.own(key)?.incarnation ?? 0) >= this.incarnation;
    if (value !== null && isOfThisLife && before !== undefined && jsonEqual(before, value)) {
      this.stated.set(key, value);
      return;
    }
    this.state(key, value);
  }

  /** What was heard until now. */
  image(): ObservedTable {
    return new ObservedTable(this.table);
  }

  get(ownerPeer: string, key: string): ObservedRecord | undefined {
    return this.table.get(ownerPeer, key);
  }

  all(): Iterable<ObservedRecord> {
    return this.table.all();
  }

  onChanged(listener: (records: readonly ObservedRecord[]) => void): () => void {
    return this.listeners.add(listener);
  }

  /** Records refused since the start, by reason. */
  refused(): ReadonlyMap<RefusalReason, number> {
    return this.refusals;
  }

  private own(key: string): ObservedRecord | undefined {
    return this.table.get(this.deps.transport.self, key);
  }

  private state(key: string, value: ObservedValue | null): void {
    this.stated.set(key, value);
    this.unsent.add(key);
    if (this.running) this.sendWithin(isUrgent(value) ? 0 : this.batchMs());
  }

  private batchMs(): number {
    return this.deps.clock.monotonic() - this.batchSentAt < CROWDED_BATCH_MS ? CROWDED_BATCH_MS : BATCH_MS;
  }

  private sendWithin(ms: number): void {
    const at = this.deps.clock.monotonic() + ms;
    if (at >= this.batchDueAt) return;
    this.cancelBatch?.();
    this.batchDueAt = at;
    this.cancelBatch = this.deps.clock.after(ms, () => this.sendBatch());
  }

  private sendBatch(): void {
    const { clock, transport, log } = this.deps;
    this.batchDueAt = Infinity;
    this.batchSentAt = clock.monotonic();
    const sent: SignedRecord[] = [];
    const news: ObservedRecord[] = [];
    for (const key of this.unsent) {
      // What we said in a life that our disk forgot is newer: it waits until liveness has raised our incarnation.
      if ((this.own(key)?.incarnation ?? 0) > this.incarnation) continue;
      this.unsent.delete(key);
      if (this.isCrowdedOut(key)) continue;
      const signed = this.sign(key, this.stated.get(key) ?? null);
      if (signed && this.place(signed.record, news)) sent.push(signed);
      // An event of a life before that was pushed out is no longer ours to speak of.
      if (isEvent(key)) this.stated.delete(key);
    }
    if (sent.length === 0) return;
    this.listeners.tell(news);
    for (const payload of batches(sent)) {
      transport.publish('observed', payload).catch((error: unknown) => {
        log.debug('Observed state could not be gossiped; peers will ask for it', { error });
      });
    }
  }

  /** What there is no room for waits until there is. */
  private isCrowdedOut(key: string): boolean {
    const { self } = this.deps.transport;
    const waited = this.crowdedOut.delete(key);
    if (this.table.hasRoomFor(self, key)) return false;
    // Nobody has heard of it.
    if (waited && this.stated.get(key) === null) return true;
    if (this.crowdedOut.size === 0 && !waited)
      this.deps.log.warn(
        'More is to be told of this node than others keep: what is new of its pods is told once some of them are deleted',
        { key },
      );
    this.crowdedOut.add(key);
    return true;
  }

  private sign(key: string, value: ObservedValue | null): SignedRecord | undefined {
    const { transport, identity, log } = this.deps;
    const unsigned = {
      owner: transport.self,
      node: this.node,
      incarnation: this.incarnation,
      sequence: ++this.sequence,
      key,
      value: plain(value),
    };
    const bytes = observedSigningBytes(unsigned);
    const size = recordBytes(unsigned, bytes);
    if (size > MAX_RECORD_BYTES) {
      log.warn('A fact of this node is too large to be told to others; it is dropped', { key, bytes: size, limit: MAX_RECORD_BYTES });
      return undefined;
    }
    const signature = Buffer.from(identity.sign(bytes)).toString('base64url');
    return { record: { ...unsigned, signature }, bytes: bytes.byteLength + signature.length };
  }

  private receive(payload: Uint8Array): void {
    try {
      this.take(this.reader.read(payload));
    } catch (error) {
      this.refuse('malformed');
      this.deps.log.debug('A message about observed state was refused', { error });
    }
  }

  /** Verifies, keeps and tells what is new. Answers how many were. */
  private take({ records, malformed }: ReadRecords): number {
    for (const _ of malformed) this.refuse('malformed');
    const fresh: ObservedRecord[] = [];
    const news: ObservedRecord[] = [];
    for (const record of records) {
      if (!this.table.isNewer(record)) continue;
      const refusal = this.refusalOf(record);
      if (refusal) this.refuse(refusal);
      else if (!this.place(record, news)) this.refuse('too many');
      else fresh.push(record);
    }
    for (const record of fresh) if (record.owner === this.deps.transport.self) this.goBeyond(record);
    if (news.length > 0) this.listeners.tell(news);
    return fresh.length;
  }

  /** What we said in a life that our disk forgot: under the number that this one has, or a greater one. What holds now is said anew, after it. */
  private goBeyond({ key, incarnation, sequence }: ObservedRecord): void {
    if (incarnation === this.incarnation) this.sequence = Math.max(this.sequence, sequence);
    if (!this.stated.has(key)) return;
    this.unsent.add(key);
    if (this.running) this.sendWithin(this.batchMs());
  }

  /** Keeps it where there is room; `news` gets it, and what it pushes out as withdrawn. */
  private place(record: ObservedRecord, news: ObservedRecord[]): boolean {
    const { isIn, pushedOut } = this.table.put(record, this.deps.clock.monotonic());
    if (isIn) news.push(record);
    if (pushedOut !== undefined && pushedOut.value !== null) news.push({ ...pushedOut, value: null });
    return isIn;
  }

  private refusalOf(record: ObservedRecord): RefusalReason | undefined {
    const node = this.nodesOf.get(record.owner);
    if (node === undefined) return 'not a member';
    if (node !== record.node) return 'wrong node';
    const signed = this.reader.isSigned(record);
    return signed ? undefined : 'wrong signature';
  }

  private refuse(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  /** Forgets who left; withdraws what we said in the life before and did not say again. */
  private tidy(): void {
    const now = this.deps.clock.monotonic();
    const { self } = this.deps.transport;
    const dropped = this.table.sweep((owner) => owner === self || this.nodesOf.has(owner), now);
    // The next ones follow when these are in.
    const [next] = this.crowdedOut;
    if (next !== undefined && this.table.hasRoomFor(self, next)) {
      for (const key of this.crowdedOut) this.unsent.add(key);
      if (this.running) this.sendWithin(this.batchMs());
    }
    if (dropped.length > 0) this.listeners.tell(dropped.map((record) => ({ ...record, value: null })));
    if (now < this.adoptionEnds) return;
    for (const key of this.table.keysOf(self)) {
      if (!isEvent(key) && !this.stated.has(key) && this.own(key)?.value !== null) this.state(key, null);
    }
    // What is forgotten of the withdrawn, as a pod's each; where somebody brings one back it is withdrawn again above.
    for (const [key, value] of this.stated)
      if (value === null && !this.unsent.has(key) && this.own(key) === undefined) this.stated.delete(key);
  }
}

/** Encoded, each about as large as a gossiped message may well be. */
function* batches(records: readonly SignedRecord[]): Iterable<Uint8Array> {
  let batch: ObservedRecord[] = [];
  let size = 0;
  for (const { record, bytes } of records) {
    if (batch.length > 0 && (size + bytes > OBSERVED_BATCH_BYTES || batch.length >= MAX_BATCH_RECORDS)) {
      yield encodeRecords(batch);
      batch = [];
      size = 0;
    }
    batch.push(record);
    size += bytes;
  }
  if (batch.length > 0) yield encodeRecords(batch);
}

/** A death; and that a pod has ended, which its outcome, desired state, says at the same time: the two are shown as one. */
function isUrgent(value: ObservedValue | null): boolean {
  if (value?.kind === 'death') return true;
  return value?.kind === 'pod' && (value.status.phase === 'Succeeded' || value.status.phase === 'Failed');
}
