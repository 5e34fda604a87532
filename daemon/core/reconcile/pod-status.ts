import type { Condition } from '../../../protocol/conditions.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { ContainerStatus, Pod, PodStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import type { Now } from '../decisions.ts';
import { isSidecar } from './containers.ts';
import { containerStatus } from './container-status.ts';
import { qosClass } from './qos.ts';
import { hasFailedInit, isPassed } from './initialization.ts';
import type { Standings } from './initialization.ts';
import { mayRestart } from './standing.ts';
import type { RestartPolicy } from './standing.ts';

export interface PodStatusInput {
  pod: Pod;
  listed: RuntimePod | undefined;
  standings: Standings;
  initialized: boolean;
  /** RFC 3339. */
  startTime: string;
  hostIP: string;
  /** What was reported last: what still holds keeps its time. */
  previous: PodStatus | undefined;
}

/** A pod's status as kubelet makes it. Source of the rules: pkg/kubelet/kubelet_pods.go (getPhase), pkg/kubelet/status/generate.go. */
export function podStatus(input: PodStatusInput, now: Now): PodStatus {
  const { pod, listed, standings, initialized, startTime, hostIP, previous } = input;
  const outcome = pod.kith?.outcome;
  const idle = standings.init.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const containerStatuses =
    listed === undefined && outcome
      ? outcomeStatuses(outcome.containerStatuses)
      : standings.main.map((standing) => containerStatus(standing, idle));
  const initContainerStatuses = standings.init.map((standing) => containerStatus(standing, idle, !isSidecar(standing.container)));
  const incomplete = initialized ? [] : standings.init.filter((standing) => !isPassed(standing)).map(({ container }) => container.name);
  const running = phaseOf(containerStatuses, restartPolicyOf(pod));
  const phase = outcome?.phase ?? (incomplete.length === 0 ? running : hasFailedInit(standings) ? 'Failed' : 'Pending');
  const ephemeralContainerStatuses = standings.added.map((standing) => containerStatus(standing));
  // A sidecar that is not ready keeps its pod from being so.
  const counted = [...initContainerStatuses.filter((_status, index) => isSidecar(standings.init[index]!.container)), ...containerStatuses];
  // A pod that has ended keeps the address that it had, whether or not its sandbox is still there.
  const hasEnded = phase === 'Succeeded' || phase === 'Failed';
  const ip = (listed?.sandbox.ip ?? '') || ((hasEnded ? previous?.podIP : undefined) ?? '');
  const bound = pod.kith?.binding?.at;
  const status: PodStatus = {
    phase,
    conditions: conditionsOf(
      { phase, hasSandbox: !hasEnded && hasSandbox(listed), counted, incomplete, bound },
      previous,
      now,
    ) as PodStatus['conditions'],
    ...(outcome?.message === undefined ? {} : { message: outcome.message }),
    ...(outcome?.reason === undefined ? {} : { reason: outcome.reason }),
    ...(hostIP === '' ? {} : { hostIP, hostIPs: [{ ip: hostIP }] }),
    ...(ip === '' ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime,
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
    ...(ephemeralContainerStatuses.length === 0 ? {} : { ephemeralContainerStatuses }),
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

/** One that is its only container counts while that is to be restarted at the same address. */
function hasSandbox(listed: RuntimePod | undefined): boolean {
  return listed !== undefined && (listed.sandbox.running || listed.sandbox.ip !== '');
}

interface ConditionFacts {
  phase: string;
  hasSandbox: boolean;
  /** Statuses of the containers that the pod's readiness depends on. */
  counted: readonly ContainerStatus[];
  /** Names of those that are to run before and have not yet. */
  incomplete: readonly string[];
  bound: string | undefined;
}

function conditionsOf(
  { phase, hasSandbox: isThere, counted, incomplete, bound }: ConditionFacts,
  previous: PodStatus | undefined,
  now: Now,
): Condition[] {
  const unready = counted.filter((status) => !status.ready).map((status) => status.name);
  let ready: Omit<Condition, 'type'> = { status: 'True' };
  if (phase === 'Succeeded') ready = { status: 'False', reason: 'PodCompleted' };
  else if (phase === 'Failed') ready = { status: 'False', reason: 'PodFailed' };
  else if (unready.length > 0 || counted.length === 0) {
    ready = { status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  }
  let initialized: Omit<Condition, 'type'> = { status: 'True' };
  if (phase === 'Succeeded') initialized = { status: 'True', reason: 'PodCompleted' };
  else if (incomplete.length > 0) {
    const message = `containers with incomplete status: [${incomplete.join(' ')}]`;
    initialized = { status: 'False', reason: 'ContainersNotInitialized', message };
  }
  const before = (previous?.conditions ?? []) as Condition[];
  const wanted: Condition[] = [
    { type: 'PodReadyToStartContainers', status: isThere ? 'True' : 'False' },
    { type: 'Initialized', ...initialized },
    { type: 'Ready', ...ready },
    { type: 'ContainersReady', ...ready },
    { type: 'PodScheduled', status: 'True', lastTransitionTime: bound },
  ];
  return wanted.map((condition) => keepTime(condition, before, now));
}

/** A condition whose status did not change keeps the time of its last transition. */
export function keepTime(condition: Condition, before: readonly Condition[], now: Now): Condition {
  const old = before.find((candidate) => candidate.type === condition.type && candidate.status === condition.status);
  const lastTransitionTime = condition.lastTransitionTime ?? old?.lastTransitionTime ?? formatTime(now.wall);
  return { lastProbeTime: null, ...condition, lastTransitionTime };
}
