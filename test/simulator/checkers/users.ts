import type { Mutation, ReplicaChange } from '../../../protocol/desired.ts';
import type { KubeObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import { Violation } from '../checker.ts';
import { diskHolds } from './disk.ts';
import type { Acknowledged, Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/** What a user made is there, until a user deletes it, or what it belongs to. */
export class EventuallyWhatWasMadeIsThere implements Checker {
  readonly name = 'eventuallyWhatWasMadeIsThere';
  private readonly made = new Map<ObjectKey, { object: StoredObject; holders: readonly SimHost[] }>();
  /** Keys that somebody asked to be deleted, with success or without. */
  private readonly deleted = new Set<ObjectKey>();
  /** Where pods were bound last. */
  private readonly nodes = new Map<ObjectKey, string>();

  onBoot(_host: SimHost, { peer, replica }: SimDaemon): void {
    replica.onChanged((changes) => {
      for (const { key, after } of changes) {
        const node = after?.object.kith?.binding?.node;
        if (node !== undefined) this.nodes.set(key, node);
      }
    });
    const write = peer.writer.write.bind(peer.writer);
    peer.writer.write = (mutations) => {
      for (const mutation of mutations) if (isDeletion(mutation)) this.deleted.add(mutation.key);
      return write(mutations);
    };
  }

  onAcknowledged(_host: SimHost, { mutations, objects, warnings }: Acknowledged, world: SimWorld): void {
    if (warnings.length > 0) return;
    for (const [index, mutation] of mutations.entries()) {
      const { resource } = parseObjectKey(mutation.key);
      const written = objects[index];
      if (mutation.type !== 'create' || written === undefined || resource.endsWith('.kith.dev') || resource === 'nodes') continue;
      const holders = world.hosts.filter(({ disk }) => diskHolds(world.documents, disk, written));
      this.made.set(mutation.key, { object: mutation.object, holders });
    }
  }

  missing(world: SimWorld): string | undefined {
    const up = world.running().filter(({ isGone }) => !isGone);
    for (const [key, { object, holders }] of this.made) {
      // A removed host that does not know it yet, and whom it let in: what only they have goes with them.
      if (holders.every(({ isGone }) => isGone)) continue;
      if (this.deleted.has(key) || this.ownersOf(key, object).some((owner) => this.deleted.has(owner))) continue;
      // Who removes a host from the cluster removes the pods on it.
      if (world.hosts.some(({ node, isGone }) => isGone && node === this.nodes.get(key))) continue;
      const without = up.find(({ daemon }) => daemon.replica.get(key) === undefined);
      if (without !== undefined) return `${key} was made, nobody deleted it, and ${without.node} does not have it`;
    }
    return undefined;
  }

  private ownersOf(key: ObjectKey, { metadata }: StoredObject): ObjectKey[] {
    const { namespace } = parseObjectKey(key);
    return (metadata.ownerReferences ?? []).map(({ kind, name }) =>
      objectKey(
        kind === 'ReplicaSet' ? 'replicasets.apps' : kind === 'Deployment' ? 'deployments.apps' : 'replicationcontrollers',
        namespace,
        name,
      ),
    );
  }
}

function isDeletion(mutation: Mutation): boolean {
  return mutation.type === 'bury' || (mutation.type === 'update' && mutation.next.metadata.deletionTimestamp !== undefined);
}

/** Events are made at once; they are looked for a little later. */
const TOLD_WITHIN_MS = 3_000;

interface Expected {
  host: SimHost;
  daemon: SimDaemon;
  key: ObjectKey;
  reason: string;
  dueAt: number;
}

/** What a merge decided against somebody is told in an Event. */
export class AnytimeConflictsAreTold implements Checker {
  readonly name = 'anytimeConflictsAreTold';
  private expected: Expected[] = [];

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    daemon.replica.onChanged((changes) => {
      for (const change of changes) {
        const reason = reasonToTell(change, daemon);
        if (reason !== undefined)
          this.expected.push({ host, daemon, key: change.key, reason, dueAt: world.clock.monotonic() + TOLD_WITHIN_MS });
      }
    });
  }

  onTick(world: SimWorld): void {
    const now = world.clock.monotonic();
    // Who does not lead any more may have left it to the one that does.
    this.expected = this.expected.filter(
      ({ host, daemon, reason }) =>
        host.daemon === daemon && (reason === LOST || reason === TOO_OLD || daemon.peer.view.leader.isSelf) && !daemon.clock['frozen'],
    );
    for (const { daemon, host, key, reason, dueAt } of this.expected) {
      if (now < dueAt) continue;
      const { name } = parseObjectKey(key);
      const isTold = daemon.peer.objects.list('events').items.some((event) => isAbout(event, reason, name));
      if (!isTold) throw new Violation(this.name, `${host.node} decided a conflict about ${key}, and there is no Event ${reason} of it`);
    }
    this.expected = this.expected.filter(({ dueAt }) => now < dueAt);
  }
}

/** Of what is set aside, since it does not validate. */
export const QUARANTINED = 'Quarantined';
const LOST = 'EditsDeleted';
const TOO_OLD = 'EditsTooOld';

function reasonToTell({ key, before, after, lost, invalid }: ReplicaChange, { peer }: SimDaemon): string | undefined {
  const isControlled = before?.object.metadata.ownerReferences?.some(({ controller }) => controller === true) === true;
  if (before !== undefined && lost !== undefined && !isControlled && !parseObjectKey(key).resource.endsWith('.kith.dev'))
    return after === undefined ? LOST : TOO_OLD;
  if (peer.view.leader.isSelf && invalid !== undefined) return QUARANTINED;
  if (!peer.view.leader.isSelf || after === undefined) return undefined;
  const known = new Set((before?.conflicts ?? []).map((conflict) => JSON.stringify(conflict)));
  const isNew = after.conflicts.some((conflict) => !conflict.path.startsWith('/kith/') && !known.has(JSON.stringify(conflict)));
  return isNew ? 'ConflictDecided' : undefined;
}

export function isAbout(event: KubeObject, reason: string, name: string): boolean {
  const { involvedObject, ...rest } = event as KubeObject & { reason?: string; involvedObject?: { name?: string } };
  return rest.reason === reason && involvedObject?.name === name;
}
