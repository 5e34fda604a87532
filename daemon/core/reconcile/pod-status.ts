import type { Condition } from '../../../protocol/conditions.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { ContainerStatus, Pod, PodStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import type { Now } from '../decisions.ts';
import { containerStatus } from './container-status.ts';
import { qosClass } from './qos.ts';
import { mayRestart } from './standing.ts';
import type { ContainerStanding, RestartPolicy } from './standing.ts';

export interface PodStatusInput {
  pod: Pod;
  listed: RuntimePod | undefined;
  standings: readonly ContainerStanding[];
  /** RFC 3339. */
  startTime: string;
  hostIP: string;
  /** What was reported last: what still holds keeps its time. */
  previous: PodStatus | undefined;
}

/** A pod's status as kubelet makes it. Source of the rules: pkg/kubelet/kubelet_pods.go (getPhase), pkg/kubelet/status/generate.go. */
export function podStatus(input: PodStatusInput, now: Now): PodStatus {
  const { pod, listed, standings, startTime, hostIP, previous } = input;
  const outcome = pod.kith?.outcome;
  const containerStatuses = listed === undefined && outcome ? outcomeStatuses(outcome.containerStatuses) : standings.map(containerStatus);
  const phase = outcome?.phase ?? phaseOf(containerStatuses, restartPolicyOf(pod));
  const ip = listed?.sandbox.ip ?? '';
  const bound = pod.kith?.binding?.at;
  const status: PodStatus = {
    phase,
    conditions: conditionsOf(phase, containerStatuses, bound, previous, now) as PodStatus['conditions'],
    ...(outcome?.message === undefined ? {} : { message: outcome.message }),
    ...(outcome?.reason === undefined ? {} : { reason: outcome.reason }),
    ...(hostIP === '' ? {} : { hostIP, hostIPs: [{ ip: hostIP }] }),
    ...(ip === '' ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime,
    containerStatuses,
    qosClass: qosClass(pod.spec),
  };
  return previous !== undefined && jsonEqual(previous, status) ? previous : status;
}

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const { restartPolicy } = pod.spec;
  return restartPolicy === 'Never' || restartPolicy === 'OnFailure' ? restartPolicy : 'Always';
}

function outcomeStatuses(statuses: readonly unknown[] | undefined): ContainerStatus[] {
  return (statuses ?? []) as ContainerStatus[];
}

export function phaseOf(statuses: readonly ContainerStatus[], policy: RestartPolicy): string {
  let waiting = 0;
  let running = 0;
  let failed = 0;
  let restarting = 0;
  for (const { state, lastState } of statuses) {
    const terminated = state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated);
    if (state?.running !== undefined) running += 1;
    else if (terminated === undefined) waiting += 1;
    else if (mayRestart(policy, terminated.exitCode)) restarting += 1;
    else if (terminated.exitCode !== 0) failed += 1;
  }
  if (waiting > 0) return 'Pending';
  if (running + restarting > 0) return 'Running';
  return failed > 0 ? 'Failed' : 'Succeeded';
}

function conditionsOf(
  phase: string,
  statuses: readonly ContainerStatus[],
  boundAt: string | undefined,
  previous: PodStatus | undefined,
  now: Now,
): Condition[] {
  const unready = statuses.filter((status) => !status.ready).map((status) => status.name);
  let ready: Omit<Condition, 'type'> = { status: 'True' };
  if (phase === 'Succeeded') ready = { status: 'False', reason: 'PodCompleted' };
  else if (phase === 'Failed') ready = { status: 'False', reason: 'PodFailed' };
  else if (unready.length > 0 || statuses.length === 0) {
    ready = { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  }
  const initialized: Omit<Condition, 'type'> = phase === 'Succeeded' ? { status: 'True', reason: 'PodCompleted' } : { status: 'True' };
  const before = (previous?.conditions ?? []) as Condition[];
  const wanted: Condition[] = [
    { type: 'Initialized', ...initialized },
    { type: 'Ready', ...ready },
    { type: 'ContainersReady', ...ready },
    { type: 'PodScheduled', status: 'True', lastTransitionTime: boundAt },
  ];
  return wanted.map((condition) => keepTime(condition, before, now));
}

/** A condition whose status did not change keeps the time of its last transition. */
export function keepTime(condition: Condition, before: readonly Condition[], now: Now): Condition {
  const old = before.find((candidate) => candidate.type === condition.type && candidate.status === condition.status);
  const lastTransitionTime = condition.lastTransitionTime ?? old?.lastTransitionTime ?? formatTime(now.wall);
  return { lastProbeTime: null, ...condition, lastTransitionTime };
}
