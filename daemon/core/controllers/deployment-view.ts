import { templateHash } from '../../../protocol/identity.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import type { Deployment, ReplicaSet } from '../../../protocol/types.ts';
import { resolveIntOrPercent } from '../../../protocol/values/int-or-percent.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterView } from '../cluster/view.ts';
import { countReplicas, type ReplicaCount } from '../status/replica-status.ts';
import { activeSlots } from './slots.ts';

export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
export const DESIRED_REPLICAS_ANNOTATION = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS_ANNOTATION = 'deployment.kubernetes.io/max-replicas';
export const TEMPLATE_HASH_LABEL = 'pod-template-hash';

/** A ReplicaSet of a Deployment and what its pods are. */
export interface Rollee {
  desired: DesiredObject;
  replicaSet: ReplicaSet;
  revision: number;
  /** Asked for. */
  replicas: number;
  /** Asked for, or still held by slots: what counts against the surge. */
  held: number;
  /** Available, and not about to be scaled away. */
  available: number;
  count: ReplicaCount;
}

/** A Deployment with its ReplicaSets, as its controller and its status both see it. */
export interface DeploymentView {
  desired: DesiredObject;
  deployment: Deployment;
  replicas: number;
  hash: string;
  newKey: ObjectKey;
  newSet: Rollee | undefined;
  /** Oldest first. */
  oldSets: readonly Rollee[];
  maxSurge: number;
  maxUnavailable: number;
}

export function viewDeployment(view: ClusterView, desired: DesiredObject, wallMs: number): DeploymentView {
  const deployment = desired.object as Deployment;
  const { spec, metadata } = deployment;
  const replicas = spec.replicas ?? 1;
  const hash = templateHash(desired.uid, spec.template);
  const newKey = objectKey('replicasets.apps', metadata.namespace ?? '', `${metadata.name}-${hash}`);
  const rollees = view
    .ownedBy(desired.uid)
    .filter((owned) => parseObjectKey(owned.key).resource === 'replicasets.apps' && !isDeleting(owned))
    .map((owned) => rolleeOf(view, owned, wallMs))
    .sort(byRevision);
  return {
    desired,
    deployment,
    replicas,
    hash,
    newKey,
    newSet: rollees.find((rollee) => rollee.desired.key === newKey),
    oldSets: rollees.filter((rollee) => rollee.desired.key !== newKey),
    ...rollingBounds(deployment, replicas),
  };
}

function rolleeOf(view: ClusterView, desired: DesiredObject, wallMs: number): Rollee {
  const replicaSet = desired.object as ReplicaSet;
  const replicas = replicaSet.spec.replicas ?? 1;
  const count = countReplicas(view, desired, wallMs);
  return {
    desired,
    replicaSet,
    revision: revisionOf(desired),
    replicas,
    held: Math.max(replicas, activeSlots(desired.object).length),
    available: Math.min(replicas, count.available),
    count,
  };
}

export function revisionOf(desired: DesiredObject): number {
  const revision = Number(desired.object.metadata.annotations?.[REVISION_ANNOTATION]);
  return Number.isSafeInteger(revision) && revision > 0 ? revision : 0;
}

/** Surge rounds up, unavailability down; both zero would never move, so one may be away. Source: ResolveFenceposts in upstream's deployment util. */
function rollingBounds(deployment: Deployment, replicas: number): { maxSurge: number; maxUnavailable: number } {
  const { strategy } = deployment.spec;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: replicas };
  const maxSurge = resolveIntOrPercent(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up');
  const maxUnavailable = Math.min(replicas, resolveIntOrPercent(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down'));
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Newest revision last; before any has one, the oldest first. */
function byRevision(left: Rollee, right: Rollee): number {
  if (left.revision !== right.revision) return left.revision - right.revision;
  const [earlier, later] = [left.desired.object.metadata.creationTimestamp, right.desired.object.metadata.creationTimestamp];
  if (earlier !== later) return earlier < later ? -1 : 1;
  return left.desired.key < right.desired.key ? -1 : 1;
}

export function allSets({ oldSets, newSet }: DeploymentView): Rollee[] {
  return newSet === undefined ? [...oldSets] : [...oldSets, newSet];
}

/** Every pod is of the new template, is available, and no other is left. Source: DeploymentComplete upstream. */
export function isRolledOut(state: DeploymentView): boolean {
  const { newSet, replicas } = state;
  if (newSet === undefined || newSet.count.replicas !== replicas || newSet.available !== replicas) return false;
  return state.oldSets.every((old) => old.held === 0 && old.count.replicas === 0);
}
