import type { ChangeEnvelope, ReplicaVersion } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { changesBody, changesOf, fittingVersions } from '../../../protocol/wire/changes.ts';
import { MAX_BUCKETS_ASKED, SYNC_CHUNK_BYTES } from '../../../protocol/wire/limits.ts';
import { bucketsBody, digestBody, digestOf, mergedOf, pullBody, versionsAnswerOf } from '../../../protocol/wire/sync.ts';
import type { BucketsBody } from '../../../protocol/wire/sync.ts';
import { bucketOf } from '../../core/desired/digest.ts';
import { planSync } from '../../core/desired/sync.ts';
import type { SyncedReplica } from '../../ports/replica.ts';
import type { PeerLink } from './peer-link.ts';

/** Keys asked for, or offered, at once. */
const KEYS_AT_ONCE = 500;

export interface SyncPass {
  /** Both held the same when they compared. */
  equal: boolean;
  /** We lack nothing that the other held when the session began. */
  complete: boolean;
  /** The other says that it holds the whole desired state. */
  otherIsComplete: boolean;
  /** Keys that differed. */
  differing: number;
  /** Documents and graves that went either way. */
  moved: number;
}

/** What the other has listed. */
interface Listed {
  buckets: ReadonlySet<number>;
  versions: readonly ReplicaVersion[];
  /** See `VersionsBody`. */
  upTo: ObjectKey | undefined;
  /** Whether it has listed the key, or does not hold it. */
  covers(key: ObjectKey): boolean;
}

/**
 * This peer's side of anti-entropy with one other. A pass compares digests, then the versions of the buckets that differ, pulls what the other has more and
 * pushes what we have more, in messages of bounded size. Documents that were too large for one message need a further pass.
 */
export class SyncSession {
  /** Monotonic ms. */
  readonly begunAt: number;
  private readonly replica: SyncedReplica;
  private readonly link: PeerLink;
  private readonly peer: string;
  /** Keys whose changes we refused: asking again would bring the same. */
  private readonly refused = new Set<ObjectKey>();
  /** Buckets in which we hold all that the other held at some moment of this session. */
  private readonly complete = new Set<number>();
  /** Graves of ours that the other holds, as far as this pass has seen. */
  private heldGraves: ReplicaVersion[] = [];
  /** The other takes documents whose history was cut. */
  private takesEpochs = false;

  constructor(deps: { replica: SyncedReplica; link: PeerLink }, options: { peer: string; begunAt: number }) {
    this.replica = deps.replica;
    this.link = deps.link;
    this.peer = options.peer;
    this.begunAt = options.begunAt;
  }

  async pass(signal: AbortSignal): Promise<SyncPass> {
    this.heldGraves = [];
    const { differing: buckets, otherIsComplete } = await this.compareDigests(signal);
    let [differing, moved] = [0, 0];
    const unproven = new Set<number>();
    for (let start = 0; start < buckets.length; start += MAX_BUCKETS_ASKED) {
      let asked: BucketsBody = { buckets: buckets.slice(start, start + MAX_BUCKETS_ASKED) };
      while (asked.buckets.length > 0) {
        const synced = await this.syncBuckets(asked, unproven, signal);
        differing += synced.differing;
        moved += synced.moved;
        asked = synced.rest;
      }
    }
    // Not before: a member that it knew of and we did not is here by now. That one may lack what it missed.
    this.replica.acknowledgeGraves(this.peer, this.heldGraves);
    return {
      equal: buckets.length === 0,
      complete: buckets.every((bucket) => this.complete.has(bucket)),
      otherIsComplete,
      differing,
      moved,
    };
  }

  private async compareDigests(signal: AbortSignal): Promise<{ differing: number[]; otherIsComplete: boolean }> {
    const own = { digest: this.replica.digest(), floor: this.replica.floor(), epochs: true };
    const body = await this.link.ask(this.peer, 'sync', { kind: 'digest', body: digestBody(own), answer: 'digest' }, signal);
    const { digest, floor, complete, epochs } = this.link.counting(() => digestOf(body));
    await this.replica.raiseFloor(floor);
    this.takesEpochs = epochs === true;
    // Ours as it is now: what was merged meanwhile is in both.
    const differing: number[] = [];
    this.replica.digest().forEach((hash, bucket) => {
      if (hash !== digest[bucket]) return void differing.push(bucket);
      this.complete.add(bucket);
      this.heldGraves.push(...this.replica.openGraves(bucket));
      if (this.takesEpochs) this.replica.reportBucket(this.peer, bucket);
    });
    return { differing, otherIsComplete: complete === true };
  }

  /**
   * Syncs what the other lists of the buckets.
   * @param unproven buckets in which something was taken in this pass, of which there may be more
   */
  private async syncBuckets(
    asked: BucketsBody,
    unproven: Set<number>,
    signal: AbortSignal,
  ): Promise<{ rest: BucketsBody; differing: number; moved: number }> {
    const listed = await this.askVersions(asked, signal);
    const plan = planSync(
      [...listed.buckets].flatMap((bucket) => this.replica.bucket(bucket).filter(({ key }) => listed.covers(key))),
      listed.versions,
    );
    this.heldGraves.push(...plan.acknowledged);
    if (this.takesEpochs) this.replica.reportVersions(this.peer, listed.versions);
    await this.replica.settleGraves(plan.settled);
    const taken = await this.pull(
      plan.pull.filter(({ key }) => !this.refused.has(key)),
      signal,
    );
    for (const key of taken) if (!this.refused.has(key)) unproven.add(bucketOf(key));
    const done = [...listed.buckets].filter(() => listed.upTo === undefined);
    for (const bucket of done) if (!unproven.has(bucket)) this.complete.add(bucket);
    const differing = new Set([...plan.pull, ...plan.push].map(({ key }) => key)).size;
    const rest = { buckets: asked.buckets.filter((bucket) => !done.includes(bucket)), after: listed.upTo };
    return { rest, differing, moved: taken.size + (await this.push(plan.push, signal)) };
  }

  /** What the other holds of the first of the buckets. @throws KithError also when it lists nothing of them */
  private async askVersions(asked: BucketsBody, signal: AbortSignal): Promise<Listed> {
    const body = await this.link.ask(this.peer, 'sync', { kind: 'buckets', body: bucketsBody(asked), answer: 'versions' }, signal);
    const { buckets: told, versions, upTo } = this.link.counting(() => versionsAnswerOf(body));
    const [first] = asked.buckets;
    const buckets = new Set(told.filter((bucket) => (upTo === undefined ? asked.buckets.includes(bucket) : bucket === first)));
    const isStuck = upTo !== undefined && asked.after !== undefined && upTo <= asked.after;
    if (buckets.size === 0 || isStuck) throw new KithError('WireInvalid', `${this.peer} answered for none of what it was asked for`);
    const covers = (key: ObjectKey): boolean => {
      const bucket = bucketOf(key);
      if (!buckets.has(bucket) || (upTo !== undefined && key > upTo)) return false;
      return bucket !== first || asked.after === undefined || key > asked.after;
    };
    return { buckets, versions: versions.filter(({ key }) => covers(key)), upTo, covers };
  }

  /** @returns the keys of which the other sent something */
  async pull(wanted: readonly ReplicaVersion[], signal: AbortSignal): Promise<Set<ObjectKey>> {
    const taken = new Set<ObjectKey>();
    for (let rest = wanted; rest.length > 0;) {
      const have = rest.slice(0, fittingVersions(rest, KEYS_AT_ONCE));
      const body = await this.link.ask(this.peer, 'sync', { kind: 'pull', body: pullBody(have), answer: 'changes' }, signal);
      const envelope = this.link.counting(() => changesOf(body));
      const keys = keysOf(envelope);
      const result = await this.replica.merge(envelope);
      for (const { key } of result.refused) this.refused.add(key);
      for (const key of keys) taken.add(key);
      rest = rest.slice(answered(have, keys));
    }
    return taken;
  }

  /** @returns how many documents and graves were sent */
  private async push(wanted: readonly ReplicaVersion[], signal: AbortSignal): Promise<number> {
    let sent = 0;
    for (let rest = wanted; rest.length > 0;) {
      const have = rest.slice(0, KEYS_AT_ONCE);
      const envelope = await this.replica.changesSince(have, SYNC_CHUNK_BYTES);
      const keys = keysOf(envelope);
      if (keys.size > 0) {
        const body = await this.link.ask(this.peer, 'sync', { kind: 'changes', body: changesBody(envelope), answer: 'merged' }, signal);
        this.link.counting(() => mergedOf(body));
        sent += keys.size;
      }
      rest = rest.slice(answered(have, keys));
    }
    return sent;
  }
}

function keysOf(envelope: ChangeEnvelope): Set<ObjectKey> {
  return new Set([...envelope.changes, ...envelope.tombstones].map(({ key }) => key));
}

/** Answers go through the list in order until they are full: what comes before the last key of an answer and is not in it has nothing new. */
function answered(have: readonly ReplicaVersion[], keys: ReadonlySet<ObjectKey>): number {
  const last = have.findLastIndex(({ key }) => keys.has(key));
  return last < 0 ? have.length : last + 1;
}
