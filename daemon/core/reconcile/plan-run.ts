import type { Pod, PodStatus } from '../../../protocol/types.ts';
import type { RuntimePod } from '../../ports/runtime.ts';
import type { Now } from '../decisions.ts';
import type { PodAction } from './actions.ts';
import { pullPolicyOf } from './images.ts';
import { nextToStart } from './initialization.ts';
import type { Standings } from './initialization.ts';
import type { PodMemory } from './memory.ts';
import { endOf, ownGraceSeconds, stopAll } from './plan-end.ts';
import type { PodInput, Step } from './plan.ts';
import { restartPolicyOf } from './pod-status.ts';
import { probeOf } from './probes/probe-state.ts';
import type { ContainerStanding } from './standing.ts';

/** Ended attempts of a container that are kept, for `lastState` and `logs --previous`. */
export const KEPT_ATTEMPTS = 2;

/** The next step of a pod that is to run. */
export function planRun(
  input: PodInput,
  pod: Pod,
  memory: PodMemory,
  standings: Standings,
  running: readonly string[],
  status: PodStatus | undefined,
  now: Now,
): Step {
  const deadlineAt = memory.activeSince + (pod.spec.activeDeadlineSeconds ?? Infinity) * 1000;
  const all = [...standings.init, ...standings.main, ...standings.added];
  const ended = endOf(input, standings, status, now.monotonic >= deadlineAt, now);
  if (ended !== undefined) return ended;
  if (hasLostSandbox(input, memory, running)) {
    const action = stopAll(pod, running, ownGraceSeconds(pod));
    return { action, reason: 'Pod sandbox changed, it will be killed and re-created.' };
  }
  const sick = all.find(({ health }) => health.failed !== undefined);
  if (sick !== undefined) return planRestart(pod, sick);
  const hooked = all.find(({ hook }) => hook === true);
  if (hooked !== undefined) return planHook(hooked);
  // An ephemeral one that the other side of a split knew nothing of, and whose pod was merged to theirs.
  const lost = running.filter((name) => !all.some(({ container }) => container.name === name));
  if (lost.length > 0) return { action: stopAll(pod, lost, ownGraceSeconds(pod)), reason: 'its pod has it no more' };
  const start = nextToStart(standings, memory);
  if (start !== undefined) return { ...planStart(input, memory, start), ...wake(all, deadlineAt) };
  const spent = spentAttempt(input.listed, all);
  if (spent !== undefined) return { action: spent, reason: 'a newer attempt has ended since', ...wake(all, deadlineAt) };
  return { reason: input.intent.why, ...wake(all, deadlineAt) };
}

/** What still runs has no network any more, and gets none: it went with the sandbox. */
function hasLostSandbox({ listed }: PodInput, memory: PodMemory, running: readonly string[]): boolean {
  return running.length > 0 && listed?.sandbox.running === false && !memory.sandboxMade;
}

/** Ends what failed its probe; what becomes of it then follows from the restart policy. */
function planRestart(pod: Pod, { container, health }: ContainerStanding): Step {
  const failed = health.failed ?? 'liveness';
  const graceSeconds = probeOf(container, failed)?.terminationGracePeriodSeconds ?? ownGraceSeconds(pod);
  const restarts = restartPolicyOf(pod) === 'Never' ? '' : ', will be restarted';
  const why = `failed ${failed} probe${restarts}`;
  return {
    action: { do: 'stopContainers', containers: [container.name], graceSeconds, why },
    reason: `container ${container.name} ${why}`,
  };
}

function planHook({ container, latest }: ContainerStanding): Step {
  return {
    action: { do: 'postStart', container: container.name, attempt: latest?.attempt ?? 0 },
    reason: `container ${container.name} was started`,
  };
}

function wake(standings: readonly ContainerStanding[], deadlineAt: number): { wakeAt?: number } {
  const at = Math.min(deadlineAt, ...standings.map((standing) => standing.until ?? Infinity));
  return at === Infinity ? {} : { wakeAt: at };
}

function planStart(input: PodInput, memory: PodMemory, start: ContainerStanding): Step {
  const { container, attempt, ended, latest } = start;
  const why = ended === undefined ? 'it has not run yet' : `attempt ${ended.attempt} ended with exit code ${ended.exitCode}`;
  if ((input.pod?.spec.volumes ?? []).length > 0 && memory.volumesReady !== true) {
    return { action: { do: 'mountVolumes' }, reason: 'its volumes are not there yet' };
  }
  const sandbox = input.listed?.sandbox;
  if (sandbox?.running !== true && !memory.sandboxMade) {
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
