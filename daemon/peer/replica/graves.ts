import type { ReplicaVersion } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { MEMBERS } from '../../core/cluster/membership.ts';
import { versionOf, type Entry } from './object-index.ts';

/**
 * How long a grave that every member holds is kept all the same, ms: messages with changes of the buried life may still be on their way, in a queue or a retry.
 * The longest of those is far below a minute.
 */
export const GRAVE_IN_FLIGHT_MS = 600_000;

export interface GraveLimits {
  inFlightMs: number;
  /** Graves are looked through once in so many intervals of anti-entropy: nothing waits for it. */
  intervals: number;
}

export const GRAVE_LIMITS: GraveLimits = { inFlightMs: GRAVE_IN_FLIGHT_MS, intervals: 10 };

/**
 * Graves of members are kept, the last so many: a host that was removed while it was off is told so whenever it comes back. Nobody removes more hosts than this while one
 * of them lies in a drawer.
 */
export const MAX_MEMBER_GRAVES = 4_096;

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Who holds which grave, fsynced. In memory only: after a restart it is learned again. A grave that all members hold is *settled*; a settled one is forgotten
 * after the time for messages in flight. Age alone never frees one.
 */
export class GraveLedger {
  readonly limits: GraveLimits;
  private readonly holders = new Map<ObjectKey, { grave: string; peers: Set<string> }>();
  /** Monotonic ms since when a grave is known to be settled here. A key may have been used again since, and have another. */
  private readonly settledSince = new Map<ObjectKey, { buried: number; at: number }>();

  constructor(limits: GraveLimits = GRAVE_LIMITS) {
    this.limits = limits;
  }

  acknowledge(peer: string, version: ReplicaVersion): void {
    const grave = nameOf(version);
    const known = this.holders.get(version.key);
    if (known?.grave === grave) known.peers.add(peer);
    else this.holders.set(version.key, { grave, peers: new Set([peer]) });
  }

  /** Graves that became settled: held by every one of `others`, the members but this one. */
  toSettle(graves: Iterable<Entry>, others: readonly string[]): Entry[] {
    const found: Entry[] = [];
    const seen = new Set<ObjectKey>();
    for (const entry of graves) {
      if (entry.grave === undefined || entry.grave.settled) continue;
      seen.add(entry.key);
      const holders = this.holders.get(entry.key);
      const isHeldBy = holders?.grave === nameOf(versionOf(entry)) ? holders.peers : NOBODY;
      if (others.every((peer) => isHeldBy.has(peer))) found.push(entry);
    }
    for (const key of [...this.holders.keys()]) if (!seen.has(key)) this.holders.delete(key);
    return found;
  }

  /** Settled graves whose time for messages in flight is over. Starts that time for those it sees first. */
  toForget(graves: Iterable<Entry>, now: number): Entry[] {
    const found: Entry[] = [];
    const seen = new Set<ObjectKey>();
    for (const entry of graves) {
      if (entry.grave?.settled !== true) continue;
      seen.add(entry.key);
      const since = this.settledSince.get(entry.key);
      if (since?.buried !== entry.buried) this.settledSince.set(entry.key, { buried: entry.buried, at: now });
      else if (now - since.at >= this.limits.inFlightMs) found.push(entry);
    }
    for (const key of [...this.settledSince.keys()]) if (!seen.has(key)) this.settledSince.delete(key);
    return withoutLastMembers(found);
  }
}

/** Of a grave that came to say something else, who held it as it was does not hold it. */
function nameOf({ buried, heads }: ReplicaVersion): string {
  return `${buried} ${heads.join(' ')}`;
}

function withoutLastMembers(graves: readonly Entry[]): Entry[] {
  const members = graves.filter(({ key }) => parseObjectKey(key).resource === MEMBERS);
  const oldestFirst = members.sort((left, right) => ((left.grave?.at ?? '') < (right.grave?.at ?? '') ? -1 : 1));
  const kept = new Set(oldestFirst.slice(-MAX_MEMBER_GRAVES));
  return graves.filter((entry) => !kept.has(entry));
}
