import type { Mutation } from '../../../protocol/desired.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ReplicaSet } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import { isDeleting, isTerminal } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import {
  allSets,
  DESIRED_REPLICAS_ANNOTATION,
  type DeploymentView,
  isRolledOut,
  MAX_REPLICAS_ANNOTATION,
  REVISION_ANNOTATION,
  revisionOf,
  type Rollee,
  TEMPLATE_HASH_LABEL,
  viewDeployment,
} from './deployment-view.ts';
import { factAsJson, planProgress, ROLLOUT_FACT } from './progress.ts';
import { newSetReplicas, planOldSets, planProportional, type Scaling } from './rollout.ts';

const COMPONENT = 'deployment-controller';
const DEFAULT_HISTORY_LIMIT = 10;
const NOT_COPIED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION_ANNOTATION,
  DESIRED_REPLICAS_ANNOTATION,
  MAX_REPLICAS_ANNOTATION,
  'deprecated.deployment.rollback.to',
]);

/**
 * The controller of a Deployment: one step of a rollout at a time. Safe when two leaders do it: ReplicaSets are named by their template, and each `replicas` is
 * a value that the next step corrects.
 */
export function planDeployment(view: ClusterIndex, key: ObjectKey, now: Now): Decision[] {
  const desired = view.get(key);
  if (desired === undefined || isDeleting(desired)) return [];
  const state = viewDeployment(view, desired, now.wall);
  const decisions = planStep(view, state, now);
  const progress = planProgress(state, now);
  decisions.push(...planOwnFields(state, progress.fact === undefined ? undefined : factAsJson(progress.fact)));
  if (progress.lookAgainAt !== undefined) decisions.push({ do: 'wake', key, at: progress.lookAgainAt });
  const soonest = Math.min(...allSets(state).map(({ count }) => count.nextAvailableAt ?? Number.POSITIVE_INFINITY));
  if (Number.isFinite(soonest)) decisions.push({ do: 'wake', key, at: now.monotonic + Math.max(0, soonest - now.wall) });
  return decisions;
}

function planStep(view: ClusterIndex, state: DeploymentView, now: Now): Decision[] {
  const { spec } = state.deployment;
  if (isResized(state)) return planResize(state);
  // What people note of the newest revision (`kubernetes.io/change-cause`) is told of it though it is paused.
  if (spec.paused === true) return state.newSet === undefined ? [] : scale(state, { rollee: state.newSet, to: state.newSet.replicas });
  if (spec.strategy?.type === 'Recreate') return planRecreate(view, state, now);
  const created = planNewSet(view, state, newSetReplicas(state), now);
  if (created.length > 0) return created;
  const shrunk = planOldSets(state).flatMap((scaling) => scale(state, scaling));
  return shrunk.length > 0 ? shrunk : planHistory(state, now);
}

/** `spec.replicas` was changed since the ReplicaSets were last scaled. Source: isScalingEvent upstream. */
function isResized(state: DeploymentView): boolean {
  return allSets(state).some(({ replicas, replicaSet }) => {
    const noted = replicaSet.metadata.annotations?.[DESIRED_REPLICAS_ANNOTATION];
    return replicas > 0 && noted !== undefined && Number(noted) !== state.replicas;
  });
}

/** The only one that is active gets all; several keep their shares. Those whose size stays are noted as seen. */
function planResize(state: DeploymentView): Decision[] {
  const active = allSets(state).filter(({ replicas }) => replicas > 0);
  const [only] = active;
  const scalings = active.length === 1 && only !== undefined ? [{ rollee: only, to: state.replicas }] : planProportional(state);
  const moved = new Map(scalings.map(({ rollee, to }) => [rollee, to]));
  return active.flatMap((rollee) => scale(state, { rollee, to: moved.get(rollee) ?? rollee.replicas }));
}

/** All old pods are gone before the first new one starts. */
function planRecreate(view: ClusterIndex, state: DeploymentView, now: Now): Decision[] {
  const shrunk = state.oldSets.filter(({ replicas }) => replicas > 0).flatMap((rollee) => scale(state, { rollee, to: 0 }));
  if (shrunk.length > 0) return shrunk;
  const oldRuns = state.oldSets.some(({ desired }) => view.ownedBy(desired.uid).some((pod) => !isTerminal(view, pod)));
  if (oldRuns) return [];
  const grown = planNewSet(view, state, state.replicas, now);
  return grown.length > 0 ? grown : planHistory(state, now);
}

function planNewSet(view: ClusterIndex, state: DeploymentView, replicas: number, now: Now): Decision[] {
  if (state.newSet !== undefined) {
    const revision = nextRevision(state);
    return scale(state, { rollee: state.newSet, to: replicas }, revision > state.newSet.revision ? revision : undefined);
  }
  // The name is taken: by one that is on its way out, which is waited for, or by a stranger, which is left alone.
  if (view.get(state.newKey) !== undefined) return [];
  const create: Mutation = { type: 'create', key: state.newKey, object: newReplicaSet(state, replicas, now), orMerge: true };
  const { name } = parseObjectKey(state.newKey);
  return [
    { do: 'write', mutations: [create], reason: 'no ReplicaSet has the template' },
    ...(replicas > 0 ? [scalingEvent(state, name, 0, replicas)] : []),
  ];
}

function newReplicaSet(state: DeploymentView, replicas: number, now: Now): ReplicaSet {
  const { metadata, spec, apiVersion, kind } = state.deployment;
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH_LABEL]: state.hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: parseObjectKey(state.newKey).name,
      namespace: metadata.namespace,
      // Set by the replica, which alone knows the life.
      uid: '',
      creationTimestamp: formatTime(now.wall),
      labels,
      annotations: { ...copiedNotes(state), ...sizeNotes(state), [REVISION_ANNOTATION]: String(nextRevision(state)) },
      ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: state.desired.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH_LABEL]: state.hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

/** Annotations that the newest ReplicaSet has, too, from its creation on and whenever they change. Source: copyDeploymentAnnotationsToReplicaSet upstream. */
function copiedNotes({ deployment }: DeploymentView): Record<string, string> {
  return Object.fromEntries(Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name)));
}

function sizeNotes({ replicas, maxSurge }: DeploymentView): Record<string, string> {
  return { [DESIRED_REPLICAS_ANNOTATION]: String(replicas), [MAX_REPLICAS_ANNOTATION]: String(replicas + maxSurge) };
}

/** The newest template has the highest revision, also when it is an old one that came back. */
function nextRevision({ oldSets, newSet }: DeploymentView): number {
  const highest = Math.max(0, ...oldSets.map(({ revision }) => revision));
  return newSet !== undefined && newSet.revision > highest ? newSet.revision : highest + 1;
}

/** Sets a ReplicaSet's size, notes for which size of the Deployment, and tells of it. Nothing when all is so already. */
function scale(state: DeploymentView, { rollee, to }: Scaling, revision?: number): Decision[] {
  const { desired, replicaSet, replicas } = rollee;
  const before = replicaSet.metadata.annotations ?? {};
  const newest = desired.key === state.newKey;
  const annotations = {
    ...before,
    ...(newest ? copiedNotes(state) : {}),
    ...(to > 0 || replicas > 0 ? sizeNotes(state) : {}),
    ...(revision === undefined ? {} : { [REVISION_ANNOTATION]: String(revision) }),
  };
  const minReadySeconds = state.deployment.spec.minReadySeconds;
  const isNew = newest && (replicaSet.spec.minReadySeconds ?? 0) !== (minReadySeconds ?? 0);
  const noted = Object.entries(annotations).every(([name, value]) => before[name] === value);
  if (to === replicas && noted && !isNew) return [];
  const spec = { ...replicaSet.spec, replicas: to, ...(isNew ? { minReadySeconds } : {}) };
  const next: ReplicaSet = { ...replicaSet, metadata: { ...replicaSet.metadata, annotations }, spec };
  const reason = to === replicas ? 'its notes follow the Deployment' : `${replicas} to ${to} pods of revision ${rollee.revision}`;
  const write: Decision = {
    do: 'write',
    mutations: [{ type: 'update', key: desired.key, uid: desired.uid, base: replicaSet, next }],
    reason,
  };
  return to === replicas ? [write] : [write, scalingEvent(state, replicaSet.metadata.name, replicas, to)];
}

function scalingEvent({ deployment }: DeploymentView, name: string, from: number, to: number): Decision {
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
  return { do: 'event', event: { about: deployment, type: 'Normal', reason: 'ScalingReplicaSet', message, component: COMPONENT } };
}

/** Old ReplicaSets beyond the history are cleared away, oldest first, once the rollout is complete. */
function planHistory(state: DeploymentView, now: Now): Decision[] {
  if (!isRolledOut(state)) return [];
  const limit = state.deployment.spec.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  const idle = state.oldSets.filter(({ held, count }) => held === 0 && count.replicas === 0);
  return idle.slice(0, Math.max(0, idle.length - limit)).map(({ desired }: Rollee): Decision => {
    return { do: 'write', mutations: [buryMutation(desired, now.wall)], reason: `only ${limit} old revisions are kept` };
  });
}

/** The Deployment's own revision annotation and what must be remembered of the rollout. */
function planOwnFields(state: DeploymentView, fact: ReturnType<typeof factAsJson> | undefined): Decision[] {
  const { desired, deployment, newSet } = state;
  const revision = newSet === undefined || newSet.revision === 0 ? revisionOf(desired) : newSet.revision;
  const stale = revision > 0 && revision !== revisionOf(desired);
  if (!stale && fact === undefined) return [];
  const annotations = stale
    ? { ...deployment.metadata.annotations, [REVISION_ANNOTATION]: String(revision) }
    : deployment.metadata.annotations;
  const facts = fact === undefined ? deployment.kith?.facts : { ...deployment.kith?.facts, [ROLLOUT_FACT]: fact };
  const next = { ...deployment, metadata: { ...deployment.metadata, annotations }, kith: { ...deployment.kith, facts } };
  const reason = stale ? `revision ${revision} is the newest` : 'the rollout moved on';
  return [{ do: 'write', mutations: [{ type: 'update', key: desired.key, uid: desired.uid, base: deployment, next }], reason }];
}
