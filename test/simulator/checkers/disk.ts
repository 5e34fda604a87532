import type { Documents, RewrittenEpoch } from '../../../daemon/ports/documents.ts';
import { readRecordDocument, readRecordJson } from '../../../daemon/peer/replica/record.ts';
import { objectRecordKey } from '../../../daemon/peer/replica/disk.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { Violation } from '../checker.ts';
import type { Acknowledged, Checker } from '../checker.ts';
import type { SimDisk } from '../disk.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

import { CLUSTER } from '../cluster.ts';

/** Whether the disk holds the write that made these heads of the life, or a later life, or its grave. */
export function diskHolds(
  documents: Documents,
  disk: SimDisk,
  { key, life, heads }: Pick<DesiredObject, 'key' | 'life' | 'heads'>,
): boolean {
  if (diskBuries(disk, key, life)) return true;
  const record = disk.records.get(objectRecordKey(key));
  if (record === undefined) return false;
  if ((readRecordJson(record) as { life: number }).life !== life) return (readRecordJson(record) as { life: number }).life > life;
  const saved = readRecordDocument(record);
  const { epoch } = readRecordJson(record) as { epoch?: RewrittenEpoch };
  const identity = { clusterId: CLUSTER, key, life, epoch };
  // Cut off since; `checkers/words.ts` looks at what the state has of it.
  if (epoch !== undefined && documents.readAt(saved, heads) === undefined) return true;
  return heads.every((head) => documents.changesSince(identity, saved, [head], Infinity).document === undefined);
}

/** Whether the disk says that the life is deleted. */
export function diskBuries(disk: SimDisk, key: ObjectKey, life: number): boolean {
  const grave = disk.records.get(`replica/t/${key}`);
  if (grave !== undefined && (readRecordJson(grave) as { life: number }).life >= life) return true;
  const record = disk.records.get(objectRecordKey(key));
  return record !== undefined && (readRecordJson(record) as { life: number }).life > life;
}

/** Nothing is gossiped or pushed before it is on the writer's own disk. */
export class AnytimeToldAfterDisk implements Checker {
  readonly name = 'anytimeToldAfterDisk';

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onWritten(({ changes, tombstones }) =>
      world.guard(() => {
        for (const { key, life } of tombstones) {
          if (!diskBuries(host.disk, key, life))
            throw new Violation(this.name, `${host.node} tells that ${key} is deleted, and has no grave of it on disk`);
        }
        for (const { key, life } of changes) {
          const heads = replica.get(key)?.heads ?? [];
          if (!diskHolds(world.documents, host.disk, { key, life, heads }))
            throw new Violation(this.name, `${host.node} tells of a change of ${key} that is not on its disk`);
        }
      }),
    );
  }
}

/** For so long an answer may be on its way, and be written down where it comes to. */
const ANSWER_MS = 1_000;

/** What was acknowledged without a warning is at that moment on the disks of two members, and in the end at all. */
export class AnytimeAcknowledgedIsKept implements Checker {
  readonly name = 'anytimeAcknowledgedIsKept';
  /** Graves seen anywhere: they may have been forgotten since. */
  private readonly buried = new Map<ObjectKey, number>();
  private readonly kept: { host: string; object: DesiredObject; isBurial: boolean; holders: readonly SimHost[] }[] = [];

  onBoot(_host: SimHost, { replica }: SimDaemon): void {
    replica.onChanged((changes) => {
      for (const { key } of changes) this.buried.set(key, Math.max(replica.buriedLife(key), this.buried.get(key) ?? 0));
    });
  }

  onAcknowledged(host: SimHost, { mutations, objects, warnings }: Acknowledged, world: SimWorld): void {
    if (warnings.length > 0 || (host.daemon?.peer.view.membersKnown ?? 1) <= 1) return;
    for (const [index, object] of objects.entries()) {
      const isBurial = mutations[index]?.type === 'bury';
      const holders = world.hosts.filter(({ disk }) =>
        isBurial ? diskBuries(disk, object.key, object.life) : diskHolds(world.documents, disk, object),
      );
      // Who said so has lost its disk since, which is the one that may be: its word was on the way.
      const hasLost = world.hosts.some((other) => other !== host && world.clock.monotonic() - other.lostAt < ANSWER_MS);
      if (holders.length === 1 && hasLost) continue;
      if (holders.length < 2) {
        const where = holders.map(({ node }) => node).join();
        throw new Violation(
          this.name,
          `${object.key}: acknowledged by ${host.node} without a warning, and only on the disk of ${where || 'nobody'}`,
        );
      }
      this.kept.push({ host: host.node, object, isBurial, holders });
    }
  }

  atRest(world: SimWorld): void {
    const lasting = world.lasting();
    for (const { host, object, isBurial, holders } of this.kept) {
      // A removed host that does not know it yet, and whom it let in: they are members to each other, and what only they have goes with them.
      if (holders.every(({ isGone }) => isGone)) continue;
      // A later burial stands for all that was written before; who joined after all others held it never hears of it.
      if ((this.buried.get(object.key) ?? 0) >= object.life) continue;
      const without = isBurial ? lasting[0] : lasting.find(({ disk }) => !diskHolds(world.documents, disk, object));
      if (without === undefined) continue;
      const what = isBurial ? 'its deletion' : `its change ${object.heads.join().slice(0, 8)}`;
      throw new Violation(
        this.name,
        `${object.key}: ${what} was acknowledged by ${host} without a warning, and ${without.node} does not have it`,
      );
    }
  }
}

/** A key's lives only ever grow: at one disk, and in the end everywhere. */
export class AnytimeNothingDeletedReturns implements Checker {
  readonly name = 'anytimeNothingDeletedReturns';
  private readonly graves = new Map<SimHost, { losses: number; lives: Map<ObjectKey, number> }>();

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    let known = this.graves.get(host);
    if (known === undefined || known.losses !== host.losses) this.graves.set(host, (known = { losses: host.losses, lives: new Map() }));
    const { lives } = known;
    for (const { key, life } of replica.all()) this.look(host, key, life, lives);
    replica.onChanged((changes) => {
      // One batch may bring a life and its end.
      for (const { key, after } of changes) if (after !== undefined) world.guard(() => this.look(host, key, after.life, lives));
      for (const { key } of changes) lives.set(key, Math.max(replica.buriedLife(key), lives.get(key) ?? 0));
    });
  }

  atRest(world: SimWorld): void {
    for (const host of world.lasting()) {
      for (const { key, life } of host.daemon?.replica.all() ?? []) {
        for (const [other, { lives }] of this.graves) if (!other.isGone) this.look(host, key, life, lives, other.node);
      }
    }
  }

  private look(host: SimHost, key: ObjectKey, life: number, lives: ReadonlyMap<ObjectKey, number>, where = host.node): void {
    const buried = lives.get(key) ?? 0;
    if (life <= buried)
      throw new Violation(this.name, `${key}: life ${life} is at ${host.node}, and life ${buried} was deleted at ${where}`);
  }
}
