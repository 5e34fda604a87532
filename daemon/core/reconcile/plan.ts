import type { Json } from '../../../protocol/json.ts';
import type { PodOutcome } from '../../../protocol/objects.ts';
import type { Container, Pod, PodStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import type { EventDraft, Now } from '../decisions.ts';
import type { Intent, PodAction } from './actions.ts';
import { pullPolicyOf } from './images.ts';
import { backOffEvents } from './back-off-events.ts';
import type { PodMemory } from './memory.ts';
import { observePod } from './observe.ts';
import { podStatus, restartPolicyOf } from './pod-status.ts';
import { standingOf } from './standing.ts';
import type { ContainerStanding } from './standing.ts';

/** Ended attempts of a container that are kept, for `lastState` and `logs --previous`. */
export const KEPT_ATTEMPTS = 2;

export interface PodInput {
  uid: string;
  intent: Intent;
  /** Undefined for what only the runtime still has. */
  pod: Pod | undefined;
  /** As the runtime lists it, after our last operation on it. */
  listed: RuntimePod | undefined;
  memory: PodMemory;
  node: { name: string; hostIP: string };
}

/** What to do next for a pod: at most one step. */
export interface PodPlan {
  action?: PodAction;
  reason: string;
  /** Monotonic ms when it is worth looking again although nothing happened. */
  wakeAt?: number;
  memory: PodMemory;
  /** Undefined: there is nothing to report of it. */
  status?: PodStatus;
  events: EventDraft[];
}

interface Step {
  action?: PodAction;
  reason: string;
  wakeAt?: number;
}

/** One step of one pod: from what is wanted, what runs and what is remembered to the next action, with its reason. */
export function planPod(input: PodInput, now: Now): PodPlan {
  const { pod, listed, intent } = input;
  const spec = pod?.spec.containers ?? [];
  let memory = observePod(input.memory, spec, listed, now);
  const standings = pod === undefined ? [] : standingsOf(pod, spec, listed, memory, now);
  const status = pod === undefined ? undefined : statusOf(input, pod, memory, standings, now);
  const step = nextStep(input, memory, standings, status, now);
  const wantsRun = intent.want === 'run' && pod !== undefined;
  const told = wantsRun ? backOffEvents(pod, standings, memory) : { events: [], memory };
  memory = status === told.memory.status ? told.memory : { ...told.memory, status };
  return { ...step, memory, status, events: told.events };
}

function standingsOf(
  pod: Pod,
  containers: readonly Container[],
  listed: RuntimePod | undefined,
  memory: PodMemory,
  now: Now,
): ContainerStanding[] {
  const name = { name: pod.metadata.name, namespace: pod.metadata.namespace ?? '', uid: pod.metadata.uid };
  const policy = restartPolicyOf(pod);
  return containers.map((container) =>
    standingOf(container, listed?.containers ?? [], memory.containers[container.name], policy, name, now.monotonic),
  );
}

function statusOf(input: PodInput, pod: Pod, memory: PodMemory, standings: readonly ContainerStanding[], now: Now): PodStatus {
  const { startTime, status } = memory;
  return podStatus({ pod, listed: input.listed, standings, startTime, hostIP: input.node.hostIP, previous: status }, now);
}

function nextStep(
  input: PodInput,
  memory: PodMemory,
  standings: readonly ContainerStanding[],
  status: PodStatus | undefined,
  now: Now,
): Step {
  const { intent, pod, listed } = input;
  if (intent.want === 'leave') return { reason: intent.why };
  const running = (listed?.containers ?? []).filter((container) => container.state === 'running').map((container) => container.name);
  let step: Step;
  if (intent.want === 'run')
    step = pod === undefined ? { reason: intent.why } : planRun(input, pod, memory, standings, running, status, now);
  else if (intent.want === 'reject') step = planReject(input, intent, now);
  else if (intent.want === 'finished') step = planFinished(pod, running, intent.why);
  else step = planGone(input, intent, running);
  const { retry } = memory;
  if (step.action !== undefined && retry !== undefined && retry.of === step.action.do && now.monotonic < retry.at) {
    return { reason: `the last step failed: ${retry.message}`, wakeAt: retry.at };
  }
  return step;
}

function planGone(input: PodInput, intent: Extract<Intent, { want: 'gone' }>, running: readonly string[]): Step {
  if (running.length > 0) {
    return { action: { do: 'stopContainers', containers: running, graceSeconds: intent.graceSeconds }, reason: intent.why };
  }
  if (input.listed !== undefined) return { action: { do: 'removePod' }, reason: intent.why };
  if (!intent.bury) return { reason: intent.why };
  const finalizers = input.pod?.metadata.finalizers ?? [];
  if (finalizers.length > 0) return { reason: `it is stopped; finalizers ${finalizers.join(', ')} hold the object` };
  return { action: { do: 'bury' }, reason: intent.why };
}

function planFinished(pod: Pod | undefined, running: readonly string[], why: string): Step {
  if (running.length === 0) return { reason: why };
  const graceSeconds = pod?.spec.terminationGracePeriodSeconds ?? 30;
  return { action: { do: 'stopContainers', containers: running, graceSeconds }, reason: why };
}

function planReject(input: PodInput, intent: Extract<Intent, { want: 'reject' }>, now: Now): Step {
  const outcome: PodOutcome = {
    phase: 'Failed',
    reason: intent.reason,
    message: intent.message,
    node: input.node.name,
    finishedAt: formatTime(now.wall),
  };
  return { action: { do: 'writeOutcome', outcome }, reason: intent.why };
}

function planRun(
  input: PodInput,
  pod: Pod,
  memory: PodMemory,
  standings: readonly ContainerStanding[],
  running: readonly string[],
  status: PodStatus | undefined,
  now: Now,
): Step {
  const deadlineAt = memory.activeSince + (pod.spec.activeDeadlineSeconds ?? Infinity) * 1000;
  const ended = endOf(input, standings, status, now.monotonic >= deadlineAt, now);
  if (ended !== undefined) return ended;
  const start = standings.find((standing) => standing.phase === 'start');
  if (start !== undefined) return { ...planStart(input, memory, start, running), ...wake(standings, deadlineAt) };
  const spent = spentAttempt(input.listed, standings);
  if (spent !== undefined) return { action: spent, reason: 'a newer attempt has ended since', ...wake(standings, deadlineAt) };
  return { reason: input.intent.why, ...wake(standings, deadlineAt) };
}

function wake(standings: readonly ContainerStanding[], deadlineAt: number): { wakeAt?: number } {
  const at = Math.min(deadlineAt, ...standings.map((standing) => standing.until ?? Infinity));
  return at === Infinity ? {} : { wakeAt: at };
}

/** Its outcome, once all containers have ended for good or its time is up. Written before anything else happens to it, so that it never runs again. */
function endOf(
  input: PodInput,
  standings: readonly ContainerStanding[],
  status: PodStatus | undefined,
  late: boolean,
  now: Now,
): Step | undefined {
  const over = standings.length > 0 && standings.every((standing) => standing.phase === 'done');
  if (!over && !late) return undefined;
  const failed = !over || standings.some((standing) => standing.ended?.exitCode !== 0);
  const outcome: PodOutcome = {
    phase: failed ? 'Failed' : 'Succeeded',
    ...(over ? {} : { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' }),
    node: input.node.name,
    finishedAt: formatTime(now.wall),
    ...(over ? { containerStatuses: (status?.containerStatuses ?? []) as unknown as Json[] } : {}),
  };
  return { action: { do: 'writeOutcome', outcome }, reason: over ? 'all its containers have ended' : 'its activeDeadlineSeconds are over' };
}

function planStart(input: PodInput, memory: PodMemory, start: ContainerStanding, running: readonly string[]): Step {
  const { container, attempt, ended, latest } = start;
  const why = ended === undefined ? 'it has not run yet' : `attempt ${ended.attempt} ended with exit code ${ended.exitCode}`;
  const sandbox = input.listed?.sandbox;
  if (sandbox?.running !== true && !memory.sandboxMade) {
    if (running.length > 0) {
      const graceSeconds = input.pod?.spec.terminationGracePeriodSeconds ?? 30;
      return {
        action: { do: 'stopContainers', containers: running, graceSeconds },
        reason: 'Pod sandbox changed, it will be killed and re-created.',
      };
    }
    return { action: { do: 'createSandbox' }, reason: sandbox === undefined ? 'the pod is new here' : 'its sandbox does not run' };
  }
  if (memory.containers[container.name]?.imageReadyFor !== attempt) {
    const image = container.image ?? '';
    return {
      action: { do: 'ensureImage', container: container.name, image, policy: pullPolicyOf(container), attempt },
      reason: `container ${container.name} needs its image: ${why}`,
    };
  }
  // The remains of an attempt that could not be started are in the way of the next one.
  if (latest?.state === 'created' && latest.attempt < attempt) {
    return { action: { do: 'removeContainer', container: container.name, attempt: latest.attempt }, reason: 'it could not be started' };
  }
  return { action: { do: 'startContainer', container: container.name, attempt }, reason: `start ${container.name}: ${why}` };
}

function spentAttempt(listed: RuntimePod | undefined, standings: readonly ContainerStanding[]): PodAction | undefined {
  for (const { container } of standings) {
    const attempts = (listed?.containers ?? []).filter((listing) => listing.name === container.name);
    if (attempts.length <= KEPT_ATTEMPTS) continue;
    const oldest = attempts.reduce((left, right) => (left.attempt < right.attempt ? left : right));
    if (oldest.state !== 'running') return { do: 'removeContainer', container: container.name, attempt: oldest.attempt };
  }
  return undefined;
}
