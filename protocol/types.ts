/**
 * Types of the Kubernetes kinds that Kith serves. Specs and statuses come from `kubernetes-types` (types only, nothing of it runs);
 * our objects differ in that metadata is complete and that there may be a `kith` part.
 */
import type {
  DaemonSetSpec,
  DeploymentSpec,
  DeploymentStatus,
  ReplicaSetSpec,
  ReplicaSetStatus,
  StatefulSetSpec,
} from 'kubernetes-types/apps/v1.js';
import type {
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
  MetricTarget,
} from 'kubernetes-types/autoscaling/v2.js';
import type { CronJobSpec, JobSpec, JobStatus } from 'kubernetes-types/batch/v1.js';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  EnvVarSource,
  EventSource,
  NamespaceStatus,
  NodeSpec,
  NodeStatus,
  ObjectReference,
  PodAffinityTerm,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ReplicationControllerSpec,
  ReplicationControllerStatus,
  Volume,
  TopologySpreadConstraint,
} from 'kubernetes-types/core/v1.js';
import type { Service, ServicePort, ServiceSpec } from 'kubernetes-types/core/v1.js';
import type { LabelSelector } from 'kubernetes-types/meta/v1.js';
import type { IngressSpec, NetworkPolicySpec } from 'kubernetes-types/networking/v1.js';
import type { PolicyRule, RoleRef, Subject } from 'kubernetes-types/rbac/v1.js';
import type { StoredObject } from './objects.ts';

export type {
  Container,
  ContainerState,
  ContainerStatus,
  CronJobSpec,
  DaemonSetSpec,
  DeploymentSpec,
  DeploymentStatus,
  EnvVarSource,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  IngressSpec,
  JobSpec,
  JobStatus,
  LabelSelector,
  MetricSpec,
  MetricTarget,
  NetworkPolicySpec,
  NodeSpec,
  NodeStatus,
  ObjectReference,
  PodAffinityTerm,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  PolicyRule,
  ReplicaSetSpec,
  ReplicaSetStatus,
  ReplicationControllerSpec,
  ReplicationControllerStatus,
  RoleRef,
  Service,
  ServicePort,
  ServiceSpec,
  StatefulSetSpec,
  Subject,
  Volume,
  TopologySpreadConstraint,
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
  status?: NamespaceStatus;
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

/** How pods and services are numbered and named. Internal kind `clusternetworks.kith.dev`, one object: `default`. */
export interface ClusterNetwork extends StoredObject {
  spec: ClusterNetworkSpec;
}
export interface ClusterNetworkSpec {
  /** CIDR, of which every node takes a /24. */
  podRange: string;
  /** CIDR, of which every Service takes an address. Undefined: 10.96.0.0/12. */
  serviceRange?: string;
  /** Under which all names of the cluster are. Undefined: `cluster.local`. */
  clusterDomain?: string;
}

/** A client certificate or bearer token that was given out for the API. Internal kind `credentials.kith.dev`, named by fingerprint or token id. */
export interface CredentialSpec {
  type: 'certificate' | 'token';
  user: string;
  groups?: string[];
  /** RFC 3339. */
  expiresAt: string;
}
