import { createHash } from 'node:crypto';
import type { ObservedRecord } from '../../protocol/observed.ts';
import type { OwnerDigest, RecordVersion } from '../../protocol/wire-observed.ts';

/** Events kept per owner, the newest: Kubernetes keeps an hour of them. */
export const MAX_EVENTS_PER_OWNER = 512;
/** Other records per owner: pods of a node, and deaths it declared. */
export const MAX_FACTS_PER_OWNER = 4_096;
/** A withdrawn fact is compared with others this long, … */
export const WITHDRAWN_COMPARED_MS = 300_000;
/** … and kept this long: by then every connected peer has it, and who comes back with the old fact is corrected by its owner. */
export const WITHDRAWN_KEPT_MS = 600_000;

interface Entry {
  record: ObservedRecord;
  at: number;
  hash: Buffer;
}

/** Records by owner and key; newest wins, bounded. Believes what it is given: whoever calls has verified it. */
export class ObservedTable {
  private readonly owners = new Map<string, Map<string, Entry>>();

  get(owner: string, key: string): ObservedRecord | undefined {
    return this.owners.get(owner)?.get(key)?.record;
  }

  *all(): Iterable<ObservedRecord> {
    for (const entries of this.owners.values()) for (const { record } of entries.values()) if (record.value !== null) yield record;
  }

  keysOf(owner: string): string[] {
    return [...(this.owners.get(owner)?.keys() ?? [])];
  }

  isNewer(version: RecordVersion): boolean {
    const held = this.get(version.owner, version.key);
    return held === undefined || compareVersions(version, held) > 0;
  }

  /** Whether there is room: an older event than the kept ones has none. Then the record is in, and an event beyond the limit is out. */
  put(record: ObservedRecord, now: number): boolean {
    const entries = this.owners.get(record.owner) ?? new Map<string, Entry>();
    this.owners.set(record.owner, entries);
    const entry = { record, at: now, hash: versionHash(record) };
    if (entries.has(record.key)) {
      entries.set(record.key, entry);
      return true;
    }
    const events = isEvent(record.key);
    const rivals = [...entries.values()].filter((other) => isEvent(other.record.key) === events);
    if (rivals.length < (events ? MAX_EVENTS_PER_OWNER : MAX_FACTS_PER_OWNER)) {
      entries.set(record.key, entry);
      return true;
    }
    if (!events) return false;
    const oldest = rivals.reduce((left, right) => (compareVersions(left.record, right.record) < 0 ? left : right));
    if (compareVersions(record, oldest.record) < 0) return false;
    entries.delete(oldest.record.key);
    entries.set(record.key, entry);
    return true;
  }

  /** Drops the records of owners that `keep` does not name, and withdrawn ones that are old. Answers the former. */
  sweep(keep: (owner: string) => boolean, now: number): ObservedRecord[] {
    const dropped: ObservedRecord[] = [];
    for (const [owner, entries] of this.owners) {
      if (!keep(owner)) {
        this.owners.delete(owner);
        dropped.push(...[...entries.values()].map(({ record }) => record));
        continue;
      }
      for (const [key, { record, at }] of entries) if (record.value === null && now - at > WITHDRAWN_KEPT_MS) entries.delete(key);
    }
    return dropped;
  }

  digest(now: number): OwnerDigest[] {
    return [...this.owners].map(([owner, entries]) => {
      const hash = Buffer.alloc(8);
      let count = 0;
      for (const entry of entries.values()) {
        if (!isCompared(entry, now)) continue;
        count += 1;
        for (let index = 0; index < 8; index += 1) hash[index] = (hash[index] ?? 0) ^ (entry.hash[index] ?? 0);
      }
      return { owner, count, hash: hash.toString('hex') };
    });
  }

  /** What is held of the owners whose digest differs from `theirs`, owner by owner, about `limit` at most. */
  versionsWhereDifferent(theirs: readonly OwnerDigest[], now: number, limit: number): RecordVersion[] {
    const known = new Map(theirs.map((digest) => [digest.owner, `${digest.count} ${digest.hash}`]));
    const versions: RecordVersion[] = [];
    for (const { owner, count, hash } of this.digest(now)) {
      if (count === 0 || known.get(owner) === `${count} ${hash}`) continue;
      const ofOwner = [...(this.owners.get(owner)?.values() ?? [])].filter((entry) => isCompared(entry, now));
      if (versions.length + ofOwner.length > limit) break;
      for (const { record } of ofOwner) {
        versions.push({ owner, key: record.key, incarnation: record.incarnation, sequence: record.sequence });
      }
    }
    return versions;
  }
}

/** Positive when `left` is newer. */
export function compareVersions(left: Omit<RecordVersion, 'owner' | 'key'>, right: Omit<RecordVersion, 'owner' | 'key'>): number {
  return left.incarnation - right.incarnation || left.sequence - right.sequence;
}

export function isEvent(key: string): boolean {
  return key.startsWith('event/');
}

function isCompared(entry: Entry, now: number): boolean {
  return entry.record.value !== null || now - entry.at <= WITHDRAWN_COMPARED_MS;
}

function versionHash(record: ObservedRecord): Buffer {
  return createHash('sha256').update(`${record.key}\n${record.incarnation}\n${record.sequence}`).digest().subarray(0, 8);
}
