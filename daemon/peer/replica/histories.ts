import type { ObjectKey } from '../../../protocol/objects.ts';
import type { DocumentIdentity } from '../../ports/documents.ts';
import type { ChangeContext } from './changes.ts';
import { openEntry } from './changes.ts';
import type { Entry } from './object-index.ts';

/** When the history of a document is too long. What a daemon will go by; today none is given any, so that it takes documents that were rewritten, and rewrites none. */
export interface HistoryLimits {
  /** Changes that are none too many. To load a document costs the more the more it has, however small they are as saved. */
  changes: number;
  /** Bytes as saved that are none too many, and how many times the bytes of its object as JSON they must be: cutting must save something. */
  bytes: number;
  times: number;
  /** How long it must have been as it is, ms: who edits it again and again would find it changed under the edit. */
  restMs: number;
}

/** What is meant for daemons. */
export const HISTORY_LIMITS: HistoryLimits = { changes: 256, bytes: 32 * 1_024, times: 4, restMs: 20_000 };

/** Documents that are watched at once: what is beyond waits until one of them is cut or changes. */
const MAX_WATCHED = 1_024;

interface Watched {
  /** Entries are immutable: another one is another document. */
  entry: Entry;
  /** Monotonic ms. */
  since: number | undefined;
  /** Who has said that it holds the document at these very heads, fsynced. */
  holders: Set<string>;
  /** Its conflicts or authors forbid it. */
  isUnfit: boolean;
}

/** Documents with long histories, and which members hold them as they are here. In memory only: after a restart it is learned again. */
export class HistoryLedger {
  private readonly watched = new Map<ObjectKey, Watched>();
  private readonly limits: HistoryLimits | undefined;

  /** Without limits no history is too long. */
  constructor(limits: HistoryLimits | undefined) {
    this.limits = limits;
  }

  /** Of every entry that is new; what was known of the one before is void. */
  consider(entry: Entry): void {
    this.watched.delete(entry.key);
    if (this.watched.size >= MAX_WATCHED || this.limits === undefined || !this.isLong(this.limits, entry)) return;
    this.watched.set(entry.key, { entry, since: undefined, holders: new Set(), isUnfit: false });
  }

  forget(key: ObjectKey): void {
    this.watched.delete(key);
  }

  entries(): Iterable<Entry> {
    return [...this.watched.values()].map(({ entry }) => entry);
  }

  /** The peer holds this very version, fsynced, and takes rewritten documents. */
  report(peer: string, entry: Entry): void {
    const known = this.watched.get(entry.key);
    if (known?.entry === entry) known.holders.add(peer);
  }

  setUnfit(entry: Entry): void {
    const known = this.watched.get(entry.key);
    if (known?.entry === entry) known.isUnfit = true;
  }

  /** Documents that have rested and that all of `others`, the members but this one, hold as they are. Starts the time of those it sees first. */
  ripe(others: readonly string[], now: number): Entry[] {
    const found: Entry[] = [];
    for (const watched of this.watched.values()) {
      watched.since ??= now;
      if (watched.isUnfit || now - watched.since < (this.limits?.restMs ?? Infinity)) continue;
      if (others.every((peer) => watched.holders.has(peer))) found.push(watched.entry);
    }
    return found;
  }

  private isLong(limits: HistoryLimits, { life, heads, history, desired, invalid, fallback }: Entry): boolean {
    if (life === 0 || heads.length === 0 || history === undefined || desired === undefined) return false;
    // What its heads or concurrent values decide must stay decidable.
    if (invalid !== undefined || fallback === true || desired.conflicts.length > 0) return false;
    if (history.changes > limits.changes) return true;
    return history.bytes > limits.bytes && history.bytes >= limits.times * JSON.stringify(desired.object).length;
  }
}

/** The entry with the same object and a document without history; undefined when that document must keep it. */
export function withoutHistory(
  context: ChangeContext,
  identity: DocumentIdentity,
  held: Entry,
  saved: Uint8Array,
): { entry: Entry; saved: Uint8Array } | undefined {
  const rewritten = context.documents.rewrite(identity, saved);
  if (rewritten === undefined || held.desired === undefined) return undefined;
  const { entry } = openEntry(context, { ...identity, epoch: rewritten.epoch }, rewritten.saved, rewritten.state);
  return { entry: { ...entry, desired: { ...held.desired, heads: entry.heads } }, saved: rewritten.saved };
}
