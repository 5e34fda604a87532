import { KithError } from '../../protocol/errors.ts';
import type { MountRequest, PodVolume, ResolvedMounts, VolumeStore } from '../../daemon/ports/volumes.ts';

/** Volumes that nobody writes to. */
export class MemoryVolumes implements VolumeStore {
  readonly pods = new Map<string, readonly PodVolume[]>();
  /** How often a pod's volumes were written. */
  writes = 0;

  /** How long it takes to write them, whatever is given up meanwhile. */
  slow: () => Promise<void> = async () => undefined;

  async prepare(podUid: string, volumes: readonly PodVolume[]): Promise<void> {
    this.writes += 1;
    await this.slow();
    this.pods.set(podUid, volumes);
  }

  /** Parts of volumes that lead out of them. */
  readonly holes = new Set<string>();

  async resolve(podUid: string, _volumes: readonly PodVolume[], mounts: readonly MountRequest[]): Promise<ResolvedMounts> {
    const hole = mounts.find(({ subPath }) => this.holes.has(subPath));
    if (hole !== undefined) throw new KithError('SubPathFailed', `failed to prepare subPath for volumeMount "${hole.volume}"`);
    const resolved = mounts.map(({ volume, mountPath, readOnly, propagation, subPath }) => {
      const hostPath = ['/pods', podUid, volume, subPath].filter((step) => step !== '').join('/');
      return { hostPath, mountPath, readOnly, propagation };
    });
    return { mounts: resolved, release: async () => undefined };
  }

  /** How long it takes to remove them, likewise. */
  slowRemoval: () => Promise<void> = async () => undefined;

  async remove(podUid: string): Promise<void> {
    await this.slowRemoval();
    this.pods.delete(podUid);
  }

  readonly removedLocal: string[] = [];

  async removeLocal(volume: string): Promise<void> {
    this.removedLocal.push(volume);
  }

  async podUids(): Promise<string[]> {
    return [...this.pods.keys()];
  }

  /** Texts of the files of a volume. */
  files(podUid: string, name: string): Record<string, string> | undefined {
    const volume = this.pods.get(podUid)?.find((candidate) => candidate.name === name);
    if (volume?.kind !== 'files') return undefined;
    return Object.fromEntries(volume.files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
  }
}
