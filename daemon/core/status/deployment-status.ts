import type { DeploymentCondition } from 'kubernetes-types/apps/v1.js';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { DeploymentStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { allSets, type DeploymentView, viewDeployment } from '../controllers/deployment-view.ts';
import { replicaFailure } from './replica-failure.ts';
import { rolloutFact } from '../controllers/progress.ts';

/** Status of a Deployment, derived. Its conditions' times follow from its pods and from what is remembered of the rollout, so they are the same on every peer. */
export function deploymentStatus(view: ClusterIndex, desired: DesiredObject, wallMs: number): DeploymentStatus {
  const state = viewDeployment(view, desired, wallMs);
  const counts = allSets(state).map(({ count }) => count);
  const sum = (of: (count: (typeof counts)[number]) => number): number => counts.reduce((total, count) => total + of(count), 0);
  const replicas = sum((count) => count.replicas);
  const available = sum((count) => count.available);
  const wanted = allSets(state).reduce((total, rollee) => total + rollee.replicas, 0);
  return {
    observedGeneration: desired.object.metadata.generation ?? 1,
    replicas,
    updatedReplicas: state.newSet?.count.replicas ?? 0,
    readyReplicas: sum((count) => count.ready),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, wanted - available),
    conditions: [availableCondition(state, available), ...progressingCondition(state), ...failureCondition(view, state)],
  };
}

function availableCondition(state: DeploymentView, available: number): DeploymentCondition {
  const needed = state.replicas - state.maxUnavailable;
  const { creationTimestamp } = state.deployment.metadata;
  const since = allSets(state)
    .flatMap(({ count }) => count.availableSince)
    .sort((left, right) => left - right);
  if (available >= needed) {
    // It has held since the last of the pods that it takes became available.
    const at = needed > 0 ? formatTime(since[needed - 1] ?? 0) : creationTimestamp;
    return condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', at);
  }
  const at = rolloutFact(state)?.startedAt ?? creationTimestamp;
  return condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', at);
}

/** Of the new ReplicaSet; else of an old one. Source: getReplicaFailures. */
function failureCondition(view: ClusterIndex, { newSet, oldSets }: DeploymentView): DeploymentCondition[] {
  for (const { desired } of newSet === undefined ? oldSets : [newSet, ...oldSets]) {
    const failure = replicaFailure(view, desired);
    if (failure !== undefined) return [{ ...failure, lastUpdateTime: failure.lastTransitionTime }];
  }
  return [];
}

function progressingCondition(state: DeploymentView): DeploymentCondition[] {
  const { deployment, newKey, newSet } = state;
  const fact = rolloutFact(state);
  const { name } = parseObjectKey(newKey);
  if (deployment.spec.paused === true && fact?.outcome !== 'complete') {
    const at = fact?.progressedAt ?? deployment.metadata.creationTimestamp;
    return [condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', at)];
  }
  if (fact === undefined) return [];
  const current = fact.hash === state.hash ? fact : undefined;
  if (current?.outcome === 'complete') {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    return [condition('Progressing', 'True', 'NewReplicaSetAvailable', message, fact.startedAt, fact.endedAt)];
  }
  if (current?.outcome === 'deadline-exceeded') {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return [condition('Progressing', 'False', 'ProgressDeadlineExceeded', message, fact.endedAt ?? fact.progressedAt)];
  }
  const fresh = newSet === undefined || newSet.count.replicas === 0;
  const [reason, message] = fresh
    ? ['NewReplicaSetCreated', `Created new replica set "${name}"`]
    : ['ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`];
  return [condition('Progressing', 'True', reason, message, fact.startedAt, fact.progressedAt)];
}

function condition(type: string, status: string, reason: string, message: string, at: string, updatedAt: string = at): DeploymentCondition {
  return { type, status, lastUpdateTime: updatedAt, lastTransitionTime: at, reason, message };
}
