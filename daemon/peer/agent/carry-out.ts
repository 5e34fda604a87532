import { KithError } from '../../../protocol/errors.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject, KithFields, StoredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { PodAction } from '../../core/reconcile/actions.ts';
import type { ActionResult } from '../../core/reconcile/after-action.ts';
import { containerStart, sandboxSpec } from '../../core/reconcile/container-start.ts';
import type { PodFacts } from '../../core/reconcile/environment.ts';
import { invalidImageMessage, isImageName } from '../../core/reconcile/images.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ContainerRuntime, RuntimeSandbox } from '../../ports/runtime.ts';
import { Turnstile, bounded } from './bounded.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';

export interface CarryOutDeps {
  runtime: ContainerRuntime;
  clock: Clock;
  write(mutations: readonly Mutation[]): Promise<unknown>;
}

/** The pod that an action is about. */
export interface ActionSubject {
  uid: string;
  pod: Pod;
  /** Undefined when no living object is known. */
  desired: DesiredObject | undefined;
  facts: PodFacts;
  onPulling(container: string, image: string): void;
  /** The action has got its turn. */
  onBegun(): void;
}

export type CarriedOut = ActionResult & { sandbox?: RuntimeSandbox };

/** Takes the steps that were decided: each bounded in time, cancellable, and at most so many at once. Never throws. */
export class CarryOut {
  readonly #deps: CarryOutDeps;
  readonly #pods: Turnstile;
  readonly #pulls = new Turnstile(LIMITS.pullsAtOnce);
  readonly #stops = new Turnstile(LIMITS.stopsAtOnce);

  /** @param options.podsAtOnce how many pods the engine is given to work on at a time */
  constructor(deps: CarryOutDeps, options: { podsAtOnce: number }) {
    this.#deps = deps;
    this.#pods = new Turnstile(options.podsAtOnce);
  }

  async run(action: PodAction, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    try {
      if (action.do === 'ensureImage') return await this.#ensureImage(action, subject, signal);
      const turnstile = action.do === 'stopContainers' ? this.#stops : this.#pods;
      return await turnstile.run(signal, () => {
        subject.onBegun();
        return this.#take(action, subject, signal);
      });
    } catch (error) {
      return failure(error);
    }
  }

  async #take(action: Exclude<PodAction, { do: 'ensureImage' }>, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    const { runtime } = this.#deps;
    const { uid } = subject;
    switch (action.do) {
      case 'createSandbox': {
        const make = (inner: AbortSignal): Promise<RuntimeSandbox> => runtime.createSandbox(sandboxSpec(subject.pod), inner);
        return { ok: true, sandbox: await this.#bounded('create the sandbox', LIMITS.sandboxTimeoutMs, signal, make) };
      }
      case 'startContainer':
        await this.#bounded(`start ${action.container}`, LIMITS.startTimeoutMs, signal, (inner) => this.#start(action, subject, inner));
        return { ok: true };
      case 'stopContainers': {
        const ms = action.graceSeconds * 1000 + LIMITS.stopTimeoutMs;
        const stop = (name: string): Promise<void> =>
          this.#bounded(`stop ${name}`, ms, signal, (inner) => runtime.stopContainer(uid, name, action.graceSeconds, inner));
        await Promise.all(action.containers.map(stop));
        return { ok: true };
      }
      case 'removeContainer': {
        const { container, attempt } = action;
        const remove = (inner: AbortSignal): Promise<void> => runtime.removeContainer(uid, container, attempt, inner);
        await this.#bounded(`remove ${container}`, LIMITS.removeTimeoutMs, signal, remove);
        return { ok: true };
      }
      case 'removePod':
        await this.#bounded('remove the pod', LIMITS.removeTimeoutMs, signal, (inner) => runtime.removePod(uid, inner));
        return { ok: true };
      case 'writeOutcome':
      case 'bury':
        return this.#write(action, subject.desired, signal);
    }
  }

  #start(action: Extract<PodAction, { do: 'startContainer' }>, subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const container = subject.pod.spec.containers.find((candidate) => candidate.name === action.container);
    if (container === undefined) return Promise.resolve();
    return this.#deps.runtime.startContainer(containerStart(subject.pod, container, action.attempt, subject.facts), signal);
  }

  async #ensureImage(action: Extract<PodAction, { do: 'ensureImage' }>, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    const { runtime, clock } = this.#deps;
    const { image, policy, container } = action;
    if (!isImageName(image)) return { ok: false, code: 'InvalidImageName', message: invalidImageMessage(image) };
    if (policy !== 'Always') {
      const look = (inner: AbortSignal): Promise<boolean> => runtime.imagePresent(image, inner);
      const present = await this.#pods.run(signal, () => this.#bounded(`look for image ${image}`, LIMITS.listTimeoutMs, signal, look));
      if (present) return { ok: true, image: { pulled: false, tookMs: 0 } };
    }
    if (policy === 'Never') {
      return { ok: false, code: 'ErrImageNeverPull', message: `Container image "${image}" is not present with pull policy of Never` };
    }
    return this.#pulls.run(signal, async () => {
      subject.onBegun();
      subject.onPulling(container, image);
      const begun = clock.monotonic();
      await this.#bounded(`pull image ${image}`, LIMITS.pullTimeoutMs, signal, (inner) => runtime.pullImage(image, inner));
      return { ok: true, image: { pulled: true, tookMs: clock.monotonic() - begun } };
    });
  }

  async #write(
    action: Extract<PodAction, { do: 'writeOutcome' | 'bury' }>,
    desired: DesiredObject | undefined,
    signal: AbortSignal,
  ): Promise<CarriedOut> {
    if (desired === undefined) return { ok: true };
    const { key, uid, object } = desired;
    let mutation: Mutation = { type: 'bury', key, uid, at: formatTime(this.#deps.clock.now()) };
    if (action.do === 'writeOutcome') {
      const kith: KithFields = { ...object.kith, outcome: action.outcome };
      const next: StoredObject = { ...object, kith };
      mutation = { type: 'update', key, uid, base: object, next };
    }
    try {
      await this.#bounded(`write ${key}`, LIMITS.writeTimeoutMs, signal, () => this.#deps.write([mutation]));
    } catch (error) {
      // Somebody else has buried it: there is nothing left to say.
      const { code } = failure(error);
      if (code !== 'NotFound' && code !== 'UidMismatch') throw error;
    }
    return { ok: true };
  }

  #bounded<Result>(what: string, ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    return bounded(this.#deps.clock, what, ms, signal, work);
  }
}

export function failure(error: unknown): { ok: false; code: string; message: string } {
  if (isKithError(error)) return { ok: false, code: error.code, message: error.message };
  return { ok: false, code: 'Internal', message: error instanceof Error ? error.message : String(error) };
}

function isKithError(error: unknown): error is KithError {
  return error instanceof KithError;
}
