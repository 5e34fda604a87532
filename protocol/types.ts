/**
 * Types of the Kubernetes kinds that Kith serves. Specs and statuses come from `kubernetes-types` (types only, nothing of it runs);
 * our objects differ in that metadata is complete and that there may be a `kith` part.
 */
import type { DeploymentSpec, DeploymentStatus, ReplicaSetSpec, ReplicaSetStatus } from 'kubernetes-types/apps/v1.js';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  EventSource,
  NodeSpec,
  NodeStatus,
  ObjectReference,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ReplicationControllerSpec,
  ReplicationControllerStatus,
} from 'kubernetes-types/core/v1.js';
import type { LabelSelector } from 'kubernetes-types/meta/v1.js';
import type { StoredObject } from './objects.ts';

export type {
  Container,
  ContainerState,
  ContainerStatus,
  DeploymentSpec,
  DeploymentStatus,
  LabelSelector,
  NodeSpec,
  NodeStatus,
  ObjectReference,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ReplicaSetSpec,
  ReplicaSetStatus,
  ReplicationControllerSpec,
  ReplicationControllerStatus,
};

export interface Pod extends StoredObject {
  spec: PodSpec;
  status?: PodStatus;
}
export interface Node extends StoredObject {
  spec: NodeSpec;
  status?: NodeStatus;
}
export interface ReplicaSet extends StoredObject {
  spec: ReplicaSetSpec;
  status?: ReplicaSetStatus;
}
export interface ReplicationController extends StoredObject {
  spec: ReplicationControllerSpec;
  status?: ReplicationControllerStatus;
}
export interface Deployment extends StoredObject {
  spec: DeploymentSpec;
  status?: DeploymentStatus;
}
export interface Namespace extends StoredObject {
  spec: { finalizers?: string[] };
  status?: { phase: 'Active' | 'Terminating' };
}

/** A Kubernetes Event (core/v1) as observed state carries it. */
export interface KubeEvent extends StoredObject {
  involvedObject: ObjectReference;
  reason: string;
  message: string;
  type: 'Normal' | 'Warning';
  source: EventSource;
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
}

/** A member of the cluster: one host's daemon. Internal kind `members.kith.dev`, cluster-scoped, named by its peer id. */
export interface Member extends StoredObject {
  spec: MemberSpec;
}
export interface MemberSpec {
  /** libp2p peer id; carries the Ed25519 public key that signs this member's facts. */
  peerId: string;
  /** The Kubernetes node name; unique among members. */
  nodeName: string;
  /** Multiaddrs of the peer port, most useful first. */
  peerAddresses: string[];
  /** `HOST:PORT` of the UDP beat socket, one per address. */
  beatAddresses: string[];
  /** `https://HOST:PORT` of the API. */
  apiAddresses: string[];
  /** X25519 public key, base64url: pairs of members derive their beat keys from it. */
  beatKey: string;
  /** Peer id of the member that admitted it; its own for the founder. */
  admittedBy: string;
}

/** A join token's public half. Internal kind `jointokens.kith.dev`, cluster-scoped, named by its id. */
export interface JoinTokenSpec {
  /** The secret itself, base64url: the verifier needs it to check a MAC. Members only ever see it. */
  secret: string;
  /** RFC 3339. */
  expiresAt: string;
  /** Peer id that used it, once it was. */
  usedBy?: string;
}

/** A client certificate or bearer token that was given out for the API. Internal kind `credentials.kith.dev`, named by fingerprint or token id. */
export interface CredentialSpec {
  type: 'certificate' | 'token';
  user: string;
  groups?: string[];
  /** RFC 3339. */
  expiresAt: string;
}
