import { AUTOSCALERS } from '../../core/controllers/autoscaling/target.ts';
import { type UsageSample, usageBetween } from '../../core/reconcile/usage-rates.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ObservedState } from '../../ports/observed.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import { bounded } from './bounded.ts';
import { failure } from './failure.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';

export interface UsageReporterDeps {
  runtime: ContainerRuntime;
  views: { view(): ClusterView };
  observed: ObservedState;
  clock: Clock;
  log: Log;
}

/** Tells the cluster what the node and its pods use: in step with autoscalers where there are any, else seldom. It withdraws what it can no longer vouch for. */
export class UsageReporter {
  readonly #deps: UsageReporterDeps;
  readonly #engine: { state: { is: string } };
  #last: UsageSample | undefined;
  #unsaid = 0;

  constructor(deps: UsageReporterDeps, engine: { state: { is: string } }) {
    this.#deps = deps;
    this.#engine = engine;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.#deps;
    if (runtime.usage === undefined) return;
    while (!signal.aborted) {
      if (this.#engine.state.is === 'up') await this.#look(signal);
      await sleep(clock, LIMITS.usageEveryMs, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { runtime, clock, observed, log, views } = this.#deps;
    const at = { wall: clock.now(), monotonic: clock.monotonic() };
    try {
      const usage = await bounded(clock, 'ask what pods use', LIMITS.usageTimeoutMs, signal, async (inner) => runtime.usage?.(inner));
      if (usage === undefined) return;
      const before = this.#last;
      this.#last = { usage, at };
      if (before === undefined) return;
      this.#unsaid += 1;
      const isRead = views.view().list(AUTOSCALERS).length > 0;
      if (!isRead && this.#unsaid > 1 && this.#unsaid <= LIMITS.usageReportEvery) return;
      observed.publish('usage', usageBetween(before, this.#last, LIMITS.usageContainers));
      this.#unsaid = 1;
    } catch (error) {
      if (signal.aborted) return;
      this.#last = undefined;
      observed.publish('usage', null);
      log.debug('What pods use could not be found out; it is asked again', { error: failure(error).message });
    }
  }
}
