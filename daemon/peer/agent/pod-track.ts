import { parseObjectKey } from '../../../protocol/objects.ts';
import type { DesiredObject, ObjectKey } from '../../../protocol/objects.ts';
import type { PodReport } from '../../../protocol/observed.ts';
import type { Pod, PodStatus } from '../../../protocol/types.ts';
import { interrupts, isStart } from '../../core/reconcile/actions.ts';
import type { Intent, PodAction } from '../../core/reconcile/actions.ts';
import type { PodCase } from '../../core/reconcile/judge.ts';
import type { PodMemory } from '../../core/reconcile/memory.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RuntimePod, RuntimeSandbox } from '../../ports/runtime.ts';
import { LastWords } from './last-words.ts';

/** The agent's own record of one pod: its memory, and the step that is being taken. */
export class PodTrack {
  readonly uid: string;
  readonly key: ObjectKey;
  memory: PodMemory;
  /** As last seen alive in desired state. */
  pod: Pod | undefined;
  /** As our own call made it; the next list may be older. */
  sandbox: RuntimeSandbox | undefined;
  /** A list with this number or a later one knows of that sandbox. */
  sandboxSerial = 0;
  /** Only a list with this number or a later one has seen what our last step did. */
  needsSerial = 0;
  /** An object that we have changed: until the view shows a newer one (or `until`, monotonic ms), the write is not repeated. */
  written: { object: DesiredObject; until: number } | undefined;
  /** Monotonic ms from which it may be told to stop, once it is to go. */
  stopAt: number | undefined;
  /** Why the last decision came out as it did. */
  reason = '';
  published: PodStatus | undefined;
  readonly words = new LastWords();
  /** A look will soon show more. */
  settled = true;
  /** Ends the probes that are being made. */
  readonly probing = new AbortController();
  /** Until when it leaves rotation. */
  #leaving: Promise<void> | undefined;
  #busy: { action: PodAction; abort: AbortController; begun: boolean } | undefined;

  constructor(uid: string, key: ObjectKey, memory: PodMemory) {
    this.uid = uid;
    this.key = key;
    this.memory = memory;
  }

  get busyWith(): PodAction | undefined {
    return this.#busy?.action;
  }

  begin(action: PodAction): AbortSignal {
    const abort = new AbortController();
    this.#busy = { action, abort, begun: false };
    return abort.signal;
  }

  /** The step got its turn. */
  begun(): void {
    if (this.#busy !== undefined) this.#busy.begun = true;
  }

  end(): void {
    this.#busy = undefined;
  }

  /** It is to go once `left` has come to pass, unless it may stay before. */
  async leave(left: Promise<void>, clock: Clock): Promise<void> {
    this.stopAt = Infinity;
    this.#leaving = left;
    await left;
    if (this.#leaving === left) this.stopAt = clock.monotonic();
  }

  stay(): void {
    this.stopAt = undefined;
    this.#leaving = undefined;
  }

  /** Whatever is being done for it. */
  giveUp(): void {
    this.words.giveUp();
    this.probing.abort();
    this.#busy?.abort.abort();
  }

  /** Gives the step that is being taken up, if what is wanted now asks for another one. `undefined`: the pod concerns us no more. */
  reconsider(intent: Intent | undefined): void {
    const busy = this.#busy;
    if (busy === undefined || intent?.want === 'run') return;
    const waits = !busy.begun && intent?.want !== 'gone';
    const grace = intent?.want === 'gone' ? intent.graceSeconds : Infinity;
    // What ends the pod keeps its place among those that wait, or it would never have its turn while there is news.
    const startWaits = !busy.begun && isStart(busy.action);
    if (waits || startWaits || interrupts(busy.action, grace)) busy.abort.abort();
  }
}

/**
 * The pod as listed. The address that our own call gave it counts until a list tells it; a sandbox counts until a later list does not have it.
 */
export function listedOf(track: PodTrack, listed: RuntimePod | undefined, serial: number): RuntimePod | undefined {
  if (listed === undefined && serial >= track.sandboxSerial) track.sandbox = undefined;
  const { sandbox } = track;
  if (sandbox === undefined) return listed;
  if (listed !== undefined) return listed.sandbox.ip !== '' ? listed : { ...listed, sandbox: { ...listed.sandbox, ip: sandbox.ip } };
  const { namespace, name } = parseObjectKey(track.key);
  return { uid: track.uid, namespace, name, sandbox, containers: [] };
}

/** The pod that Events and steps are about; of one that has left desired state only its name is known. */
export function subjectPod(track: PodTrack): Pod {
  if (track.pod !== undefined) return track.pod;
  const { namespace, name } = parseObjectKey(track.key);
  const metadata = { name, namespace, uid: track.uid, creationTimestamp: track.memory.startTime };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
}

/** Whether its volumes are there: made by this daemon, or by an earlier one for what runs. */
export function hasVolumes({ memory }: PodTrack, listed: RuntimePod | undefined): boolean {
  return memory.volumesReady === true || (listed?.containers ?? []).some(({ state }) => state === 'running');
}

/** The report to publish, when its status is not the one that was. */
export function newReport(track: PodTrack, pod: Pod, status: PodStatus | undefined): PodReport | undefined {
  if (status === undefined || status === track.published) return undefined;
  track.published = status;
  return { kind: 'pod', uid: track.uid, namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, status };
}

/** A pod whose object is buried is still stopped with the grace period that it had. */
export function ownGrace(podCase: PodCase, pod: Pod | undefined): PodCase['intent'] {
  const { intent, desired } = podCase;
  if (intent.want !== 'gone' || desired !== undefined || pod === undefined) return intent;
  return { ...intent, graceSeconds: pod.spec.terminationGracePeriodSeconds ?? intent.graceSeconds };
}
