import { watchFor } from './watching.ts';
import type { LabEngineEvent, LabHost } from './types.ts';

export interface HostEvent extends LabEngineEvent {
  node: string;
}

/** What the engines of several hosts start and end while it is open, by their own word and in the order of their times. */
export class EngineLog {
  readonly #hosts: readonly LabHost[];
  readonly #events: HostEvent[] = [];
  readonly #ending = new AbortController();
  #watches: Promise<void>[] = [];

  constructor(hosts: readonly LabHost[]) {
    this.#hosts = hosts;
  }

  get events(): HostEvent[] {
    return [...this.#events].sort((left, right) => left.atMs - right.atMs);
  }

  /** `start POD on NODE`, `die POD on NODE`. */
  get lines(): string[] {
    return this.events.map(({ action, pod, node }) => `${action} ${pod} on ${node}`);
  }

  async open(): Promise<this> {
    this.#watches = this.#hosts.map(async ({ engine, node }) =>
      engine.watch((event) => this.#events.push({ ...event, node }), this.#ending.signal).catch(() => undefined),
    );
    // An engine takes questions in their order: what happens after this answer the watch is told.
    await Promise.all(this.#hosts.map(async ({ engine }) => engine.containers()));
    return this;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watches);
  }
}

/** Runs `during` with the log open, then watches for `quietMs` longer: fails at the first event that `allowed` does not know, tells all of them at the end. */
export async function logEngines(
  hosts: readonly LabHost[],
  quietMs: number,
  allowed: (event: HostEvent) => boolean,
  during: () => Promise<void>,
): Promise<HostEvent[]> {
  const log = await new EngineLog(hosts).open();
  const check = (): void => {
    const wrong = log.events.filter((event) => !allowed(event));
    if (wrong.length > 0)
      throw new Error(`containers were started or stopped that should not be: ${JSON.stringify(wrong)}\nof ${log.lines.join('; ')}`);
  };
  try {
    await during();
    await watchFor(quietMs, check);
    return log.events;
  } finally {
    await log.close();
  }
}
