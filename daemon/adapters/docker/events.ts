import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../ports/log.ts';
import { jsonLines, READ_TIMEOUT_MS } from './client.ts';
import type { EngineClient } from './client.ts';
import { LABEL, ownerFilter } from './names.ts';
import type { Owner } from './names.ts';

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** Events that change nothing that we list. What was created counts once it starts; what is sent a signal, once it ends. */
const NOISE = /^(?:exec_|health_status|top|attach|resize|export|archive-path|extract-to-dir|create|kill)/;

/** What the engine told of. Neither: something may have happened while nobody listened. */
export interface Happening {
  podUid?: string;
  containerId?: string;
  /** It only began to run: what was known of it while it ran still holds. */
  isStart?: boolean;
}

interface EngineEvent {
  Action?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/**
 * Listens to the engine's events of our containers, and connects again for ever. Events are hints: each connection begins with one for everything, for what
 * happened while nobody listened.
 */
export class EventListener {
  readonly #client: EngineClient;
  readonly #log: Log;
  readonly #owner: Owner;
  readonly #onEvent: (event: Happening) => void;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(deps: { client: EngineClient; log: Log; onEvent: (event: Happening) => void }, owner: Owner) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#onEvent = deps.onEvent;
    this.#owner = owner;
  }

  start(): void {
    this.#running ??= this.#run(this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let retryMs = MIN_RETRY_MS;
    let away = false;
    while (!signal.aborted) {
      try {
        await this.#listen(signal, () => {
          if (away) this.#log.info('The container engine is back');
          away = false;
          retryMs = MIN_RETRY_MS;
        });
      } catch (error) {
        if (!signal.aborted && !away) {
          away = true;
          this.#log.warn('The container engine does not answer; containers run on as it left them, and Kith tries again', { error });
          this.#onEvent({});
        }
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
    }
  }

  async #listen(signal: AbortSignal, connected: () => void): Promise<void> {
    const filters = JSON.stringify({ type: ['container'], ...ownerFilter(this.#owner) });
    const stream = await this.#client.stream({ method: 'GET', path: '/events', query: { filters }, timeoutMs: READ_TIMEOUT_MS, signal });
    connected();
    this.#onEvent({});
    for await (const line of jsonLines(stream)) {
      const event = line as EngineEvent;
      if (NOISE.test(event.Action ?? '')) continue;
      const { ID: containerId, Attributes: labels } = event.Actor ?? {};
      this.#onEvent({ podUid: labels?.[LABEL.podUid], containerId, isStart: event.Action === 'start' });
    }
  }
}
