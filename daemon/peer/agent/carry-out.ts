import type { Mutation } from '../../../protocol/desired.ts';
import type { DesiredObject, KithFields, StoredObject } from '../../../protocol/objects.ts';
import type { Pod } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { PodAction } from '../../core/reconcile/actions.ts';
import type { ActionResult } from '../../core/reconcile/after-action.ts';
import { containerStart, sandboxSpec } from '../../core/reconcile/container-start.ts';
import type { ConfigSource } from '../../core/reconcile/config-source.ts';
import { containerNamed } from '../../core/reconcile/environment.ts';
import type { PodFacts } from '../../core/reconcile/environment.ts';
import { invalidImageMessage, isImageName } from '../../core/reconcile/images.ts';
import { registryCredentials } from '../../core/reconcile/registry-credentials.ts';
import { ownGraceSeconds } from '../../core/reconcile/plan-end.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HealthChecker } from '../../ports/health.ts';
import type { Log } from '../../ports/log.ts';
import type { ContainerRuntime, ContainerStart, PulledImage, RegistryCredential, RuntimeSandbox } from '../../ports/runtime.ts';
import type { Store } from '../../ports/store.ts';
import type { ResolvedMounts } from '../../ports/volumes.ts';
import { Turnstile, bounded } from './bounded.ts';
import { failure } from './failure.ts';
import { HookRunner } from './hook-runner.ts';
import type { PodVolumes } from './pod-volumes.ts';
import { PullRecords } from './pull-records.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';

export interface CarryOutDeps {
  runtime: ContainerRuntime;
  health: HealthChecker;
  podVolumes: PodVolumes;
  clock: Clock;
  log: Log;
  /** What is remembered of images is kept there; left out: until the daemon ends. */
  store?: Pick<Store, 'entries' | 'write'>;
  write(mutations: readonly Mutation[]): Promise<unknown>;
  /** Who may start what runs at most once; without it everything may, as in tests. */
  gate?: StartGate;
}

/** @see Warden */
export interface StartGate {
  token(uid: string): number | undefined;
  admit(pod: DesiredObject, build: (pod: Pod) => ContainerStart, start: (spec: ContainerStart) => Promise<void>): Promise<void>;
}

/** The pod that an action is about. */
export interface ActionSubject {
  uid: string;
  pod: Pod;
  /** Undefined when no living object is known. */
  desired: DesiredObject | undefined;
  facts: PodFacts;
  config: ConfigSource;
  onPulling(container: string, image: string): void;
  /** Secrets that the pod names for registries are not there. */
  onNoPullSecrets(names: readonly string[]): void;
  /** The action has got its turn. */
  onBegun(): void;
}

/** Codes of pulls that have ended: of any other it is not known whether the image comes still. */
const REFUSED_PULLS: readonly string[] = ['ImageNotFound', 'ImagePullFailed'];
const NO_MOUNTS: ResolvedMounts = { mounts: [], release: async () => undefined };

export type CarriedOut = ActionResult & { sandbox?: RuntimeSandbox };

/** Takes the steps that were decided: each bounded in time, cancellable, and at most so many at once. Never throws. */
export class CarryOut {
  readonly #deps: CarryOutDeps;
  readonly #hooks: HookRunner;
  readonly #volumes: PodVolumes;
  readonly #images: PullRecords;
  readonly #pods: Turnstile;
  readonly #pulls = new Turnstile(LIMITS.pullsAtOnce);
  readonly #stops = new Turnstile(LIMITS.stopsAtOnce);

  /** @param options.podsAtOnce how many pods the engine is given to work on at a time */
  constructor(deps: CarryOutDeps, options: { podsAtOnce: number }) {
    this.#deps = deps;
    this.#hooks = new HookRunner(deps);
    this.#volumes = deps.podVolumes;
    const { runtime, store, log } = deps;
    this.#images = new PullRecords({ store, isHere: async (image) => (await runtime.findImage(image)) !== undefined, log });
    this.#pods = new Turnstile(options.podsAtOnce);
  }

  async run(action: PodAction, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    try {
      if (action.do === 'ensureImage') return await this.#ensureImage(action, subject, signal);
      const waitsLong = action.do === 'stopContainers' || action.do === 'postStart';
      const turnstile = waitsLong ? this.#stops : this.#pods;
      const result = await turnstile.run(signal, () => {
        subject.onBegun();
        return this.#take(action, subject, signal);
      });
      // A disk that hangs is not to hold up what waits for the engine.
      if (action.do === 'removePod')
        await this.#bounded('remove its volumes', LIMITS.removeTimeoutMs, signal, () => this.#volumes.remove(subject.uid));
      return result;
    } catch (error) {
      return failure(error);
    }
  }

  async #take(action: Exclude<PodAction, { do: 'ensureImage' }>, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    const { runtime } = this.#deps;
    const { uid } = subject;
    switch (action.do) {
      case 'createSandbox': {
        const make = (inner: AbortSignal): Promise<RuntimeSandbox> =>
          runtime.createSandbox(sandboxSpec(subject.pod, subject.facts.dns), inner);
        return { ok: true, sandbox: await this.#bounded('create the sandbox', LIMITS.sandboxTimeoutMs, signal, make) };
      }
      case 'mountVolumes':
        await this.#bounded('make its volumes', LIMITS.removeTimeoutMs, signal, (inner) => this.#volumes.prepare(subject, inner));
        return { ok: true };
      case 'startContainer':
        await this.#bounded(`start ${action.container}`, LIMITS.startTimeoutMs, signal, (inner) => this.#start(action, subject, inner));
        return { ok: true };
      case 'stopContainers': {
        const { containers, last = [], graceSeconds } = action;
        const order = { podIP: subject.facts.podIP, containers, last, graceSeconds };
        return { ok: true, failedHooks: await this.#hooks.stop(subject.pod, order, signal) };
      }
      case 'postStart': {
        const grace = ownGraceSeconds(subject.pod);
        const failed = await this.#hooks.postStart(subject.pod, action.container, subject.facts.podIP, grace, signal);
        return failed === undefined ? { ok: true } : { ok: false, code: 'PostStartHookError', message: failed };
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

  async #start(action: Extract<PodAction, { do: 'startContainer' }>, subject: ActionSubject, signal: AbortSignal): Promise<void> {
    const container = containerNamed(subject.pod, action.container);
    if (container === undefined) return;
    const { runtime, gate } = this.#deps;
    const built = (pod: Pod): ReturnType<typeof containerStart> =>
      containerStart(pod, container, action.attempt, subject.facts, subject.config);
    const build = (pod: Pod): ContainerStart => {
      const { wants: _found, ...start } = built(pod);
      return start;
    };
    const { wants } = built(subject.pod);
    // After it was let in: files may say by which lease.
    const start = async (spec: ContainerStart): Promise<void> => {
      const held = wants.length === 0 ? NO_MOUNTS : await this.#volumes.mounts(subject, wants, signal);
      try {
        await runtime.startContainer({ ...spec, mounts: held.mounts }, signal);
      } finally {
        await held.release();
      }
    };
    if (gate === undefined || subject.desired === undefined) await start(build(subject.pod));
    else await gate.admit(subject.desired, build, start);
  }

  async #ensureImage(action: Extract<PodAction, { do: 'ensureImage' }>, subject: ActionSubject, signal: AbortSignal): Promise<CarriedOut> {
    const { runtime, clock } = this.#deps;
    const { image, policy, container } = action;
    if (!isImageName(image)) return { ok: false, code: 'InvalidImageName', message: invalidImageMessage(image) };
    const { credentials, missing } = registryCredentials(subject.pod, image, subject.config);
    if (policy !== 'Always') {
      const look = (inner: AbortSignal): Promise<string | undefined> => runtime.findImage(image, inner);
      const id = await this.#pods.run(signal, () => this.#bounded(`look for image ${image}`, LIMITS.listTimeoutMs, signal, look));
      if (id !== undefined && (await this.#images.mayUse(id, image, credentials))) return { ok: true, image: { pulled: false, tookMs: 0 } };
    }
    // Of one that is here and that the pod may not have, too: nobody is told that it is here.
    if (policy === 'Never') {
      return { ok: false, code: 'ErrImageNeverPull', message: `Container image "${image}" is not present with pull policy of Never` };
    }
    return this.#pulls.run(signal, async () => {
      subject.onBegun();
      subject.onPulling(container, image);
      const begun = clock.monotonic();
      if (missing.length > 0) subject.onNoPullSecrets(missing);
      const { sizeBytes } = await this.#pull(image, credentials, signal);
      return { ok: true, image: { pulled: true, tookMs: clock.monotonic() - begun, sizeBytes } };
    });
  }

  /** Who may use the image is known from its pull. One without credentials that breaks off leaves what is everybody's, known or not. */
  async #pull(image: string, credentials: readonly RegistryCredential[], signal: AbortSignal): Promise<PulledImage> {
    const isGuarded = credentials.length > 0;
    const pull = (inner: AbortSignal): Promise<PulledImage> => this.#deps.runtime.pullImage(image, inner, credentials);
    if (isGuarded) await this.#images.begun(image);
    try {
      const pulled = await this.#bounded(`pull image ${image}`, LIMITS.pullTimeoutMs, signal, pull);
      await this.#images.succeeded(pulled.id, image, pulled.credential);
      return pulled;
    } catch (error) {
      if (isGuarded) await this.#images.failed(image, REFUSED_PULLS.includes(failure(error).code));
      throw error;
    }
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
