import type { KubeEvent, NodeStatus, PodStatus } from './types.ts';

/**
 * Observed state: what a node says of itself. Written and signed by its owner alone, newest (incarnation, sequence) wins,
 * never in Automerge.
 */
export interface ObservedRecord<Value extends ObservedValue = ObservedValue> {
  /** Peer id of the owner. */
  owner: string;
  /** Node name of the owner; must be the one its member record gives. */
  node: string;
  /** Grows by at least one with every daemon start and every refutation. */
  incarnation: number;
  /** Grows with every record of the incarnation. */
  sequence: number;
  /** Unique within the owner: `node`, `usage`, `pod/UID`, `event/NAMESPACE/NAME`, `death/PEER_ID`. */
  key: string;
  /** `null` says that the fact no longer holds. */
  value: Value | null;
  /** Ed25519 over the canonical CBOR of all the other fields, base64url. */
  signature: string;
}

export type ObservedValue = NodeReport | PodReport | EventReport | DeathRecord | UsageReport;

/** Key `node`. */
export interface NodeReport {
  kind: 'node';
  status: NodeStatus;
  /** The wire and program version the daemon speaks. */
  version: string;
}

/** Key `usage`: what the node and its pods used, on average over a while. Pods that have run for less are left out. */
export interface UsageReport {
  kind: 'usage';
  /** RFC 3339: the end of that while, … */
  at: string;
  /** … and its length in ms. */
  windowMs: number;
  node: Usage;
  pods: PodUsage[];
}

export interface Usage {
  /** Thousandths of a core, on average. */
  cpuMillis: number;
  /** Bytes at the end. */
  memoryBytes: number;
}

export interface PodUsage {
  uid: string;
  containers: (Usage & { name: string })[];
}

/** Key `pod/UID`. Status is keyed by (uid, node); the API shows the bound node's. */
export interface PodReport {
  kind: 'pod';
  uid: string;
  namespace: string;
  name: string;
  status: PodStatus;
}

/** Key `event/NAMESPACE/NAME`. */
export interface EventReport {
  kind: 'event';
  event: KubeEvent;
  /** Of an Event that a client wrote: counts its versions, from 1. A client may write the next one to another member, which then states it, too: the highest is shown. */
  edit?: number;
}

/** Key `death/PEER_ID`: the owner, with observers that could speak agreeing, found that incarnation of that member dead. */
export interface DeathRecord {
  kind: 'death';
  peerId: string;
  node: string;
  /** The incarnation that is dead; only a higher one refutes. */
  incarnation: number;
  how: Silence;
  /** RFC 3339: last sign of life, and when it was declared. */
  lastSeen: string;
  at: string;
  /** Members that the observer saw alive, itself included, and knew of. */
  membersSeen: number;
  membersKnown: number;
}

/**
 * How a member is silent. `refused`: its kernel answers RST, the daemon is away but containers most likely run. `mute`: its kernel accepts,
 * the daemon says nothing. `silent`: nothing answers. `unseen`: not heard since our own start.
 */
export type Silence = 'refused' | 'mute' | 'silent' | 'unseen';
