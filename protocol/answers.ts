/** Answers of Kith's own endpoints below `/kith.dev/v1/`, shared by the daemon and the command. */

/** `GET /kith.dev/v1/peers` */
export interface PeersAnswer {
  cluster: string;
  /** Peer id of the one that answers. */
  self: string;
  leader: { peer: string; term: number };
  /** Whether this peer has proved that it holds the whole desired state. */
  complete: boolean;
  /** Whether it knows that it was removed from the cluster. */
  removed: boolean;
  peers: PeerRow[];
  /** Who votes on what runs at most once, as this peer knows it. */
  electorate?: { version: number; members: readonly string[] };
}

export interface PeerRow {
  peer: string;
  node: string;
  state: 'alive' | 'suspected' | 'dead';
  /** Milliseconds it has been so, by the answering peer's clock. */
  forMs: number;
  connected: boolean;
  roundTripMs?: number;
  leader: boolean;
  /** Keys whose content here and there differed when last compared; undefined while not compared yet. */
  behind?: number;
  addresses: string[];
  version?: string;
  incarnation: number;
}

/** `GET /kith.dev/v1/conflicts` */
export interface ConflictsAnswer {
  conflicts: ConflictRow[];
  /** Objects that do not validate: they are kept, but nothing acts on them. */
  quarantined: { key: string; reason: string }[];
}
export interface ConflictRow {
  /** `pods/default/web` */
  key: string;
  /** JSON pointer of the merge unit. */
  path: string;
  winner: unknown;
  losers: unknown[];
}

/** `GET /kith.dev/v1/digest`, with `?objects=true` for the hash of each. Equal digests mean equal desired state, byte by byte. */
export interface DigestAnswer {
  /** SHA-256 over all keys and the canonical JSON of their objects, in the order of the keys. */
  digest: string;
  count: number;
  /** SHA-256 of each object's canonical JSON, by key. */
  objects?: Record<string, string>;
}

/** `GET /kith.dev/v1/sizes`: what the desired state takes at the peer that answers. */
export interface SizesAnswer {
  objects: number;
  /** Graves that are remembered. */
  tombstones: number;
  /** All documents, as saved. */
  documentBytes: number;
  /** Changes in the histories of all documents. */
  changes: number;
  /** The documents with the longest histories, these first. */
  longest: DocumentSize[];
}
export interface DocumentSize {
  key: string;
  bytes: number;
  changes: number;
  /** How often its history was cut. */
  cuts: number;
}

/** `GET /kith.dev/v1/manifests` */
export interface ManifestsAnswer {
  folder: string | undefined;
  files: ManifestFileRow[];
}
export interface ManifestFileRow {
  file: string;
  state: 'applied' | 'failed' | 'waiting';
  message: string;
  objects: string[];
}

/** `POST /kith.dev/v1/tokens` */
export interface TokenRequest {
  ttlSeconds?: number;
}
export interface TokenAnswer {
  token: string;
  /** RFC 3339. */
  expiresAt: string;
}

/** `POST /kith.dev/v1/users`: answered with a kubeconfig. */
export interface UserRequest {
  name: string;
  groups?: string[];
  credential?: 'certificate' | 'token';
}

/** `GET /version`: Kubernetes' form, with ours added. */
export interface VersionAnswer {
  gitVersion: string;
  kith: string;
  wire: number;
}
