import type { PodFailurePolicy, PodFailurePolicyRule } from 'kubernetes-types/batch/v1.js';
import type { DesiredObject } from '../../../../protocol/objects.ts';
import { disruptionOf } from '../../disruption.ts';
import type { PodEnd } from './job-view.ts';

/** What a failed pod means for its Job. Source: matchPodFailurePolicy in pkg/controller/job/pod_failure_policy.go. */
export type FailureVerdict = { action: 'Count' | 'Ignore' | 'FailIndex' } | { action: 'FailJob'; message: string };

/** Ends that somebody outside of the pod decided: those that Kubernetes marks with the condition DisruptionTarget. */
const DISRUPTIONS: ReadonlySet<string> = new Set([
  'Evicted',
  'Preempted',
  'NodeLost',
  'TaintManagerEviction',
  'Terminated',
  'NodeShutdown',
]);

/** A pod that is being deleted, by why it is: nothing is known of its exit codes yet. */
export function judgeDeletion(policy: PodFailurePolicy | undefined, pod: DesiredObject): FailureVerdict {
  return disruptionOf(pod.object) === undefined
    ? { action: 'Count' }
    : judgeFailure(policy, pod, { phase: 'Failed', at: 0, containers: [] });
}

/** The first rule that matches decides. */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: DesiredObject, end: PodEnd): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const { action } = rule;
    const what = matched(rule, pod, end);
    if (what === undefined) continue;
    if (action === 'FailJob') return { action, message: `${what} matching FailJob rule at index ${index}` };
    if (action === 'Ignore' || action === 'FailIndex' || action === 'Count') return { action };
  }
  return { action: 'Count' };
}

/** What of the pod the rule matches, for people. */
function matched({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: DesiredObject, end: PodEnd): string | undefined {
  const { name, namespace } = pod.object.metadata;
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    for (const { name: container, state } of end.containers) {
      const code = state?.terminated?.exitCode;
      if (code === undefined || code === 0 || (containerName !== undefined && containerName !== container)) continue;
      if (values.includes(code) === (operator === 'In'))
        return `Container ${container} for pod ${namespace}/${name} failed with exit code ${code}`;
    }
    return undefined;
  }
  for (const { type, status = 'True' } of onPodConditions ?? []) {
    const holds = type === 'DisruptionTarget' && (DISRUPTIONS.has(end.reason ?? '') || disruptionOf(pod.object) !== undefined);
    if (holds === (status === 'True') && type === 'DisruptionTarget') return `Pod ${namespace}/${name} has condition ${type}`;
  }
  return undefined;
}
