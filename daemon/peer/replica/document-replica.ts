import type { SizesAnswer } from '../../../protocol/answers.ts';
import type {
  ChangeEnvelope,
  DocumentChanges,
  MergeResult,
  Mutation,
  ReplicaChange,
  ReplicaVersion,
  WriteResult,
} from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { DesiredObject, GroupResource, ObjectKey, Tombstone } from '../../../protocol/objects.ts';
import { MAX_ENVELOPE_DOCUMENTS } from '../../../protocol/wire/limits.ts';
import { absent } from '../../core/desired/sync.ts';
import { admitterOf, MEMBERS } from '../../core/cluster/membership.ts';
import type { Documents } from '../../ports/documents.ts';
import type { Log } from '../../ports/log.ts';
import type { QuarantinedObject, ReplicaStart, SyncedReplica } from '../../ports/replica.ts';
import type { Store } from '../../ports/store.ts';
import { applyMutation, applyRemoteChanges, applyTombstone, type ChangeContext } from './changes.ts';
import { CommitQueue } from './commit-queue.ts';
import { loadAll, objectRecordKey, type ReadRecord, type ReplicaImage } from './disk.ts';
import { ENTRY_WORK, type EntryWork } from './entry-work.ts';
import { GraveLedger, type GraveLimits } from './graves.ts';
import { HistoryLedger, withoutHistory, type HistoryLimits, type RipeHistory } from './histories.ts';
import { LifeFloor } from './life-floor.ts';
import { Listeners } from '../listeners.ts';
import { logLosses } from './losses.ts';
import { ObjectIndex, tombstoneOf, versionOf, visible, type Entry } from './object-index.ts';
import { RecentDocuments } from './recent-documents.ts';
import { isDamage, readRecordDocument } from './record.ts';
import { sizesOf } from './sizes.ts';
import { Stage } from './stage.ts';
import { gather, lackedChanges, mayLack, newestChanges, type TellDocument } from './telling.ts';

export interface DocumentReplicaDeps {
  /** Open. */
  store: Store;
  documents: Documents;
  /** Peers of one process may share what they have found. */
  entryWork?: EntryWork | undefined;
  readRecord?: ReadRecord | undefined;
  image?: ReplicaImage | undefined;
  log: Log;
}

export interface DocumentReplicaOptions extends Pick<ChangeContext, 'clusterId' | 'mergeUnitsOf' | 'validate'> {
  /** 16 random bytes in hex, new with every start of the daemon. */
  actor: string;
  /** 16 new random bytes in hex with every call. */
  randomId(): string;
  /** Default: no history is cut. */
  histories?: HistoryLimits | undefined;
  graves?: GraveLimits | undefined;
}

/** Mutations of one batch: they become one envelope. */
export const MAX_MUTATIONS = MAX_ENVELOPE_DOCUMENTS;

interface Task {
  apply(stage: Stage): Promise<void>;
  written?: ChangeEnvelope | undefined;
}

/**
 * The desired state on this peer. Reads come from memory; writes and merges go through a queue of group commits: each batch is applied to a stage, fsynced, and
 * only then visible and told. Must never tell anyone what is not on disk, nor stop for what a peer or a damaged disk holds.
 */
export class DocumentReplica implements SyncedReplica {
  private readonly deps: DocumentReplicaDeps;
  private readonly options: DocumentReplicaOptions;
  private readonly work: EntryWork;
  private readonly index: ObjectIndex;
  private readonly recent = new RecentDocuments();
  readonly graveIntervals: number;
  private readonly ledger: GraveLedger;
  private readonly histories: HistoryLedger;
  private readonly queue = new CommitQueue<Task>((tasks) => this.commit(tasks));
  private readonly changed: Listeners<readonly ReplicaChange[]>;
  private readonly written: Listeners<ChangeEnvelope>;
  private readonly context: ChangeContext;
  private actor: string;
  private readonly lifeFloor: LifeFloor;
  private complete = false;

  constructor(deps: DocumentReplicaDeps, options: DocumentReplicaOptions) {
    this.deps = deps;
    this.options = options;
    this.actor = options.actor;
    this.work = deps.entryWork ?? ENTRY_WORK;
    this.index = new ObjectIndex(deps.image?.index, this.work.hash);
    this.ledger = new GraveLedger(options.graves);
    this.graveIntervals = this.ledger.limits.intervals;
    this.histories = new HistoryLedger(options.histories);
    this.lifeFloor = new LifeFloor(deps.store, options.clusterId);
    this.changed = new Listeners(deps.log);
    this.written = new Listeners(deps.log);
    this.context = {
      clusterId: options.clusterId,
      documents: deps.documents,
      mergeUnitsOf: (resource) => options.mergeUnitsOf(resource),
      validate: (object) => options.validate(object),
      open: this.work.open,
      floor: () => this.lifeFloor.value,
      actor: () => this.actor,
      documentOf: (stage, entry) => this.documentOf(stage, entry),
      admittedBy: (peer) => this.admittedBy(peer),
    };
  }

  async start(signal?: AbortSignal): Promise<ReplicaStart> {
    const { floor, damaged } = await loadAll(this.deps, this.index, this.options.clusterId, signal);
    this.lifeFloor.load(floor);
    for (const entry of this.index.entries()) this.histories.consider(entry);
    if (damaged.length > 0) {
      this.deps.log.error('Records on disk are damaged: they are set aside and fetched again from a peer', {
        keys: damaged.slice(0, 20),
        count: damaged.length,
      });
    }
    return { objects: [...this.index.all()].length, damaged };
  }

  async stop(): Promise<void> {
    await this.queue.close();
  }

  image(): ReplicaImage {
    return { index: new ObjectIndex(this.index), floor: this.lifeFloor.value };
  }

  get(key: ObjectKey): DesiredObject | undefined {
    return visible(this.index.get(key));
  }

  list(resource: GroupResource): Iterable<DesiredObject> {
    return this.index.list(resource);
  }

  all(): Iterable<DesiredObject> {
    return this.index.all();
  }

  quarantined(): readonly QuarantinedObject[] {
    const found: QuarantinedObject[] = [];
    for (const { desired, invalid } of this.index.entries()) {
      if (desired !== undefined && invalid !== undefined) found.push({ desired, reason: invalid });
    }
    return found;
  }

  sizes(): SizesAnswer {
    return sizesOf(this.index.entries());
  }

  buriedLife(key: ObjectKey): number {
    return this.index.get(key)?.buried ?? 0;
  }

  graveOf(key: ObjectKey): Tombstone | undefined {
    const entry = this.index.get(key);
    return entry?.grave === undefined ? undefined : tombstoneOf(entry);
  }

  setComplete(): void {
    this.complete = true;
  }

  private admittedBy(peer: string): string[] | undefined {
    if (!this.complete) return undefined;
    return [...this.index.list(MEMBERS)].filter(({ object }) => admitterOf(object) === peer).map(({ object }) => object.metadata.name);
  }

  async write(mutations: readonly Mutation[]): Promise<WriteResult> {
    if (mutations.length > MAX_MUTATIONS) {
      throw new KithError('Invalid', `a batch of ${mutations.length} mutations; at most ${MAX_MUTATIONS} are taken: write it in parts`);
    }
    const objects: DesiredObject[] = [];
    const envelope: ChangeEnvelope = { id: this.options.randomId(), changes: [], tombstones: [] };
    const task: Task = {
      apply: async (stage) => {
        for (const mutation of mutations) {
          const { object, changes, tombstone } = await applyMutation(this.context, stage, mutation);
          objects.push(object);
          if (changes !== undefined) envelope.changes.push(changes);
          if (tombstone !== undefined) envelope.tombstones.push(tombstone);
        }
        if (envelope.changes.length + envelope.tombstones.length > 0) task.written = envelope;
      },
    };
    await this.queue.add(task);
    return { objects, envelope: task.written };
  }

  async merge(envelope: ChangeEnvelope): Promise<MergeResult> {
    const result: MergeResult = { changed: 0, missing: [], refused: [] };
    await this.queue.add({
      apply: async (stage) => {
        for (const tombstone of envelope.tombstones) await applyTombstone(this.context, stage, tombstone, result);
        for (const changes of envelope.changes) await applyRemoteChanges(this.context, stage, changes, result);
      },
    });
    return result;
  }

  digest(): readonly string[] {
    return this.index.digest();
  }

  bucket(index: number): readonly ReplicaVersion[] {
    return this.index.bucket(index);
  }

  changesSince(have: readonly ReplicaVersion[], maxBytes: number): Promise<ChangeEnvelope> {
    return this.envelopeOf(have, maxBytes, (entry, version, left) => this.changesOf(entry, version, left));
  }

  newestChanges(keys: readonly ObjectKey[], maxBytes: number): Promise<ChangeEnvelope> {
    return this.envelopeOf(keys.map(absent), maxBytes, (entry) =>
      this.told(entry, (saved) => newestChanges(this.deps.documents, entry, saved)),
    );
  }

  private envelopeOf(have: readonly ReplicaVersion[], maxBytes: number, tell: TellDocument): Promise<ChangeEnvelope> {
    return gather(have, { id: this.options.randomId(), entryOf: (key) => this.index.get(key), tell, maxBytes });
  }

  onChanged(listener: (changes: readonly ReplicaChange[]) => void): () => void {
    return this.changed.add(listener);
  }

  onWritten(listener: (envelope: ChangeEnvelope) => void): () => void {
    return this.written.add(listener);
  }

  floor(): number {
    return this.lifeFloor.value;
  }

  async raiseFloor(floor: number): Promise<void> {
    await this.lifeFloor.raise(floor);
  }

  openGraves(bucket: number): ReplicaVersion[] {
    return [...this.index.gravesIn(bucket)].filter(({ grave }) => grave?.settled === false).map(versionOf);
  }

  acknowledgeGraves(peer: string, graves: readonly ReplicaVersion[]): void {
    for (const grave of graves) if (this.index.get(grave.key)?.grave !== undefined) this.ledger.acknowledge(peer, grave);
  }

  async settleGraves(keys: readonly ObjectKey[]): Promise<void> {
    const entries = keys.map((key) => this.index.get(key)).filter((entry) => entry?.grave?.settled === false);
    await this.settle(entries.filter((entry) => entry !== undefined));
  }

  async collectGraves(others: readonly string[], now: number): Promise<number> {
    await this.settle(this.ledger.toSettle(this.index.graves(), others));
    const forgotten = this.ledger.toForget(this.index.graves(), now);
    await this.alterGraves(forgotten, (stage, entry) => stage.forget(entry.key));
    return forgotten.length;
  }

  reportBucket(peer: string, bucket: number): void {
    this.histories.reportBucket(peer, bucket);
  }

  reportVersions(peer: string, versions: readonly ReplicaVersion[]): void {
    for (const version of versions) this.histories.report(peer, version);
  }

  async cutHistories(others: readonly string[], now: number): Promise<number> {
    let count = 0;
    for (const ripe of this.histories.ripe(others, now)) {
      await this.queue.add({ apply: async (stage) => void (count += (await this.rewrite(stage, ripe)) ? 1 : 0) });
    }
    return count;
  }

  /** Nobody hears of it: it shows the same. */
  private async rewrite(stage: Stage, { entry: held, heads }: RipeHistory): Promise<boolean> {
    const saved = stage.get(held.key) === held ? await this.readDocument(held) : undefined;
    if (saved === undefined) return false;
    const rewritten = withoutHistory(this.context, held, saved, heads);
    if (rewritten === undefined) this.histories.setUnfit(held);
    else stage.putQuietly(rewritten.entry, rewritten.saved);
    return rewritten !== undefined;
  }

  /** The floor rises before a grave may be forgotten anywhere: a later life is greater than all that any peer has forgotten. */
  private async settle(graves: readonly Entry[]): Promise<void> {
    await this.raiseFloor(graves.reduce((floor, { buried }) => Math.max(floor, buried), 0));
    await this.alterGraves(graves, (stage, entry) => stage.putQuietly({ ...entry, grave: { at: '', ...entry.grave, settled: true } }));
  }

  private async alterGraves(graves: readonly Entry[], alter: (stage: Stage, entry: Entry) => void): Promise<void> {
    if (graves.length === 0) return;
    // A key that was used again meanwhile is no grave any more.
    const apply = async (stage: Stage): Promise<void> => {
      for (const grave of graves) if (stage.get(grave.key) === grave) alter(stage, grave);
    };
    await this.queue.add({ apply });
  }

  private async changesOf(entry: Entry, have: ReplicaVersion, maxBytes: number): Promise<DocumentChanges | undefined> {
    if (!mayLack(entry, have)) return undefined;
    const { documents } = this.deps;
    const { clusterId } = this.options;
    return this.told(entry, (saved) => lackedChanges({ documents, clusterId }, { entry, saved, have, maxBytes }));
  }

  /** Undefined of a document that is damaged here. */
  private async told(entry: Entry, tell: (saved: Uint8Array) => DocumentChanges | undefined): Promise<DocumentChanges | undefined> {
    const saved = await this.readDocument(entry);
    if (saved === undefined) return undefined;
    try {
      return tell(saved);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.setDamaged(entry, error);
      return undefined;
    }
  }

  private async documentOf(stage: Stage, entry: Entry): Promise<Uint8Array | undefined> {
    return stage.staged(entry.key)?.saved ?? (await this.readDocument(entry));
  }

  /** As on disk, checked; undefined when it is damaged, or when the life has ended since. */
  private async readDocument(entry: Entry): Promise<Uint8Array | undefined> {
    if (entry.life === 0) return undefined;
    const recent = this.recent.get(entry);
    if (recent !== undefined) return recent;
    try {
      const raw = await this.deps.store.get(objectRecordKey(entry.key));
      if (raw !== undefined) return readRecordDocument(raw);
      throw new KithError('RecordDamaged', 'it is gone');
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.setDamaged(entry, error);
      return undefined;
    }
  }

  /**
   * The object is still good: it was read from its JSON. Without heads anti-entropy fetches the document whole. Our actor may have changes in it that we no
   * longer see, so we go on under another.
   */
  private setDamaged(entry: Entry, error: unknown): void {
    if (this.index.get(entry.key) !== entry || entry.heads.length === 0) return;
    this.deps.log.error('A document on disk is damaged: it is fetched again from a peer', { key: entry.key, error });
    this.index.put({ ...entry, heads: [] });
    this.histories.forget(entry.key);
    this.actor = this.options.randomId();
  }

  private async commit(tasks: readonly Task[]): Promise<ReadonlyMap<Task, unknown>> {
    const failures = new Map<Task, unknown>();
    const batch = new Stage({ get: (key) => this.index.get(key), staged: () => undefined });
    for (const task of tasks) {
      const stage = new Stage(batch);
      try {
        await task.apply(stage);
        batch.absorb(stage);
      } catch (error) {
        failures.set(task, error);
      }
    }
    if (batch.isEmpty()) return failures;
    await this.deps.store.write(batch.operations(this.work.operation));
    for (const [key, { entry, saved }] of batch.changedEntries()) {
      if (entry === undefined) this.index.remove(key);
      else this.index.put(this.work.kept(entry));
      if (entry === undefined || saved === undefined) this.recent.forget(key);
      else this.recent.put(entry, saved);
      if (entry === undefined) this.histories.forget(key);
      else this.histories.consider(entry);
    }
    logLosses(this.deps.log, batch.changes());
    if (batch.changes().length > 0) this.changed.tell(batch.changes());
    for (const task of tasks) if (task.written !== undefined && !failures.has(task)) this.written.tell(task.written);
    return failures;
  }
}
