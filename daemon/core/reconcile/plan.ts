import type { Container, Pod, PodStatus } from '../../../protocol/types.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import type { EventDraft, Now } from '../decisions.ts';
import type { Intent, PodAction } from './actions.ts';
import { backOffEvents } from './back-off-events.ts';
import { liftConfigHolds } from './config-holds.ts';
import type { ConfigSource } from './config-source.ts';
import { addedContainers, allContainers, initRestartPolicy } from './containers.ts';
import { adoptHooks } from './hooks.ts';
import { isInitialized } from './initialization.ts';
import type { Standings } from './initialization.ts';
import type { PodMemory } from './memory.ts';
import { observePod } from './observe.ts';
import { planFinished, planGone, planLeft, planReject } from './plan-end.ts';
import { planRun } from './plan-run.ts';
import { podStatus, restartPolicyOf } from './pod-status.ts';
import { syncProbes } from './probes/sync.ts';
import { standingOf } from './standing.ts';
import type { ContainerStanding, RestartPolicy } from './standing.ts';

export interface PodInput {
  uid: string;
  intent: Intent;
  /** Undefined for what only the runtime still has. */
  pod: Pod | undefined;
  /** As the runtime lists it, after our last operation on it. */
  listed: RuntimePod | undefined;
  memory: PodMemory;
  node: { name: string; hostIP: string };
  /** ConfigMaps and Secrets of the pod's namespace. */
  config: ConfigSource;
  /** Monotonic ms before which it is not told to stop: until then all nodes take it out of rotation. */
  stopAt?: number;
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

export interface Step {
  action?: PodAction;
  reason: string;
  wakeAt?: number;
}

/** One step of one pod: from what is wanted, what runs and what is remembered to the next action, with its reason. */
export function planPod(input: PodInput, now: Now): PodPlan {
  const { pod, listed, intent } = input;
  const containers = pod === undefined ? [] : allContainers(pod.spec);
  const attempts = listed?.containers ?? [];
  let memory = adoptHooks(observePod(input.memory, containers, listed, now), containers, attempts);
  if (pod !== undefined) memory = liftConfigHolds(memory, pod, input.config);
  if (intent.want === 'run') memory = syncProbes(memory, input.uid, containers, attempts, now);
  const standings = standingsOf(pod, listed, memory, now);
  const status = pod === undefined ? undefined : statusOf(input, pod, memory, standings, now);
  const step = nextStep(input, memory, standings, status, now);
  const wantsRun = intent.want === 'run' && pod !== undefined;
  const told = wantsRun ? backOffEvents(pod, [...standings.init, ...standings.main, ...standings.added], memory) : { events: [], memory };
  memory = status === told.memory.status ? told.memory : { ...told.memory, status };
  return { ...step, memory, status, events: told.events };
}

function standingsOf(pod: Pod | undefined, listed: RuntimePod | undefined, memory: PodMemory, now: Now): Standings {
  if (pod === undefined) return { init: [], main: [], added: [] };
  const name = { name: pod.metadata.name, namespace: pod.metadata.namespace ?? '', uid: pod.metadata.uid };
  const policy = restartPolicyOf(pod);
  const standing = (container: Container, own: RestartPolicy): ContainerStanding =>
    standingOf(container, listed?.containers ?? [], memory.containers[container.name], own, name, now.monotonic);
  const init = (pod.spec.initContainers ?? []).map((container) => {
    const found = standing(container, initRestartPolicy(container, policy));
    const { phase, attempt } = found;
    // What has run before the sandbox was made anew runs again.
    return phase === 'done' && attempt <= (memory.initFrom?.[container.name] ?? 0) ? { ...found, phase: 'start' as const } : found;
  });
  const main = pod.spec.containers.map((container) => standing(container, policy));
  return { init, main, added: addedContainers(pod.spec).map((container) => standing(container, 'Never')) };
}

function statusOf(input: PodInput, pod: Pod, memory: PodMemory, standings: Standings, now: Now): PodStatus {
  const { startTime, status } = memory;
  const initialized = isInitialized(standings, memory);
  return podStatus({ pod, listed: input.listed, standings, initialized, startTime, hostIP: input.node.hostIP, previous: status }, now);
}

function nextStep(input: PodInput, memory: PodMemory, standings: Standings, status: PodStatus | undefined, now: Now): Step {
  const { intent, pod, listed } = input;
  const running = (listed?.containers ?? []).filter((container) => container.state === 'running').map((container) => container.name);
  let step: Step;
  if (intent.want === 'run')
    step = pod === undefined ? { reason: intent.why } : planRun(input, pod, memory, standings, running, status, now);
  else if (intent.want === 'leave') step = planLeft(input, intent, standings, status, now);
  else if (intent.want === 'reject') step = planReject(input, intent, now);
  else if (intent.want === 'finished') step = planFinished(pod, running, intent.why);
  else step = planGone(input, intent, running, now);
  const { retry } = memory;
  if (step.action !== undefined && retry !== undefined && retry.of === step.action.do && now.monotonic < retry.at) {
    return { reason: `the last step failed: ${retry.message}`, wakeAt: retry.at };
  }
  return step;
}
