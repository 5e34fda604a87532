import type { Json } from '../../../protocol/json.ts';
import type { PodOutcome } from '../../../protocol/objects.ts';
import type { Pod, PodStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { Now } from '../decisions.ts';
import type { Intent, PodAction } from './actions.ts';
import { isSidecar } from './containers.ts';
import { hasFailedInit } from './initialization.ts';
import type { Standings } from './initialization.ts';
import { DEFAULT_GRACE_SECONDS } from './judge.ts';
import type { PodInput, Step } from './plan.ts';

/** How a pod, or what is left of it, ends. */

export const DEADLINE_MESSAGE = 'Pod was active on the node longer than the specified deadline';

/** Sidecars end after the others, the last one first. */
export function stopAll(pod: Pod | undefined, running: readonly string[], graceSeconds: number): PodAction {
  const sidecars = (pod?.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const last = sidecars.filter((name) => running.includes(name)).reverse();
  const containers = running.filter((name) => !last.includes(name));
  return { do: 'stopContainers', containers, graceSeconds, ...(last.length === 0 ? {} : { last }) };
}

export function ownGraceSeconds(pod: Pod | undefined): number {
  return pod?.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

export function planGone(input: PodInput, intent: Extract<Intent, { want: 'gone' }>, running: readonly string[], now: Now): Step {
  const { stopAt = 0 } = input;
  if (running.length > 0 && now.monotonic < stopAt) return { reason: `${intent.why}; first it leaves rotation`, wakeAt: stopAt };
  if (running.length > 0) return { action: stopAll(input.pod, running, intent.graceSeconds), reason: intent.why };
  if (input.listed !== undefined) return { action: { do: 'removePod' }, reason: intent.why };
  if (!intent.bury) return { reason: intent.why };
  const finalizers = input.pod?.metadata.finalizers ?? [];
  if (finalizers.length > 0) return { reason: `it is stopped; finalizers ${finalizers.join(', ')} hold the object` };
  return { action: { do: 'bury' }, reason: intent.why };
}

export function planFinished(pod: Pod | undefined, running: readonly string[], why: string): Step {
  return running.length === 0 ? { reason: why } : { action: stopAll(pod, running, ownGraceSeconds(pod)), reason: why };
}

/** Nothing is done to it, but what it has done may be told. Its failure is nobody's: another one is at work in its place. */
export function planLeft(
  input: PodInput,
  { why, tellsSuccess }: Extract<Intent, { want: 'leave' }>,
  standings: Standings,
  status: PodStatus | undefined,
  now: Now,
): Step {
  const ended = tellsSuccess === true && input.pod !== undefined ? endOf(input, standings, status, false, now) : undefined;
  const succeeded = ended?.action?.do === 'writeOutcome' && ended.action.outcome.phase === 'Succeeded';
  return succeeded ? ended : { reason: why };
}

export function planReject(input: PodInput, intent: Extract<Intent, { want: 'reject' }>, now: Now): Step {
  const { reason, message } = intent;
  const outcome: PodOutcome = { phase: 'Failed', reason, message, node: input.node.name, finishedAt: formatTime(now.wall) };
  return { action: { do: 'writeOutcome', outcome }, reason: intent.why };
}

/** Its outcome, once all containers have ended for good or its time is up. Written before anything else happens to it, so that it never runs again. */
export function endOf(input: PodInput, standings: Standings, status: PodStatus | undefined, late: boolean, now: Now): Step | undefined {
  const { main } = standings;
  const failedInit = hasFailedInit(standings);
  const over = failedInit || (main.length > 0 && main.every(({ phase }) => phase === 'done'));
  if (!over && !late) return undefined;
  const failed = !over || failedInit || main.some(({ ended }) => ended?.exitCode !== 0);
  const outcome: PodOutcome = {
    phase: failed ? 'Failed' : 'Succeeded',
    ...(over ? {} : { reason: 'DeadlineExceeded', message: DEADLINE_MESSAGE }),
    node: input.node.name,
    finishedAt: formatTime(now.wall),
    ...(over ? { containerStatuses: (status?.containerStatuses ?? []) as unknown as Json[] } : {}),
  };
  return { action: { do: 'writeOutcome', outcome }, reason: over ? 'all its containers have ended' : 'its activeDeadlineSeconds are over' };
}
