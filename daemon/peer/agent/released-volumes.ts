import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { released } from '../../core/controllers/storage/claims.ts';
import type { EventDraft } from '../../core/decisions.ts';
import { claimKeyOfVolume, claimKeysOf, isToBeRemoved, nodeOfVolume, VOLUME_PROTECTION, VOLUMES } from '../../core/storage/claims.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { VolumeStore } from '../../ports/volumes.ts';
import { failure } from './failure.ts';

/** Between tries of a folder that can't be removed. */
const RETRY_MS = 30_000;

export interface ReleasedVolumesDeps {
  volumes: VolumeStore;
  write(mutations: readonly Mutation[]): Promise<unknown>;
  events: { record(draft: EventDraft): void };
  clock: Clock;
  log: Log;
}

/**
 * Removes folders of volumes whose claims are gone. The volume's own node then lets the volume go; any other removes what a pod wrote there while two leaders
 * were of two minds.
 */
export class ReleasedVolumes {
  readonly #deps: ReleasedVolumesDeps;
  /** By uid of the volume: monotonic ms before which it is not tried again. */
  readonly #tried = new Map<string, number>();
  /** Uids of volumes that are being removed: on a disk that hangs that may take for ever. */
  readonly #removing = new Set<string>();

  constructor(deps: ReleasedVolumesDeps) {
    this.#deps = deps;
  }

  /** @param running pods that are here, whatever desired state says of them */
  async remove(view: ClusterView, running: readonly DesiredObject['object'][]): Promise<void> {
    const going = view.complete ? view.list(VOLUMES).filter((volume) => isToBeRemoved(view, volume)) : [];
    for (const uid of [...this.#tried.keys()]) if (!going.some((volume) => volume.uid === uid)) this.#tried.delete(uid);
    if (going.length === 0) return;
    const used = new Set(running.flatMap((object) => claimKeysOf({ object } as DesiredObject)));
    const now = this.#deps.clock.monotonic();
    const due = going.filter((volume) => {
      const claim = claimKeyOfVolume(volume);
      return claim !== undefined && !used.has(claim) && !this.#removing.has(volume.uid) && now >= (this.#tried.get(volume.uid) ?? 0);
    });
    for (const { uid } of due) {
      this.#tried.set(uid, now + RETRY_MS);
      this.#removing.add(uid);
    }
    await Promise.all(due.map(async (volume) => this.#removeOne(view.self.node, volume).finally(() => this.#removing.delete(volume.uid))));
  }

  async #removeOne(node: string, volume: DesiredObject): Promise<void> {
    const { name } = volume.object.metadata;
    try {
      await this.#deps.volumes.removeLocal(name);
    } catch (error) {
      const message = `Folder of the volume could not be removed on ${node}: ${failure(error).message}`;
      this.#deps.events.record({
        about: volume.object,
        type: 'Warning',
        reason: 'VolumeFailedDelete',
        message,
        component: 'kith.dev/local',
      });
      return;
    }
    if (nodeOfVolume(volume) !== node) return;
    try {
      await this.#deps.write(released(volume, VOLUME_PROTECTION, { wall: this.#deps.clock.now() }));
    } catch (error) {
      // Somebody else has ended it, or it is tried again.
      this.#deps.log.debug('A volume whose folder is gone could not be let go', { volume: name, error });
    }
  }
}
