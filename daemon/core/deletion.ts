import type { Mutation } from '../../protocol/desired.ts';
import { CUSTOM_DEFINITIONS } from '../../protocol/kinds/custom/definition.ts';
import type { DesiredObject, StoredObject } from '../../protocol/objects.ts';
import { parseObjectKey } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { disrupted, type Disruption } from './disruption.ts';
import { formatTime } from '../../protocol/values/time.ts';

/** Kubernetes' default for `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE_SECONDS = 30;

/** What a deletion needs to know of the cluster. */
export interface DeletionWorld {
  /** Whether the node's daemon is there to stop the pod, or will come back to do so. False for a node that is no member any more. */
  nodeIsMember(node: string): boolean;
  /** The member object behind a node: deleting a Node removes its host from the cluster. Without this, only the Node goes. */
  memberOf?(node: string): DesiredObject | undefined;
  /** Join tokens: a host that is removed knows the secret of each. */
  joinTokens?(): Iterable<DesiredObject>;
}

export interface DeletionRequest {
  /** Undefined: the object's own. */
  gracePeriodSeconds?: number;
  /** What becomes of what the object owns; undefined: it is collected after the object is gone. */
  propagation?: 'Foreground' | 'Orphan';
  /** Of a pod that somebody ends from outside. */
  disruption?: Disruption;
}

/** Finalizers that hold an object until the garbage collector has dealt with what it owns. As upstream (metav1.FinalizerOrphanDependents, FinalizerDeleteDependents). */
export const PROPAGATION_FINALIZERS = { Orphan: 'orphan', Foreground: 'foregroundDeletion' } as const;
/** They own nothing that a collector looks for: how they are deleted makes no difference. */
const WITHOUT_DEPENDENTS: readonly string[] = ['pods', 'namespaces', 'nodes', 'events'];

/**
 * `buried`: the object is gone with these mutations. `marked`: it has a deletionTimestamp, and its node or its finalizers decide when it goes.
 * `unchanged`: it was marked already, and this request asks for nothing more.
 */
export interface DeletionPlan {
  outcome: 'buried' | 'marked' | 'unchanged';
  mutations: Mutation[];
  reason: string;
}

/**
 * How an object is deleted. The same for the API, the controllers and the watched folder. A pod that is bound to a member is marked, with
 * `deletionTimestamp` = now + grace period, as Kubernetes has it; its node stops it and buries it. Namespaces are marked, and buried by their controller
 * once empty. Source of the rules for pods: pkg/registry/core/pod/strategy.go (CheckGracefulDelete) and apiserver's BeforeDelete.
 * @param nowMs ms since 1970
 */
export function planDeletion(world: DeletionWorld, target: DesiredObject, request: DeletionRequest, nowMs: number): DeletionPlan {
  const { resource } = parseObjectKey(target.key);
  if (goesAfterContents(resource)) return markOnce(target, nowMs, 'its contents go first');
  const { finalizers } = target.object.metadata;
  const held = finalizers !== undefined && finalizers.length > 0;
  if (resource === 'pods') return planPodDeletion(world, target, request, nowMs, held);
  if (request.propagation !== undefined && !WITHOUT_DEPENDENTS.includes(resource))
    return holdForDependents(target, request.propagation, nowMs);
  if (held) return markOnce(target, nowMs, `finalizers ${finalizers.join(', ')} hold it`);
  const member = resource === 'nodes' ? world.memberOf?.(target.object.metadata.name) : undefined;
  if (member !== undefined) {
    const gone = [member, target, ...(world.joinTokens?.() ?? [])];
    const mutations = gone.map((each) => buryMutation(each, nowMs));
    return { outcome: 'buried', mutations, reason: 'its host is removed from the cluster, and what it could let others in with' };
  }
  return bury(target, nowMs, 'nothing holds it');
}

/** What is in a namespace, or of a custom kind, goes first: a controller buries what held it then. */
function goesAfterContents(resource: string): boolean {
  return resource === 'namespaces' || resource === CUSTOM_DEFINITIONS;
}

/** The mutation that ends an object's life for good. */
export function buryMutation(target: DesiredObject, nowMs: number): Mutation {
  return { type: 'bury', key: target.key, uid: target.uid, at: formatTime(nowMs) };
}

/**
 * Whether `next`, a new version of an object, is to be buried instead of written: it was marked, its last finalizer is being taken away, and no node has
 * yet to stop it.
 */
export function endsLife(before: DesiredObject, next: StoredObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = before.object.metadata;
  const { resource } = parseObjectKey(before.key);
  if (deletionTimestamp === undefined || goesAfterContents(resource)) return false;
  if (resource === 'pods' && (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return (finalizers?.length ?? 0) > 0 && (next.metadata.finalizers?.length ?? 0) === 0;
}

/** The last request counts, also while the object is held already. */
function holdForDependents(target: DesiredObject, propagation: 'Foreground' | 'Orphan', nowMs: number): DeletionPlan {
  const { metadata } = target.object;
  const ours: readonly string[] = Object.values(PROPAGATION_FINALIZERS);
  const finalizers = [...(metadata.finalizers ?? []).filter((name) => !ours.includes(name)), PROPAGATION_FINALIZERS[propagation]];
  const reason = propagation === 'Orphan' ? 'what it owns is set free first' : 'what it owns goes first';
  const isMarked = metadata.deletionTimestamp !== undefined;
  if (isMarked && metadata.finalizers?.includes(PROPAGATION_FINALIZERS[propagation]) === true)
    return { outcome: 'unchanged', mutations: [], reason };
  const held = { ...target, object: { ...target.object, metadata: { ...metadata, finalizers } } };
  const next = isMarked ? held.object : marked(held, nowMs, 0);
  return { outcome: 'marked', mutations: [{ type: 'update', key: target.key, uid: target.uid, base: target.object, next }], reason };
}

function planPodDeletion(
  world: DeletionWorld,
  target: DesiredObject,
  request: DeletionRequest,
  nowMs: number,
  held: boolean,
): DeletionPlan {
  const pod = target.object as Pod;
  const node = pod.kith?.binding?.node;
  const asked = request.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  let graceSeconds = asked < 0 ? 1 : asked;
  let reason = `its node ${node} stops it within ${graceSeconds} s`;
  if (graceSeconds === 0) reason = 'asked for without grace period';
  if (node === undefined) [graceSeconds, reason] = [0, 'it is bound to no node'];
  else if (!world.nodeIsMember(node)) [graceSeconds, reason] = [0, `its node ${node} is no member of the cluster`];
  else if (pod.kith?.outcome !== undefined) [graceSeconds, reason] = [0, `it has ended (${pod.kith.outcome.phase})`];

  if (graceSeconds === 0 && !held) return bury(target, nowMs, reason);
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp !== undefined && graceSeconds >= (deletionGracePeriodSeconds ?? 0)) {
    return { outcome: 'unchanged', mutations: [], reason: 'it is being deleted already' };
  }
  const { disruption } = request;
  if (disruption === undefined) return mark(target, nowMs, graceSeconds, reason);
  const { kith: _before, ...object } = marked(target, nowMs, graceSeconds);
  const next = { ...object, kith: disrupted(pod, disruption, formatTime(nowMs)) };
  return { outcome: 'marked', mutations: [{ type: 'update', key: target.key, uid: target.uid, base: target.object, next }], reason };
}

function bury(target: DesiredObject, nowMs: number, reason: string): DeletionPlan {
  return { outcome: 'buried', mutations: [buryMutation(target, nowMs)], reason };
}

function markOnce(target: DesiredObject, nowMs: number, reason: string): DeletionPlan {
  if (target.object.metadata.deletionTimestamp !== undefined) return { outcome: 'unchanged', mutations: [], reason };
  return mark(target, nowMs, 0, reason);
}

function mark(target: DesiredObject, nowMs: number, graceSeconds: number, reason: string): DeletionPlan {
  const next = marked(target, nowMs, graceSeconds);
  return { outcome: 'marked', mutations: [{ type: 'update', key: target.key, uid: target.uid, base: target.object, next }], reason };
}

function marked({ object }: DesiredObject, nowMs: number, graceSeconds: number): StoredObject {
  const deletionTimestamp = formatTime(nowMs + graceSeconds * 1000);
  return { ...object, metadata: { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds } };
}
