/** Keeps pods' volumes on this host, below a folder of our own. The same for every runtime: what a container is given is a path of the host. */
export interface VolumeStore {
  /**
   * Makes the volumes that are not there, and brings files up to date, all of one volume at once. Harmless when repeated.
   * @throws KithError `VolumeFailed`, in kubelet's words
   */
  prepare(podUid: string, volumes: readonly PodVolume[], owner: VolumeOwner, signal?: AbortSignal): Promise<void>;
  /**
   * Paths of the host for the mounts of a container, held until `release`. A `subPath` is found without following what leads out of its volume, and made where it
   * is missing and may be.
   * @throws KithError `VolumeFailed`; `SubPathFailed` when it is the part that one container wants
   */
  resolve(podUid: string, volumes: readonly PodVolume[], mounts: readonly MountRequest[]): Promise<ResolvedMounts>;
  /** Removes all of a pod but what outlives it. Not an error if nothing is there. */
  remove(podUid: string): Promise<void>;
  /** Removes what a volume of this node holds (`local`), for good. Not an error if nothing is there. */
  removeLocal(volume: string): Promise<void>;
  /** Pods of which there is anything. */
  podUids(): Promise<string[]>;
}

export type PodVolume = { name: string } &
  /** In memory it holds `limitBytes` at most, where this host can see to it. */
  (
    | { kind: 'emptyDir'; inMemory: boolean; limitBytes?: number }
    | { kind: 'hostPath'; path: string; type: string }
    /** Storage of this node that outlives its pods, by the name of its PersistentVolume. */
    | { kind: 'local'; volume: string; readOnly: boolean }
    | { kind: 'files'; files: readonly VolumeFile[]; isSecret: boolean }
  );

export interface VolumeFile {
  /** Relative, without `..`. */
  path: string;
  /** Permissions. */
  mode: number;
  bytes: Uint8Array;
}

export interface VolumeOwner {
  /** Group that owns what is made, where this daemon may say so. */
  fsGroup?: number;
}

export interface MountRequest {
  /** Whose it is, for words. */
  container: string;
  volume: string;
  mountPath: string;
  subPath: string;
  readOnly: boolean;
  /** Its container does without it where the runtime can not give it. */
  optional?: true;
  propagation: 'private' | 'rslave' | 'rshared';
}

export interface Mount {
  hostPath: string;
  mountPath: string;
  readOnly: boolean;
  optional?: true;
  propagation: MountRequest['propagation'];
}

export interface ResolvedMounts {
  mounts: Mount[];
  release(): Promise<void>;
}
