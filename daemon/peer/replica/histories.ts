import type { ReplicaVersion } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { bucketOf } from '../../core/desired/digest.ts';
import { compareEpochs } from '../../core/desired/epochs.ts';
import { sameHeads } from '../../core/desired/sync.ts';
import type { DocumentIdentity } from '../../ports/documents.ts';
import type { ChangeContext } from './changes.ts';
import { showsSame } from './changes.ts';
import type { Entry } from './object-index.ts';

/** When the history of a document is too long. */
export interface HistoryLimits {
  /** Changes that are none too many. To load a document costs the more the more it has, however small they are as saved. */
  changes: number;
  /** Bytes as saved that are none too many, and how many times the bytes of its object as JSON they must be: cutting must save something. */
  bytes: number;
  times: number;
  /** How long it must have been as it is, ms: what is edited meanwhile has to be made again by everybody. */
  restMs: number;
  /** One that is so many times too long is cut without rest: some objects are changed every other second for as long as they are there, as Leases are. */
  restlessTimes: number;
}

/** What daemons go by. */
export const HISTORY_LIMITS: HistoryLimits = { changes: 256, bytes: 32 * 1_024, times: 4, restMs: 20_000, restlessTimes: 2 };

/** Documents that are watched at once: what is beyond waits until one of them is cut or changes. */
const MAX_WATCHED = 1_024;
/** Versions of one document that are remembered: what another says that it holds may be one that was here some changes ago. */
const MAX_VERSIONS = 16;
/** Changes beyond what all members hold that a document may have when it is cut: each is made again by everybody who has it, at some milliseconds. */
const MAX_LATE = 32;

/** The document as it once was here: all that is here later has this in it. */
interface HeldVersion {
  order: number;
  heads: readonly string[];
  changes: number;
}

interface Watched {
  bucket: number;
  /** Entries are immutable: another one is another document. */
  entry: Entry;
  /** Monotonic ms. */
  since: number | undefined;
  /** The last of them is what is here now. */
  versions: HeldVersion[];
  /** Which of the versions who has said that it holds, fsynced. It holds that for ever. */
  holders: Map<string, HeldVersion>;
  /** Its conflicts or authors forbid it. */
  isUnfit: boolean;
}

export interface RipeHistory {
  entry: Entry;
  /** What all members hold of it. */
  heads: readonly string[];
}

/** Documents with long histories, and what of them which members hold. In memory only: after a restart it is learned again. */
export class HistoryLedger {
  private readonly watched = new Map<ObjectKey, Watched>();
  private readonly limits: HistoryLimits | undefined;

  /** Without limits no history is too long. */
  constructor(limits: HistoryLimits | undefined) {
    this.limits = limits;
  }

  /** Of every entry that is new. */
  consider(entry: Entry): void {
    const known = this.watched.get(entry.key);
    this.watched.delete(entry.key);
    if (this.limits === undefined || this.watched.size >= MAX_WATCHED || !this.isLong(this.limits, entry)) return;
    const isSame = known?.entry.life === entry.life && compareEpochs(known.entry.epoch, entry.epoch) === 0;
    const versions = isSame ? known.versions : [];
    const holders = isSame ? known.holders : new Map<string, HeldVersion>();
    versions.push({ order: (versions.at(-1)?.order ?? 0) + 1, heads: entry.heads, changes: entry.history?.changes ?? 0 });
    if (versions.length > MAX_VERSIONS) versions.shift();
    this.watched.set(entry.key, { bucket: bucketOf(entry.key), entry, since: undefined, versions, holders, isUnfit: false });
  }

  /** It is gone, or what was known of it does not hold any more. */
  forget(key: ObjectKey): void {
    this.watched.delete(key);
  }

  /** The peer holds all documents of the bucket as they are here, fsynced, and takes rewritten documents. */
  reportBucket(peer: string, bucket: number): void {
    for (const watched of this.watched.values()) if (watched.bucket === bucket) note(watched, peer, watched.versions.at(-1));
  }

  /** The peer holds this version, fsynced, and takes rewritten documents. */
  report(peer: string, { key, heads }: ReplicaVersion): void {
    const watched = this.watched.get(key);
    if (watched !== undefined)
      note(
        watched,
        peer,
        watched.versions.findLast((version) => sameHeads(version.heads, heads)),
      );
  }

  setUnfit(entry: Entry): void {
    const known = this.watched.get(entry.key);
    if (known?.entry === entry) known.isUnfit = true;
  }

  /** Documents that have rested, or are far too long, and what all of `others`, the members but this one, hold of them. Starts the time of those it sees first. */
  ripe(others: readonly string[], now: number): RipeHistory[] {
    const { limits } = this;
    if (limits === undefined) return [];
    const found: RipeHistory[] = [];
    for (const watched of this.watched.values()) {
      watched.since ??= now;
      const current = watched.versions.at(-1);
      const common = current && commonVersion(watched, others, current);
      if (current === undefined || common === undefined || watched.isUnfit) continue;
      const hasRested = common === current && now - watched.since >= limits.restMs;
      const isRestless = current.changes - common.changes <= MAX_LATE && this.isLong(limits, watched.entry, limits.restlessTimes);
      if (hasRested || isRestless) found.push({ entry: watched.entry, heads: common.heads });
    }
    return found;
  }

  private isLong(limits: HistoryLimits, { life, heads, history, desired, invalid, fallback }: Entry, times = 1): boolean {
    if (life === 0 || heads.length === 0 || history === undefined || desired === undefined) return false;
    // What its heads or concurrent values decide must stay decidable.
    if (invalid !== undefined || fallback === true || desired.conflicts.length > 0) return false;
    if (history.changes > times * limits.changes) return true;
    return history.bytes > times * limits.bytes && history.bytes >= limits.times * JSON.stringify(desired.object).length;
  }
}

function note({ holders }: Watched, peer: string, version: HeldVersion | undefined): void {
  if (version !== undefined && version.order > (holders.get(peer)?.order ?? 0)) holders.set(peer, version);
}

function commonVersion({ holders }: Watched, others: readonly string[], current: HeldVersion): HeldVersion | undefined {
  let common = current;
  for (const peer of others) {
    const held = holders.get(peer);
    if (held === undefined) return undefined;
    if (held.order < common.order) common = held;
  }
  return common;
}

/** The entry with the same object and a document without its history up to `heads`; undefined when that document must keep it. */
export function withoutHistory(
  context: ChangeContext,
  held: Entry,
  saved: Uint8Array,
  heads: readonly string[],
): { entry: Entry; saved: Uint8Array } | undefined {
  const { key, life, epoch } = held;
  const identity: DocumentIdentity = { clusterId: context.clusterId, key, life, epoch };
  const rewritten = context.documents.rewrite(identity, saved, heads);
  if (rewritten === undefined || held.desired === undefined) return undefined;
  const next = { ...identity, epoch: rewritten.epoch };
  // What came since is late here as it is everywhere.
  const whole = sameHeads(heads, held.heads)
    ? rewritten
    : context.documents.carryOver({ identity, saved }, { identity: next, saved: rewritten.saved });
  const { entry } = context.open(context, next, whole.saved, whole.state);
  if (!showsSame(held, entry)) return undefined;
  return { entry: { ...entry, desired: { ...held.desired, heads: entry.heads } }, saved: whole.saved };
}
