import type { ReplicaVersion } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { compareEpochs } from './epochs.ts';

/** What two replicas must tell each other about some keys. */
export interface SyncPlan {
  /** What we hold of keys where the other has more. */
  pull: ReplicaVersion[];
  /** What the other holds of keys where we have more. */
  push: ReplicaVersion[];
  /** Graves of ours that the other holds, too. */
  acknowledged: ReplicaVersion[];
  /** Graves of ours of which the other knows that every member holds them. */
  settled: ObjectKey[];
}

/**
 * Compares both sides' versions of the same buckets. Heads alone don't say who is ahead, so of a document with different heads both sides send what the other
 * lacks.
 */
export function planSync(ours: readonly ReplicaVersion[], theirs: readonly ReplicaVersion[]): SyncPlan {
  const plan: SyncPlan = { pull: [], push: [], acknowledged: [], settled: [] };
  const others = new Map(theirs.map((version) => [version.key, version]));
  for (const mine of ours) {
    compare(plan, mine, others.get(mine.key) ?? absent(mine.key));
    others.delete(mine.key);
  }
  for (const other of others.values()) compare(plan, absent(other.key), other);
  return plan;
}

function compare(plan: SyncPlan, mine: ReplicaVersion, other: ReplicaVersion): void {
  const isGrave = mine.life === 0 && mine.buried > 0;
  const isSame = other.buried === mine.buried && sameHeads(other.heads, mine.heads);
  if (isGrave && (isSame || other.buried > mine.buried)) plan.acknowledged.push(mine);
  if (isGrave && isSame && other.settled === true) plan.settled.push(mine.key);
  if (hasMore(other, mine)) plan.pull.push(mine);
  if (hasMore(mine, other)) plan.push.push(other);
}

function hasMore(left: ReplicaVersion, right: ReplicaVersion): boolean {
  // What everybody holds need not be told; a peer that has forgotten it must not be taught it again.
  if (left.life === 0 && left.settled === true && right.life === 0) return false;
  if (left.life !== right.life) return left.life > right.life ? left.life > right.buried : left.buried > right.buried;
  // Two graves of one life that say different things: both sides tell theirs.
  if (left.life === 0 && left.buried !== right.buried) return left.buried > right.buried;
  // Changes of a history that was cut off mean nothing to who has cut it: its holder makes them again.
  const age = compareEpochs(left.epoch, right.epoch);
  if (age !== 0) return age > 0;
  return !sameHeads(left.heads, right.heads);
}

export function sameHeads(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((head, index) => head === right[index]);
}

/** Of a key that was never heard of. */
export function absent(key: ObjectKey): ReplicaVersion {
  return { key, life: 0, buried: 0, heads: [] };
}
