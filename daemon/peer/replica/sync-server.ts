import type { ChangeEnvelope, ReplicaVersion } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { changesBody, changesOf, versionsBody } from '../../../protocol/wire/changes.ts';
import type { Fields } from '../../../protocol/wire/fields.ts';
import { MAX_VERSIONS, SYNC_CHUNK_BYTES } from '../../../protocol/wire/limits.ts';
import { bucketsOf, digestBody, digestOf, mergedBody, pullOf } from '../../../protocol/wire/sync.ts';
import type { DigestBody } from '../../../protocol/wire/sync.ts';
import { bucketOf } from '../../core/desired/digest.ts';
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
      return link.encode('versions', versionsOfBuckets(replica, asked));
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
export function versionsOfKeys(replica: SyncedReplica, keys: readonly ObjectKey[]): ReplicaVersion[] {
  return keys.map((key) => replica.bucket(bucketOf(key)).find((version) => version.key === key) ?? { key, life: 0, buried: 0, heads: [] });
}

async function answerDigest(replica: SyncedReplica, from: string, link: PeerLink, body: Fields): Promise<DigestBody> {
  const theirs = link.counting(() => digestOf(body));
  await replica.raiseFloor(theirs.floor);
  const digest = replica.digest();
  digest.forEach((hash, bucket) => {
    if (hash !== theirs.digest[bucket]) return;
    replica.acknowledgeBucket(from, bucket);
    if (theirs.epochs === true) replica.reportBucket(from, bucket);
  });
  return { digest, floor: replica.floor(), epochs: true };
}

function versionsOfBuckets(replica: SyncedReplica, asked: readonly number[]): Fields {
  const covered: number[] = [];
  const versions: ReplicaVersion[] = [];
  for (const bucket of asked) {
    const held = replica.bucket(bucket);
    if (covered.length > 0 && versions.length + held.length > MAX_VERSIONS) break;
    covered.push(bucket);
    versions.push(...held.slice(0, MAX_VERSIONS));
  }
  return { buckets: covered, versions: versionsBody(versions) };
}
