import type { ObjectKey } from '../objects.ts';
import type { ReplicaVersion } from '../desired.ts';
import { bytes, integer, key, life, list, wireInvalid } from './fields.ts';
import type { Fields } from './fields.ts';
import { versionsBody, versionsOf } from './changes.ts';
import { BUCKETS, MAX_BUCKETS_ASKED, MAX_VERSIONS } from './limits.ts';

/** Bytes of one bucket's hash. */
const BUCKET_HASH_BYTES = 8;

/** What a peer says that takes documents whose history was cut, and makes late edits again across several cuts: those that said `true` did so across one. */
const TAKES_EPOCHS = 2;

/** Body of `digest`, question and answer. */
export interface DigestBody {
  /** 256 hashes of 16 hex digits. */
  digest: readonly string[];
  /** New lives are greater than this at every member. */
  floor: number;
  /** The sender has proved that it holds the whole desired state. */
  complete?: boolean;
  /** The sender takes documents whose history was cut. While one member does not say so none is. */
  epochs?: boolean;
}

export function digestBody({ digest, floor, complete, epochs }: DigestBody): Fields {
  return {
    digest: Uint8Array.from(Buffer.from(digest.join(''), 'hex')),
    floor,
    ...(complete === true ? { complete } : {}),
    ...(epochs === true ? { epochs: TAKES_EPOCHS } : {}),
  };
}

/** @throws KithError `WireInvalid` */
export function digestOf(body: Fields): DigestBody {
  const raw = bytes(body['digest'], 'digest', BUCKETS * BUCKET_HASH_BYTES);
  if (raw.byteLength !== BUCKETS * BUCKET_HASH_BYTES) throw wireInvalid(`digest has ${raw.byteLength} bytes`);
  const hex = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('hex');
  const width = BUCKET_HASH_BYTES * 2;
  return {
    digest: Array.from({ length: BUCKETS }, (_, index) => hex.slice(index * width, (index + 1) * width)),
    floor: life(body, 'floor'),
    ...(body['complete'] === true ? { complete: true } : {}),
    ...(Number(body['epochs']) >= TAKES_EPOCHS ? { epochs: true } : {}),
  };
}

/** Body of `buckets`: which buckets' versions are asked for. */
export interface BucketsBody {
  buckets: readonly number[];
  /** Of the first bucket only what comes after this key. */
  after?: ObjectKey | undefined;
}

export function bucketsBody({ buckets, after }: BucketsBody): Fields {
  return { buckets: [...buckets], after };
}

/** @throws KithError `WireInvalid` */
export function bucketsOf(body: Fields): BucketsBody {
  return { buckets: bucketList(body, 'buckets'), after: keyIfAny(body, 'after') };
}

/** Body of `versions`: what the answerer holds in as many of the asked buckets as fit one message. */
export interface VersionsBody {
  buckets: readonly number[];
  versions: readonly ReplicaVersion[];
  /** There is but one bucket, and of that what comes after this key had no room. Keys are in the order of their UTF-16 code units. */
  upTo?: ObjectKey | undefined;
}

export function versionsAnswer({ buckets, versions, upTo }: VersionsBody): Fields {
  return { buckets: [...buckets], versions: versionsBody(versions), upTo };
}

/** @throws KithError `WireInvalid` */
export function versionsAnswerOf(body: Fields): VersionsBody {
  return { buckets: bucketList(body, 'buckets'), versions: versionsOf(body, 'versions'), upTo: keyIfAny(body, 'upTo') };
}

/** Body of `pull`: what the asker holds of the keys that it wants. */
export function pullBody(have: readonly ReplicaVersion[]): Fields {
  return { have: versionsBody(have) };
}

/** @throws KithError `WireInvalid` */
export function pullOf(body: Fields): ReplicaVersion[] {
  return versionsOf(body, 'have');
}

/** Body of `merged`, the answer to `changes` that were pushed: sent after the fsync. */
export interface MergedBody {
  /** What the answerer holds of keys whose changes wait for others, so that the sender can send those. */
  missing: readonly ReplicaVersion[];
  /** Keys whose changes were refused, other than because that life is buried. */
  refused: readonly ObjectKey[];
}

export function mergedBody({ missing, refused }: MergedBody): Fields {
  return { missing: versionsBody(missing), refused: refused.slice(0, MAX_VERSIONS) };
}

/** @throws KithError `WireInvalid` */
export function mergedOf(body: Fields): MergedBody {
  const refused = list(body, 'refused', MAX_VERSIONS).map((item) => key({ key: item }, 'key'));
  return { missing: versionsOf(body, 'missing'), refused };
}

function bucketList(body: Fields, name: string): number[] {
  return list(body, name, MAX_BUCKETS_ASKED).map((bucket) => integer({ bucket }, 'bucket', BUCKETS - 1));
}

function keyIfAny(body: Fields, name: string): ObjectKey | undefined {
  return body[name] === undefined ? undefined : key(body, name);
}
