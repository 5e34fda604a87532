import type { Container, Pod } from '../../../protocol/types.ts';
import { containerNamed } from '../../core/reconcile/environment.ts';
import { handlerRequest } from '../../core/reconcile/probes/handler.ts';
import type { Handler } from '../../core/reconcile/probes/handler.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { HealthChecker } from '../../ports/health.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import { bounded } from './bounded.ts';
import { failure } from './failure.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';
import { execAnswer } from './probe-runner.ts';

export interface HookDeps {
  runtime: ContainerRuntime;
  health: HealthChecker;
  clock: Clock;
}

/** What a container is to be stopped by at the latest. */
export interface StopOrder {
  podIP: string;
  containers: readonly string[];
  /** One after the other, once the others have ended. */
  last: readonly string[];
  graceSeconds: number;
}

/** After a hook, or after others, a container still gets this long. Kubelet's minimumGracePeriodInSeconds. */
const LEAST_GRACE_SECONDS = 2;

/** Runs what containers ask for after their start and before their end. */
export class HookRunner {
  readonly #deps: HookDeps;

  constructor(deps: HookDeps) {
    this.#deps = deps;
  }

  /** A hook that failed ends its container. @throws KithError `Aborted`, and what the stop throws */
  async postStart(pod: Pod, name: string, podIP: string, graceSeconds: number, signal: AbortSignal): Promise<string | undefined> {
    const container = containerNamed(pod, name);
    const hook = container?.lifecycle?.postStart;
    if (container === undefined || hook === undefined) return undefined;
    const failed = await this.#run(pod, container, hook, podIP, LIMITS.hookTimeoutMs, signal);
    if (failed !== undefined) await this.#stopOne(pod.metadata.uid, name, graceSeconds, signal);
    return failed;
  }

  /** Hooks and stops of all, within the grace period. @returns whose hooks failed: they are stopped all the same */
  async stop(pod: Pod, order: StopOrder, signal: AbortSignal): Promise<string[]> {
    const { clock } = this.#deps;
    const begun = clock.monotonic();
    const left = (): number => order.graceSeconds - (clock.monotonic() - begun) / 1000;
    const failed: string[] = [];
    const end = async (name: string): Promise<void> => {
      const failure = await this.#preStop(pod, name, order.podIP, left(), signal);
      if (failure !== undefined) failed.push(name);
      const grace = order.graceSeconds === 0 ? 0 : Math.max(Math.min(order.graceSeconds, LEAST_GRACE_SECONDS), left());
      await this.#stopOne(pod.metadata.uid, name, grace, signal);
    };
    // Of all: one that can not be stopped is tried again, and with it those that are still ending would be.
    const ends = await Promise.allSettled(order.containers.map(end));
    for (const each of ends) if (each.status === 'rejected') throw each.reason;
    for (const name of order.last) await end(name);
    return failed;
  }

  async #preStop(pod: Pod, name: string, podIP: string, seconds: number, signal: AbortSignal): Promise<string | undefined> {
    const container = containerNamed(pod, name);
    const hook = container?.lifecycle?.preStop;
    if (container === undefined || hook === undefined || seconds <= 0) return undefined;
    return this.#run(pod, container, hook, podIP, seconds * 1000, signal);
  }

  /** @returns why it failed */
  async #run(pod: Pod, container: Container, hook: Handler, podIP: string, ms: number, signal: AbortSignal): Promise<string | undefined> {
    const { health, clock } = this.#deps;
    try {
      const request = handlerRequest(hook, container, podIP, ms);
      if (typeof request === 'string') return request;
      if (request.do === 'exec') {
        const { result, output } = await execAnswer(this.#deps, pod.metadata.uid, container.name, request.command, ms, signal);
        return result === 'success' ? undefined : output || 'the command failed';
      }
      if (request.do === 'sleep') {
        await sleep(clock, Math.min(request.ms, ms), signal);
        signal.throwIfAborted();
        return undefined;
      }
      const { result, output } = await bounded(clock, 'a hook', ms + LIMITS.probeMarginMs, signal, (inner) => health.check(request, inner));
      return result === 'failure' || result === 'unknown' ? output : undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      return failure(error).message;
    }
  }

  async #stopOne(uid: string, name: string, graceSeconds: number, signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.#deps;
    const ms = graceSeconds * 1000 + LIMITS.stopTimeoutMs;
    await bounded(clock, `stop ${name}`, ms, signal, (inner) => runtime.stopContainer(uid, name, graceSeconds, inner));
  }
}
