import type { PodCondition } from 'kubernetes-types/core/v1.js';
import type { Condition } from '../../../protocol/conditions.ts';
import type { DesiredObject, ObjectMeta } from '../../../protocol/objects.ts';
import type { DeathRecord } from '../../../protocol/observed.ts';
import type { Pod, PodStatus } from '../../../protocol/types.ts';
import { inWholeSeconds } from '../../../protocol/values/time.ts';
import { asPod, boundNode, isDeleting, isGated, reportOf, saysUnready } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { disruptionOf } from '../disruption.ts';
import { qosClass } from '../reconcile/qos.ts';
import { isSchedulable } from '../scheduler/bindings.ts';
import { nodeTableOf } from '../scheduler/node-table.ts';
import { whyUnschedulable } from '../scheduler/place.ts';
import { nominatedNode } from '../scheduler/preempt.ts';
import { slotStanding } from '../controllers/slots.ts';
import { shownPodSpec } from './shown-pod.ts';

const NODE_LOST = 'NodeLost';
const GATED_MESSAGE = 'Scheduling is blocked due to non-empty scheduling gates';

/**
 * A pod as the API shows it. What it came to (outcome) is shown before what its node last said; what a dead node said is kept, but no longer vouched for.
 */
export function renderPod(view: ClusterIndex, desired: DesiredObject): Pod {
  const pod = renderUndisturbed(view, desired);
  const disruption = disruptionOf(desired.object);
  if (disruption === undefined) return pod;
  return { ...pod, status: { ...pod.status, conditions: replaceConditions(pod.status?.conditions, [disruption as PodCondition]) } };
}

function renderUndisturbed(view: ClusterIndex, desired: DesiredObject): Pod {
  const { kith, ...pod } = asPod(desired);
  const node = boundNode(desired);
  const spec = shownPodSpec(pod.spec, node);
  const reported = reportOf(view, desired)?.status;
  if (kith?.outcome !== undefined) return { ...pod, spec, status: endedStatus(desired, reported) };
  if (node === undefined) return { ...pod, spec, status: unboundStatus(view, desired) };
  const status = boundStatus(desired, reported);
  const member = view.memberOfNode(node);
  if (member !== undefined && member.state !== 'dead') {
    return { ...pod, spec, status: saysUnready(view.nodeReport(node)) ? unreadyStatus(view, status, node) : status };
  }
  return renderLost(view, desired, { ...pod, spec }, status, node, member?.death);
}

/** On a node that says that it is not ready: as upstream's node controller marks its pods. */
function unreadyStatus(view: ClusterIndex, status: PodStatus, node: string): PodStatus {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return status;
  const at = view.nodeReport(node)?.status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ready.lastTransitionTime;
  const unready: PodCondition = {
    type: 'Ready',
    status: 'False',
    reason: 'NodeNotReady',
    message: 'Node is not ready',
    lastTransitionTime: at,
  };
  return { ...status, conditions: replaceConditions(status.conditions, [unready]) };
}

/** On a dead node: nobody knows. A superseded one is on its way out, though only its grave will end it. */
function renderLost(
  view: ClusterIndex,
  desired: DesiredObject,
  pod: Pod,
  status: PodStatus,
  node: string,
  death: DeathRecord | undefined,
): Pod {
  const at = inWholeSeconds(death?.at ?? pod.metadata.creationTimestamp);
  const standing = slotStanding(view, desired);
  const leaves = isDeleting(desired) || standing === 'superseded' || standing === 'surplus';
  const metadata: ObjectMeta = leaves && !isDeleting(desired) ? { ...pod.metadata, deletionTimestamp: at } : pod.metadata;
  const message = `Node ${node} which was running pod ${pod.metadata.name} is unresponsive`;
  const lost: PodCondition[] = [
    { type: 'Ready', status: 'False', reason: NODE_LOST, message, lastTransitionTime: at },
    { type: 'ContainersReady', status: 'False', reason: NODE_LOST, message, lastTransitionTime: at },
  ];
  const ended = status.phase === 'Succeeded' || status.phase === 'Failed';
  return {
    ...pod,
    metadata,
    status: {
      ...status,
      phase: ended ? status.phase : 'Unknown',
      // kubectl shows the reason where there is one; of a pod that leaves it makes `Unknown` of this one.
      ...(leaves ? { reason: NODE_LOST } : {}),
      message,
      conditions: replaceConditions(status.conditions, ended ? [] : lost),
    },
  };
}

function unboundStatus(view: ClusterIndex, desired: DesiredObject): PodStatus {
  const qos = qosClass(asPod(desired).spec);
  const lastTransitionTime = desired.object.metadata.creationTimestamp;
  if (isGated(asPod(desired).spec)) {
    const why = { reason: 'SchedulingGated', message: GATED_MESSAGE };
    return { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', ...why, lastTransitionTime }], qosClass: qos };
  }
  const message = isSchedulable(view, desired) ? whyUnschedulable(view, desired) : undefined;
  if (message === undefined) return { phase: 'Pending', qosClass: qos };
  const nominatedNodeName = nominatedNode(view, nodeTableOf(view), desired);
  return {
    phase: 'Pending',
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }],
    qosClass: qos,
  };
}

function boundStatus(desired: DesiredObject, reported: PodStatus | undefined): PodStatus {
  const scheduled = scheduledCondition(desired);
  if (reported === undefined) return { phase: 'Pending', conditions: [scheduled], qosClass: qosClass(asPod(desired).spec) };
  if (reported.conditions?.some(({ type }) => type === 'PodScheduled') === true) return reported;
  return { ...reported, conditions: [...(reported.conditions ?? []), scheduled] };
}

function scheduledCondition(desired: DesiredObject): PodCondition {
  const at = desired.object.kith?.binding?.at ?? desired.object.metadata.creationTimestamp;
  return { type: 'PodScheduled', status: 'True', lastTransitionTime: at };
}

function endedStatus(desired: DesiredObject, reported: PodStatus | undefined): PodStatus {
  const outcome = asPod(desired).kith?.outcome;
  if (outcome === undefined) return boundStatus(desired, reported);
  const { containerStatuses, reason: _reason, message: _message, ...rest } = boundStatus(desired, reported);
  const reason = outcome.phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
  const lastTransitionTime = outcome.finishedAt;
  const ended = (type: string): Condition => ({ lastProbeTime: null, type, status: 'False', reason, lastTransitionTime });
  return {
    ...rest,
    phase: outcome.phase,
    ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
    ...(outcome.message === undefined ? {} : { message: outcome.message }),
    containerStatuses: (outcome.containerStatuses as PodStatus['containerStatuses']) ?? containerStatuses,
    conditions: replaceConditions(rest.conditions, [ended('Ready'), ended('ContainersReady')] as PodCondition[]),
  };
}

function replaceConditions(conditions: readonly PodCondition[] | undefined, replacements: readonly PodCondition[]): PodCondition[] {
  const known = conditions ?? [];
  const kept = known.map((condition) => replacements.find(({ type }) => type === condition.type) ?? condition);
  return [...kept, ...replacements.filter(({ type }) => !known.some((condition) => condition.type === type))];
}
