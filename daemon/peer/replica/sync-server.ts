import type { ChangeEnvelope, ReplicaVersion } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { changesBody, changesOf, fittingVersions, versionBytes } from '../../../protocol/wire/changes.ts';
import type { Fields } from '../../../protocol/wire/fields.ts';
import { MAX_VERSIONS, MAX_VERSIONS_BYTES, SYNC_CHUNK_BYTES } from '../../../protocol/wire/limits.ts';
import { bucketsOf, digestBody, digestOf, mergedBody, pullOf, versionsAnswer } from '../../../protocol/wire/sync.ts';
import type { BucketsBody, DigestBody, VersionsBody } from '../../../protocol/wire/sync.ts';
import { bucketOf } from '../../core/desired/digest.ts';
import { absent } from '../../core/desired/sync.ts';
import type { SyncedReplica } from '../../ports/replica.ts';
import { REASON_BURIED } from './changes.ts';
import type { PeerLink } from './peer-link.ts';

interface ServerDeps {
  replica: SyncedReplica;
  link: PeerLink;
}

interface SyncServerDeps extends ServerDeps {
  /** Whether this peer holds the whole desired state. */
  complete: boolean;
}

/**
 * Answers one question of anti-entropy. Answers are bounded; what does not fit is left for the next question.
 * @throws KithError for what is no question; the transport carries it to the asker
 */
export async function answerSync({ replica, link, complete }: SyncServerDeps, from: string, payload: Uint8Array): Promise<Uint8Array> {
  const { kind, body } = link.decode(payload);
  switch (kind) {
    case 'digest':
      return link.encode('digest', digestBody({ ...(await answerDigest(replica, from, link, body)), complete }));
    case 'buckets': {
      const asked = link.counting(() => bucketsOf(body));
      return link.encode('versions', versionsAnswer(versionsOfBuckets(replica, asked)));
    }
    case 'pull': {
      const have = link.counting(() => pullOf(body));
      return link.encode('changes', changesBody(await replica.changesSince(have, SYNC_CHUNK_BYTES)));
    }
    case 'changes': {
      const envelope = link.counting(() => changesOf(body));
      return link.encode('merged', await mergeAndAnswer({ replica, link }, envelope));
    }
    default:
      link.count('WireKind');
      throw new KithError('WireKind', `unknown question ${JSON.stringify(kind)}: this peer may be older than the asker`);
  }
}

/** Resolves after the fsync: the answer is an acknowledgement. */
export async function mergeAndAnswer({ replica, link }: ServerDeps, envelope: ChangeEnvelope): Promise<Fields> {
  const { missing, refused } = await replica.merge(envelope);
  const wrong = refused.filter(({ reason }) => reason !== REASON_BURIED);
  if (wrong.length > 0) link.count('ChangeRefused', wrong.length);
  return mergedBody({ missing: versionsOfKeys(replica, missing), refused: wrong.map(({ key }) => key) });
}

/** What is held of keys, also of those never heard of. */
export function versionsOfKeys(replica: Pick<SyncedReplica, 'bucket'>, keys: readonly ObjectKey[]): ReplicaVersion[] {
  const buckets = new Map<number, ReadonlyMap<ObjectKey, ReplicaVersion>>();
  return keys.map((key) => {
    const index = bucketOf(key);
    const bucket = buckets.get(index) ?? new Map(replica.bucket(index).map((version) => [version.key, version]));
    buckets.set(index, bucket);
    return bucket.get(key) ?? absent(key);
  });
}

async function answerDigest(replica: SyncedReplica, from: string, link: PeerLink, body: Fields): Promise<DigestBody> {
  const theirs = link.counting(() => digestOf(body));
  await replica.raiseFloor(theirs.floor);
  const digest = replica.digest();
  const same = digest.flatMap((hash, bucket) => (hash === theirs.digest[bucket] ? [bucket] : []));
  // Who holds something else may know of a member that we have not heard of, which lacks what it missed.
  if (same.length === digest.length) for (const bucket of same) replica.acknowledgeGraves(from, replica.openGraves(bucket));
  if (theirs.epochs === true) for (const bucket of same) replica.reportBucket(from, bucket);
  return { digest, floor: replica.floor(), epochs: true };
}

/** Whole buckets, as many as fit; of one that does not fit alone the first keys. */
function versionsOfBuckets(replica: SyncedReplica, { buckets: asked, after }: BucketsBody): VersionsBody {
  const buckets: number[] = [];
  const versions: ReplicaVersion[] = [];
  let bytes = 0;
  for (const bucket of asked) {
    const held = replica.bucket(bucket);
    const wanted = buckets.length > 0 || after === undefined ? held : held.filter(({ key }) => key > after);
    bytes += wanted.reduce((sum, version) => sum + versionBytes(version), 0);
    if (versions.length + wanted.length > MAX_VERSIONS || bytes > MAX_VERSIONS_BYTES)
      return buckets.length === 0 ? firstOf(bucket, wanted) : { buckets, versions };
    buckets.push(bucket);
    versions.push(...wanted);
  }
  return { buckets, versions };
}

function firstOf(bucket: number, held: readonly ReplicaVersion[]): VersionsBody {
  const sorted = [...held].sort((left, right) => (left.key < right.key ? -1 : 1));
  const versions = sorted.slice(0, fittingVersions(sorted));
  return { buckets: [bucket], versions, upTo: versions.at(-1)?.key };
}
