import type { Condition } from './conditions.ts';
import type { Json } from './json.ts';

/**
 * The name of a resource across groups, as kubectl writes it: the plural, a dot and the group; the core group has no dot.
 * Examples: `pods`, `replicasets.apps`, `members.kith.dev`.
 */
export type GroupResource = string;

/** Identity of an object in the cluster: `GROUP_RESOURCE/NAMESPACE/NAME`; the namespace is empty for cluster-scoped kinds. */
export type ObjectKey = string;

export interface ObjectKeyParts {
  resource: GroupResource;
  namespace: string;
  name: string;
}

export function objectKey(resource: GroupResource, namespace: string, name: string): ObjectKey {
  return `${resource}/${namespace}/${name}`;
}

export function parseObjectKey(key: ObjectKey): ObjectKeyParts {
  const first = key.indexOf('/');
  const second = key.indexOf('/', first + 1);
  return { resource: key.slice(0, first), namespace: key.slice(first + 1, second), name: key.slice(second + 1) };
}

/** Of a key: what most look at first, and often all. */
export function resourceOf(key: ObjectKey): GroupResource {
  return key.slice(0, key.indexOf('/'));
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  /** RFC 3339 with whole seconds, as Kubernetes prints it. */
  creationTimestamp: string;
  /** Counts spec changes in the merged history. */
  generation?: number;
  /** Peer-local, set by the API only; never stored. */
  resourceVersion?: string;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  deletionTimestamp?: string;
  /** Seconds. */
  deletionGracePeriodSeconds?: number;
  managedFields?: Json[];
}

/** Any Kubernetes object. Kinds with a type of their own narrow `spec` and `status`. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** What a client may send to create an object: identity and timestamps are not there yet. */
export interface DraftObject {
  apiVersion: string;
  kind: string;
  metadata: Partial<ObjectMeta>;
  [field: string]: unknown;
}

/**
 * Where a pod runs. Written once per pod. Concurrent first writes are resolved by {@link compareBindings}, over all of
 * Automerge's conflict values.
 */
export interface Binding {
  node: string;
  /** How many members the author saw alive when it wrote this, itself included. */
  membersSeen: number;
  /** How many members it knew of. */
  membersKnown: number;
  /** Election term of the author's side. */
  term: number;
  by: 'leader' | 'heir' | 'user';
  /** Rendezvous rank of the node for this pod, 0 is the first heir; 0 for a leader. */
  rank: number;
  /** RFC 3339, for people: nothing is decided by it. */
  at: string;
}

/**
 * Which pod fills a slot. The greatest `epoch` wins; ties by generation. `generation` names the pod (names and uids derive from (owner uid, slot,
 * generation)); it equals `epoch`, except when a heal put an earlier pod back in.
 */
export interface SlotState {
  epoch: number;
  generation: number;
  /** Set when an heir took the slot over: what a heal judges it by. */
  claim?: { from: number; node?: string; membersSeen: number; membersKnown: number };
  /** Of a Job: it ended so, for ever. Beats whatever the other side of a cut made of the slot meanwhile. */
  done?: 'Succeeded' | 'Failed';
  /** Of a Job: pods of this slot that failed. */
  failures?: number;
  /** Of a Job: the generation whose end is no failure, however it comes. */
  excused?: number;
}

/** A pod's end, remembered in desired state so that what completed never runs again. */
export interface PodOutcome {
  phase: 'Succeeded' | 'Failed';
  reason?: string;
  message?: string;
  node: string;
  finishedAt: string;
  containerStatuses?: Json[];
}

/** Merged fields that the API does not show. */
export interface KithFields {
  binding?: Binding;
  outcome?: PodOutcome;
  /** Of ReplicaSets, ReplicationControllers and Jobs: slot number (a Job's index) to what fills it. */
  slots?: Record<string, SlotState>;
  /** Slots that are closed, ascending. One value. */
  retired?: number[];
  /** Of a pod: the slot it fills. */
  slot?: { owner: string; slot: number; generation: number };
  /** Other facts that must be remembered, by name (a rollout's deadline, a manifest file's claim). Each is one value. */
  facts?: Record<string, Json>;
}

/** An object as the replica holds it: metadata, spec and `kith`, without the status that the API joins in. */
export interface StoredObject extends KubeObject {
  kith?: KithFields;
}

/** An object together with its place in the replica. Immutable: a change makes a new one. */
export interface DesiredObject {
  readonly key: ObjectKey;
  /** Creation opens life n+1; deletion buries all lives <= n. Starts at 1. */
  readonly life: number;
  readonly uid: string;
  readonly object: StoredObject;
  /** Automerge heads, sorted, hex. */
  readonly heads: readonly string[];
  /** Conflicts a merge decided, still visible in the document. */
  readonly conflicts: readonly DecidedConflict[];
}

/** A concurrent edit of one merge unit that a merge decided. */
export interface DecidedConflict {
  /** JSON pointer of the merge unit, for example `/spec/replicas`. */
  path: string;
  winner: Json;
  losers: Json[];
}

/** The grave of a key: every life up to and including `life` is deleted, for ever. */
export interface Tombstone {
  key: ObjectKey;
  life: number;
  /** RFC 3339, when the person or controller that buried it did; for people. */
  at: string;
  /** What the peer that buried it had seen of the last life. Who has seen more tells what was lost. Unknown when absent. */
  heads?: readonly string[];
  /** Of a document whose history was cut: how it was when it was buried, for who still holds it as it was before, or as it was cut since. */
  cut?: GraveCut;
  /** Of a member: peer ids of those that it had admitted, as far as its remover knew. Others that name it as theirs are no members. */
  admitted?: readonly string[];
}

export interface GraveCut {
  epoch: DocumentEpoch;
  /** What was cut off when that epoch began: its author has seen this, too. */
  heads: readonly string[];
}

/**
 * Names a rewritten document: its state at some heads, without the history that led there. A greater one takes the place of a smaller one: by number, then by `changes`,
 * then by `root`.
 */
export interface DocumentEpoch {
  /** From 1; a document that was never rewritten has none. */
  number: number;
  /** How many changes the history had that was cut off. */
  changes: number;
  /** Hash of the change that writes the whole state. Hex. */
  root: string;
}

export type { Condition };
