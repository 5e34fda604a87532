import type { Pod } from '../../../protocol/types.ts';
import type { EventDraft, Now } from '../decisions.ts';
import type { PodAction } from './actions.ts';
import { podEvent } from './back-off-events.ts';
import { BACK_OFF_FIRST_MS, BACK_OFF_MOST_MS, doubled, nextCrashDelay, retryAfter } from './backoff.ts';
import { START_ERROR_EXIT_CODE } from './container-status.ts';
import { withContainer } from './memory.ts';
import type { Hold, HoldReason, PodMemory } from './memory.ts';

/** How an action came out. `code` is the KithError's. */
export type ActionResult = { ok: true; image?: ImageResult } | { ok: false; code: string; message: string };

export interface ImageResult {
  /** False: it was there already. */
  pulled: boolean;
  tookMs: number;
}

export interface AfterAction {
  memory: PodMemory;
  events: EventDraft[];
}

/** Events told as an action begins. */
export function eventsBefore(action: PodAction, pod: Pod): EventDraft[] {
  if (action.do !== 'stopContainers') return [];
  return action.containers.map((name) => podEvent(pod, 'Normal', 'Killing', `Stopping container ${name}`, name));
}

/** What an action that ended adds to memory, and the Events it is told by. An engine that is away is nobody's failure. */
export function afterAction(before: PodMemory, action: PodAction, result: ActionResult, pod: Pod, now: Now): AfterAction {
  if (!result.ok && (result.code === 'RuntimeUnavailable' || result.code === 'Aborted')) return { memory: before, events: [] };
  switch (action.do) {
    case 'createSandbox':
      return result.ok
        ? cleared({ ...before, sandboxMade: true })
        : failed(before, action, result.message, now, sandboxEvents(pod, result.message));
    case 'ensureImage':
      return result.ok ? imageThere(before, action, result.image, pod) : imageMissing(before, action, result, pod, now);
    case 'startContainer':
      return result.ok ? started(before, action, pod) : notStarted(before, action, result, pod, now);
    case 'stopContainers':
    case 'removeContainer':
    case 'removePod':
    case 'writeOutcome':
    case 'bury':
      if (result.ok) return cleared(action.do === 'removePod' ? { ...before, sandboxMade: false } : before);
      return failed(before, action, result.message, now, killEvents(action, pod, result.message));
  }
}

function cleared(memory: PodMemory): AfterAction {
  return { memory: memory.retry === undefined ? memory : { ...memory, retry: undefined }, events: [] };
}

function failed(memory: PodMemory, action: PodAction, message: string, now: Now, events: EventDraft[]): AfterAction {
  const before = memory.retry?.of === action.do ? memory.retry : undefined;
  return { memory: { ...memory, retry: { ...retryAfter(before, message, now.monotonic), of: action.do } }, events };
}

function sandboxEvents(pod: Pod, message: string): EventDraft[] {
  return [podEvent(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`)];
}

function killEvents(action: PodAction, pod: Pod, message: string): EventDraft[] {
  if (action.do !== 'stopContainers' && action.do !== 'removePod') return [];
  return [podEvent(pod, 'Warning', 'FailedKillPod', `error killing pod: ${message}`)];
}

type EnsureImage = Extract<PodAction, { do: 'ensureImage' }>;
type StartContainer = Extract<PodAction, { do: 'startContainer' }>;
type Failure = Extract<ActionResult, { ok: false }>;

function imageThere(before: PodMemory, action: EnsureImage, image: ImageResult | undefined, pod: Pod): AfterAction {
  const memory = withContainer(before, action.container, { imageReadyFor: action.attempt, hold: undefined });
  const took = `${((image?.tookMs ?? 0) / 1000).toFixed(3)}s`;
  const message =
    image?.pulled === true
      ? `Successfully pulled image "${action.image}" in ${took} (${took} including waiting)`
      : `Container image "${action.image}" already present on machine`;
  return { ...cleared(memory), events: [podEvent(pod, 'Normal', 'Pulled', message, action.container)] };
}

const HOLD_REASONS: readonly string[] = ['ErrImageNeverPull', 'InvalidImageName'];

function imageMissing(before: PodMemory, action: EnsureImage, failure: Failure, pod: Pod, now: Now): AfterAction {
  const { container, image } = action;
  const reason = (HOLD_REASONS.includes(failure.code) ? failure.code : 'ErrImagePull') as HoldReason;
  const old = before.containers[container]?.hold;
  const events: EventDraft[] = [];
  // The same refusal again is not told again: only a pull is tried anew each time.
  if (reason === 'ErrImagePull' || old?.reason !== reason) {
    const told = {
      ErrImagePull: 'Failed',
      ErrImageNeverPull: 'ErrImageNeverPull',
      InvalidImageName: 'InspectFailed',
      CreateContainerError: 'Failed',
    };
    const message = reason === 'ErrImagePull' ? `Failed to pull image "${image}": ${failure.message}` : failure.message;
    events.push(podEvent(pod, 'Warning', told[reason], message, container));
    events.push(podEvent(pod, 'Warning', 'Failed', `Error: ${reason}`, container));
  }
  return { memory: withContainer(before, container, { hold: holdAfter(old, reason, failure.message, now) }), events };
}

function holdAfter(old: Hold | undefined, reason: HoldReason, message: string, now: Now): Hold {
  const failures = (old?.failures ?? 0) + 1;
  const at = now.monotonic + doubled(failures, BACK_OFF_FIRST_MS, BACK_OFF_MOST_MS);
  return { reason, message, failures, failedAt: now.monotonic, at };
}

/** The container counts as started, whatever the next list says: the delay before its next restart is set here. */
function started(before: PodMemory, action: StartContainer, pod: Pod): AfterAction {
  const memory = { ...restarting(before, action), sandboxMade: false };
  const { container } = action;
  const events = [
    podEvent(pod, 'Normal', 'Created', `Created container: ${container}`, container),
    podEvent(pod, 'Normal', 'Started', `Started container ${container}`, container),
  ];
  return { ...cleared(withContainer(memory, container, { hold: undefined })), events };
}

function restarting(before: PodMemory, { container, attempt }: StartContainer): PodMemory {
  const { ended, crashDelayMs } = before.containers[container] ?? {};
  if (attempt === 0 || ended === undefined) return before;
  return withContainer(before, container, { crashDelayMs: nextCrashDelay(crashDelayMs, ended.ranMs) });
}

/**
 * `ContainerStartFailed` uses the attempt up, like a container that ended at once. `InvalidContainer`: the engine did not even create it; the same attempt is
 * tried again later. Of anything else (a timeout) it is unknown whether it started: the next list tells.
 */
function notStarted(known: PodMemory, action: StartContainer, failure: Failure, pod: Pod, now: Now): AfterAction {
  const { container, attempt } = action;
  // The sandbox may be what was amiss.
  const before = { ...known, sandboxMade: false };
  const events = [podEvent(pod, 'Warning', 'Failed', `Error: ${failure.message}`, container)];
  if (failure.code === 'ContainerStartFailed') {
    const ended = {
      attempt,
      at: now.monotonic,
      wallAt: now.wall,
      ranMs: 0,
      exitCode: START_ERROR_EXIT_CODE,
      startError: failure.message,
    };
    const { crashDelayMs, ended: last } = before.containers[container] ?? {};
    const delay = nextCrashDelay(crashDelayMs, last?.ranMs ?? 0);
    return { memory: withContainer(before, container, { ended, crashDelayMs: delay }), events };
  }
  if (failure.code === 'InvalidContainer' || failure.code === 'ImageNotFound') {
    const old = before.containers[container]?.hold;
    const hold = holdAfter(old, 'CreateContainerError', failure.message, now);
    return { memory: withContainer(before, container, { hold, imageReadyFor: undefined }), events };
  }
  return failed(before, action, failure.message, now, events);
}
