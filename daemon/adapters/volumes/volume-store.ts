/**
 * Volumes as files of this host: `DATA/UID/volumes/NAME`, and below /dev/shm what is to be in memory (Secrets, emptyDir of medium Memory), so that it never
 * reaches a disk. Neither needs root. It must never follow what a container may have put into a volume.
 */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Mount, MountRequest, PodVolume, ResolvedMounts, VolumeOwner, VolumeStore } from '../../ports/volumes.ts';
import { writeAtomically } from './atomic-files.ts';
import { HostPaths } from './host-path.ts';
import type { HostMounts } from './host-mounts.ts';
import { type Inside, openInside } from './inside.ts';
import { run } from '../system/run.ts';

export interface FolderVolumesOptions {
  /** Of our own, on a file system that the engine sees. */
  dataDir: string;
  /** Where volumes are that outlive pods. Default: `dataDir`/../volumes. */
  localDir?: string;
  /** A folder in memory that every program of this host sees. Default: /dev/shm; without it all is on disk. */
  memoryDir?: string;
  /** For a runtime that mounts by name, and not by open files. */
  mounts?: HostMounts;
}

/** Names of PersistentVolumes that Kith makes. */
const LOCAL = /^pvc-[0-9a-f-]{36}$/;
const UID = /^[A-Za-z0-9-]{1,64}$/;
/** Upstream's permissions of an emptyDir: any user of the container may write. */
const EMPTY_MODE = 0o777;
const SET_GROUP_ID = 0o2000;

/** Where the volumes in memory of a daemon's pods are. */
export function memoryFolder(dataDir: string, memoryDir = '/dev/shm'): string {
  return join(memoryDir, `kith-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`);
}

export class FolderVolumes implements VolumeStore {
  readonly #log: Log;
  readonly #disk: string;
  readonly #memory: string;
  readonly #local: string;
  readonly #memoryDir: string;
  readonly #mounts: HostMounts | undefined;
  readonly #hostPaths: HostPaths;
  #hasMemory: Promise<boolean> | undefined;

  constructor(deps: { log: Log; hostPaths?: HostPaths }, options: FolderVolumesOptions) {
    const { dataDir, memoryDir = '/dev/shm', localDir = join(dirname(dataDir), 'volumes'), mounts } = options;
    this.#log = deps.log;
    this.#hostPaths = deps.hostPaths ?? new HostPaths({ run });
    this.#mounts = mounts;
    this.#disk = dataDir;
    this.#local = localDir;
    this.#memoryDir = memoryDir;
    this.#memory = memoryFolder(dataDir, memoryDir);
  }

  async prepare(podUid: string, volumes: readonly PodVolume[], { fsGroup }: VolumeOwner, signal?: AbortSignal): Promise<void> {
    for (const volume of volumes) {
      signal?.throwIfAborted();
      try {
        await this.#prepareOne(podUid, volume, mayChangeOwner() ? fsGroup : undefined);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new KithError('VolumeFailed', `MountVolume.SetUp failed for volume "${volume.name}" : ${why}`, {}, { cause: error });
      }
    }
  }

  async #prepareOne(podUid: string, volume: PodVolume, group: number | undefined): Promise<void> {
    if (volume.kind === 'hostPath') return this.#hostPaths.check(volume.path, volume.type);
    const folder = await this.#folderOf(podUid, volume);
    if (volume.kind === 'files') {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o755);
      return writeAtomically(folder, volume.files, group);
    }
    if ((await stat(folder).catch(() => undefined)) !== undefined) return;
    if (volume.kind === 'emptyDir' && volume.inMemory && volume.limitBytes !== undefined)
      return this.#inMemory(folder, volume.limitBytes, group);
    // A folder that is there is taken for whole: it gets its name last.
    const draft = `${folder}.new`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await openToPod(draft, group);
    await rename(draft, folder);
  }

  /** What is mounted on can not be renamed: it goes again where that fails. */
  async #inMemory(folder: string, bytes: number, group: number | undefined): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      await this.#mounts?.memory(folder, bytes);
    } catch (error) {
      await rmdir(folder).catch(() => undefined);
      throw error;
    }
    await openToPod(folder, group);
  }

  async resolve(podUid: string, volumes: readonly PodVolume[], mounts: readonly MountRequest[]): Promise<ResolvedMounts> {
    const opened: Inside[] = [];
    const writable: { inside: Inside; mount: Mount }[] = [];
    let forget = async (): Promise<void> => undefined;
    const release = async (): Promise<void> => {
      await Promise.all(opened.splice(0).map((inside) => inside.close()));
      await forget();
    };
    try {
      const resolved: Mount[] = [];
      for (const request of mounts) {
        const { volume: name, subPath, mountPath, readOnly, propagation, optional } = request;
        const volume = volumes.find((candidate) => candidate.name === name);
        if (volume === undefined) throw new KithError('VolumeFailed', `there is no volume "${name}"`);
        const mount: Mount = {
          hostPath: volume.kind === 'hostPath' ? volume.path : await this.#folderOf(podUid, volume),
          mountPath,
          readOnly: readOnly || volume.kind === 'files' || (volume.kind === 'local' && volume.readOnly),
          propagation,
          ...(optional === undefined ? {} : { optional }),
        };
        resolved.push(mount);
        if (subPath === '') continue;
        // Behind a part of it there may be what does not answer.
        if (volume.kind === 'hostPath') await this.#hostPaths.kindOf(join(volume.path, subPath));
        const inside = await partOf(request, mount.hostPath, { create: volume.kind !== 'files' });
        opened.push(inside);
        // What only we write to can't be exchanged meanwhile: its path is as good as what is open, and leads to the files that are there also when they have changed.
        mount.hostPath = volume.kind === 'files' ? join(mount.hostPath, subPath) : inside.path;
        if (volume.kind !== 'files') writable.push({ inside, mount });
      }
      if (this.#mounts !== undefined && writable.length > 0) {
        const named = await this.#mounts.name(writable.map(({ inside }) => inside));
        forget = named.release;
        for (const [index, { mount }] of writable.entries()) mount.hostPath = named.paths[index]!;
      }
      return { mounts: resolved, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async remove(podUid: string): Promise<void> {
    await this.#mounts?.clear(join(this.#memory, checked(podUid), 'volumes'));
    for (const root of [this.#disk, this.#memory]) {
      await rm(join(root, checked(podUid)), { recursive: true, force: true, maxRetries: 3 });
    }
    // Gone once it is empty.
    await rmdir(this.#memory).catch(() => undefined);
  }

  /** Links in it are removed, not followed. */
  async removeLocal(volume: string): Promise<void> {
    await rm(this.#localFolder(volume), { recursive: true, force: true, maxRetries: 3 });
  }

  #localFolder(volume: string): string {
    if (!LOCAL.test(volume)) throw new KithError('VolumeFailed', `"${volume}" is no local volume`);
    return join(this.#local, volume);
  }

  async podUids(): Promise<string[]> {
    const found = await Promise.all([this.#disk, this.#memory].map(async (root) => readdir(root).catch(() => [])));
    return [...new Set(found.flat())].filter((name) => UID.test(name));
  }

  async #folderOf(podUid: string, volume: PodVolume): Promise<string> {
    if (volume.kind === 'local') return this.#localFolder(volume.volume);
    const inMemory = (volume.kind === 'emptyDir' && volume.inMemory) || (volume.kind === 'files' && volume.isSecret);
    const root = inMemory && (await this.#memoryIsThere()) ? this.#memory : this.#disk;
    return join(root, checked(podUid), 'volumes', volume.name);
  }

  async #memoryIsThere(): Promise<boolean> {
    this.#hasMemory ??= mkdir(this.#memory, { recursive: true, mode: 0o700 }).then(
      () => true,
      (error: unknown) => {
        this.#log.warn('Volumes that are to be in memory are on disk: nothing can be written there', { folder: this.#memoryDir, error });
        return false;
      },
    );
    return this.#hasMemory;
  }
}

/** @throws KithError `SubPathFailed`, in kubelet's words and with the reason, which upstream has in its log only */
async function partOf({ volume, container, subPath }: MountRequest, root: string, options: { create: boolean }): Promise<Inside> {
  try {
    return await openInside(root, subPath, options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KithError(
      'SubPathFailed',
      `failed to prepare subPath for volumeMount "${volume}" of container "${container}": ${why}`,
      {},
      { cause: error },
    );
  }
}

async function openToPod(folder: string, group: number | undefined): Promise<void> {
  if (group !== undefined) await chown(folder, -1, group);
  await chmod(folder, group === undefined ? EMPTY_MODE : EMPTY_MODE | SET_GROUP_ID);
}

function checked(podUid: string): string {
  if (!UID.test(podUid)) throw new KithError('VolumeFailed', `"${podUid}" is no pod uid`);
  return podUid;
}

function mayChangeOwner(): boolean {
  return process.getuid?.() === 0;
}
