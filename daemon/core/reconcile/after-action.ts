import type { Pod } from '../../../protocol/types.ts';
import type { EventDraft, Now } from '../decisions.ts';
import type { PodAction } from './actions.ts';
import { podEvent } from './back-off-events.ts';
import { BACK_OFF_FIRST_MS, BACK_OFF_MOST_MS, doubled, goDuration, nextCrashDelay, retryAfter } from './backoff.ts';
import { START_ERROR_EXIT_CODE } from './container-status.ts';
import { withContainer } from './memory.ts';
import type { Hold, HoldReason, PodMemory } from './memory.ts';

/** How soon a container that waits for its lease is tried again. */
const AWAITING_RETRY_MS = 1_000;

/** How an action came out. `code` is the KithError's. */
export type ActionResult =
  { ok: true; image?: ImageResult; failedHooks?: readonly string[] } | { ok: false; code: string; message: string };

export interface ImageResult {
  /** False: it was there already. */
  pulled: boolean;
  tookMs: number;
  /** Where the engine knows it. */
  sizeBytes?: number;
}

export interface AfterAction {
  memory: PodMemory;
  events: EventDraft[];
}

/** Events told as an action begins. */
export function eventsBefore(action: PodAction, pod: Pod): EventDraft[] {
  if (action.do !== 'stopContainers') return [];
  const message = (name: string): string => (action.why === undefined ? `Stopping container ${name}` : `Container ${name} ${action.why}`);
  return [...action.containers, ...(action.last ?? [])].map((name) => podEvent(pod, 'Normal', 'Killing', message(name), name));
}

/** What an action that ended adds to memory, and the Events it is told by. An engine that is away is nobody's failure, but not asked again without a pause: it may be there for all others. */
export function afterAction(before: PodMemory, action: PodAction, result: ActionResult, pod: Pod, now: Now): AfterAction {
  if (!result.ok && (result.code === 'RuntimeUnavailable' || result.code === 'Aborted')) {
    const memory = action.do === 'mountVolumes' ? { ...before, volumesReady: false } : before;
    return result.code === 'Aborted' ? { memory, events: [] } : failed(memory, action, result.message, now, []);
  }
  switch (action.do) {
    case 'createSandbox':
      return result.ok
        ? cleared(inNewSandbox(before, pod))
        : failed(before, action, result.message, now, sandboxEvents(pod, result.message));
    case 'mountVolumes':
      return result.ok
        ? cleared({ ...before, volumesReady: true })
        : failed({ ...before, volumesReady: false }, action, result.message, now, mountEvents(before, pod, result.message));
    case 'ensureImage':
      return result.ok ? imageThere(before, action, result.image, pod) : imageMissing(before, action, result, pod, now);
    case 'startContainer':
      return result.ok ? started(before, action, pod) : notStarted(before, action, result, pod, now);
    case 'postStart':
      return afterHook(before, action, result, pod);
    case 'stopContainers':
    case 'removeContainer':
    case 'removePod':
    case 'writeOutcome':
    case 'bury':
      if (result.ok)
        return {
          ...cleared(action.do === 'removePod' ? { ...before, sandboxMade: false, volumesReady: undefined } : before),
          events: endEvents(action, result, pod),
        };
      return failed(before, action, result.message, now, killEvents(action, pod, result.message));
  }
}

/** Init containers that have run in a sandbox before run again. */
function inNewSandbox(before: PodMemory, pod: Pod): PodMemory {
  const memory = { ...before, sandboxMade: true };
  const seen = (pod.spec.initContainers ?? []).map(({ name }) => [name, before.containers[name]?.seen] as const);
  const again = seen.flatMap(([name, attempt]) => (attempt === undefined ? [] : [[name, attempt + 1] as const]));
  return again.length === 0 ? memory : { ...memory, initFrom: Object.fromEntries(again) };
}

/** A hook that failed ends its container. What it said stays out of the Event, as upstream: it may be a secret. */
function afterHook(before: PodMemory, action: Extract<PodAction, { do: 'postStart' }>, result: ActionResult, pod: Pod): AfterAction {
  const { container, attempt } = action;
  const memory = withContainer(before, container, { hooked: attempt });
  if (result.ok) return cleared(memory);
  return {
    memory,
    events: [
      podEvent(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', container),
      podEvent(pod, 'Normal', 'Killing', 'FailedPostStartHook', container),
    ],
  };
}

function endEvents(action: PodAction, result: Extract<ActionResult, { ok: true }>, pod: Pod): EventDraft[] {
  const events = (result.failedHooks ?? []).map((container) =>
    podEvent(pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', container),
  );
  if (action.do === 'writeOutcome' && action.outcome.reason === 'DeadlineExceeded') {
    events.push(podEvent(pod, 'Normal', 'DeadlineExceeded', action.outcome.message ?? ''));
  }
  return events;
}

function cleared(memory: PodMemory): AfterAction {
  return { memory: memory.retry === undefined ? memory : { ...memory, retry: undefined }, events: [] };
}

function failed(memory: PodMemory, action: PodAction, message: string, now: Now, events: EventDraft[]): AfterAction {
  const before = memory.retry?.of === action.do ? memory.retry : undefined;
  return { memory: { ...memory, retry: { ...retryAfter(before, message, now.monotonic), of: action.do } }, events };
}

/** Told once while it stays the same. */
function mountEvents({ retry }: PodMemory, pod: Pod, message: string): EventDraft[] {
  return retry?.of === 'mountVolumes' && retry.message === message ? [] : [podEvent(pod, 'Warning', 'FailedMount', message)];
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
  const took = goDuration(image?.tookMs ?? 0);
  const size = image?.sizeBytes === undefined ? '' : `. Image size: ${image.sizeBytes} bytes.`;
  const message =
    image?.pulled === true
      ? `Successfully pulled image "${action.image}" in ${took} (${took} including waiting)${size}`
      : `Container image "${action.image}" already present on machine and can be accessed by the pod`;
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
      CreateContainerConfigError: 'Failed',
      AwaitingMajority: 'AwaitingMajority',
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

/** Of one container, before the engine is asked. Other objects can mend the first. */
const CONFIG_ERRORS: readonly string[] = ['CreateContainerConfigError', 'VerifyNonRootError', 'SubPathFailed'];

/** The container counts as started, whatever the next list says: the delay before its next restart is set here. */
function started(before: PodMemory, action: StartContainer, pod: Pod): AfterAction {
  const isMain = pod.spec.containers.some(({ name }) => name === action.container);
  const memory = { ...restarting(before, action), sandboxMade: false, ...(isMain ? { initFrom: undefined } : {}) };
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
  if (failure.code === 'AwaitingMajority') return awaitingMajority(known, container, failure.message, pod, now);
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
    return { memory: withContainer(restarting(before, action), container, { ended }), events };
  }
  if (CONFIG_ERRORS.includes(failure.code)) {
    const old = before.containers[container]?.hold;
    // Looked at again and again: told once while it stays the same.
    const isTold = old?.reason === 'CreateContainerConfigError' && old.message === failure.message;
    const hold = {
      ...holdAfter(undefined, 'CreateContainerConfigError', failure.message, now),
      ...(failure.code === 'CreateContainerConfigError' ? {} : { fixed: true as const }),
      at: now.monotonic + BACK_OFF_FIRST_MS,
    };
    return { memory: withContainer(before, container, { hold }), events: isTold ? [] : events };
  }
  if (failure.code === 'InvalidContainer' || failure.code === 'ImageNotFound') {
    const old = before.containers[container]?.hold;
    const hold = holdAfter(old, 'CreateContainerError', failure.message, now);
    return { memory: withContainer(before, container, { hold, imageReadyFor: undefined }), events };
  }
  return failed(before, action, failure.message, now, events);
}

/** No attempt is used up, and nothing is wrong with the sandbox: it starts as soon as it may. Told once while the reason stays the same. */
function awaitingMajority(before: PodMemory, container: string, message: string, pod: Pod, now: Now): AfterAction {
  const old = before.containers[container]?.hold;
  const isTold = old?.reason === 'AwaitingMajority' && old.message === message;
  const hold: Hold = { reason: 'AwaitingMajority', message, failures: 1, failedAt: now.monotonic, at: now.monotonic + AWAITING_RETRY_MS };
  const events = isTold ? [] : [podEvent(pod, 'Warning', 'AwaitingMajority', message, container)];
  return { memory: withContainer(before, container, { hold }), events };
}
