import { hash } from 'node:crypto';
import type { ReplicaVersion } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { BUCKETS } from '../../../protocol/wire/limits.ts';

/** Two halves of a 64-bit hash. */
export interface VersionHash {
  high: number;
  low: number;
}

export const NOTHING_HASHED: VersionHash = { high: 0, low: 0 };

/** FNV-1a (Fowler, Noll, Vo), 32 bits: where a key goes is no secret and must only be spread. */
export function bucketOf(key: ObjectKey): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

/** A grave that every member holds counts for nothing: peers forget it at different times. */
export function versionHash(version: ReplicaVersion): VersionHash {
  if (version.settled === true && version.life === 0) return NOTHING_HASHED;
  const text = `${version.key}\n${version.life}\n${version.buried}\n${version.heads.join(',')}`;
  const digest = hash('sha256', text, 'buffer');
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

/** Sums hashes of versions bucket by bucket, so that one version's change costs one hash. */
export class BucketDigests {
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  /** As text, while nothing changes: each comparison asks for it. */
  private told: readonly string[] | undefined;

  constructor(from?: BucketDigests) {
    this.high = from === undefined ? new Uint32Array(BUCKETS) : from.high.slice();
    this.low = from === undefined ? new Uint32Array(BUCKETS) : from.low.slice();
    this.told = from?.told;
  }

  /** Exclusive or: adding what is in takes it out. */
  toggle(bucket: number, { high, low }: VersionHash): void {
    this.high[bucket] = ((this.high[bucket] ?? 0) ^ high) >>> 0;
    this.low[bucket] = ((this.low[bucket] ?? 0) ^ low) >>> 0;
    this.told = undefined;
  }

  texts(): readonly string[] {
    return (this.told ??= Array.from(this.high, (high, bucket) => hex32(high) + hex32(this.low[bucket] ?? 0)));
  }
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
