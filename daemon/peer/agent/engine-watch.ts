import { type Clock, sleep } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ContainerRuntime, RuntimePod } from '../../ports/runtime.ts';
import type { EngineState } from '../../core/reconcile/node-status.ts';
import { linkSignals } from '../linked-signal.ts';
import { bounded } from './bounded.ts';
import { failure } from './failure.ts';
import { AGENT_LIMITS as LIMITS, listGap } from './limits.ts';

export interface EngineWatchDeps {
  runtime: ContainerRuntime;
  clock: Clock;
  log: Log;
  /** A new list is there, or the engine went away or came back. */
  onNews(): void;
}

/** What the runtime listed, and which list it was: lists are numbered by their start, from 1. */
export interface Listing {
  serial: number;
  pods: readonly RuntimePod[];
}

/** Asks the runtime what runs: on hints, at times, and after our own steps. The list is the truth; an engine that is away is asked until it answers. */
export class EngineWatch {
  readonly #deps: EngineWatchDeps;
  #state: EngineState = { is: 'unknown' };
  #listing: Listing | undefined;
  #started = 0;
  #lastStartAt = -Infinity;
  #lastTookMs = 0;
  #dueAt = -Infinity;
  #wakeUp: AbortController | undefined;
  #failures = 0;

  constructor(deps: EngineWatchDeps) {
    this.#deps = deps;
  }

  get state(): EngineState {
    return this.#state;
  }

  /** The newest list; undefined until the first, and never taken back: what ran when the engine went away most likely still does. */
  get listing(): Listing | undefined {
    return this.#listing;
  }

  /** Serial of the first list that will have started after this moment. */
  get nextSerial(): number {
    return this.#started + 1;
  }

  /** Lists again within `ms`. */
  listWithin(ms: number): void {
    const at = this.#deps.clock.monotonic() + ms;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#wakeUp?.abort();
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#deps.runtime.onHint(() => this.listWithin(0));
    try {
      while (!signal.aborted) {
        await this.#untilDue(signal);
        if (!signal.aborted) await this.#list(signal);
      }
    } finally {
      unsubscribe();
    }
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#deps.clock.monotonic();
      const wait = Math.max(this.#dueAt, this.#lastStartAt + listGap(this.#lastTookMs)) - now;
      if (wait <= 0 || signal.aborted) return;
      this.#wakeUp = new AbortController();
      const either = linkSignals(signal, this.#wakeUp.signal);
      await sleep(this.#deps.clock, wait, either.signal);
      either.release();
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { runtime, clock } = this.#deps;
    this.#started += 1;
    const serial = this.#started;
    this.#lastStartAt = clock.monotonic();
    this.#dueAt = this.#lastStartAt + LIMITS.relistMs;
    try {
      const pods = await bounded(clock, 'list what runs', LIMITS.listTimeoutMs, signal, (inner) => runtime.list(inner));
      if (this.#state.is !== 'up') await this.#turnUp(signal);
      this.#failures = 0;
      this.#lastTookMs = clock.monotonic() - this.#lastStartAt;
      this.#listing = { serial, pods };
    } catch (error) {
      if (signal.aborted) return;
      this.#turnAway(failure(error).message);
      this.#failures += 1;
      this.listWithin(Math.min(LIMITS.engineRetryMostMs, LIMITS.engineRetryMs * 2 ** Math.min(this.#failures - 1, 10)));
    }
    this.#deps.onNews();
  }

  async #turnUp(signal: AbortSignal): Promise<void> {
    const { runtime, clock, log } = this.#deps;
    const version = await bounded(clock, 'ask for the version', LIMITS.listTimeoutMs, signal, (inner) => runtime.version(inner));
    const wasAway = this.#state.is === 'away';
    this.#state = { is: 'up', version };
    log.info(wasAway ? 'The container engine is back.' : 'The container engine answers.', { version });
  }

  #turnAway(message: string): void {
    if (this.#state.is === 'away') return;
    const version = this.#state.is === 'up' ? this.#state.version : undefined;
    this.#state = { is: 'away', message, version };
    this.#deps.log.warn('The container engine is away. What runs is left alone until it answers again.', { error: message });
    this.#deps.onNews();
  }
}
