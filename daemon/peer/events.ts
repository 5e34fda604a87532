import type { EventReport, ObservedRecord } from '../../protocol/observed.ts';
import type { KubeEvent } from '../../protocol/types.ts';
import type { EventDraft, Now } from '../core/decisions.ts';
import { ClientEvents } from '../core/events/client-events.ts';
import { EventLog } from '../core/events/event-log.ts';
import type { EventChanges } from '../core/events/kept-events.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { ObservedState } from '../ports/observed.ts';

/** Milliseconds between two looks for Events whose time is over. */
const EXPIRE_EVERY_MS = 60_000;

export interface EventRecorderDeps {
  observed: ObservedState;
  clock: Clock;
}

export interface EventRecorderOptions {
  peer: string;
  node: string;
}

/** Records Events as facts of this node, its own and those that clients write to it: nobody else may tell them, and they die with its record of them. */
export class EventRecorder {
  readonly #deps: EventRecorderDeps;
  readonly #options: EventRecorderOptions;
  readonly #log: EventLog;
  readonly #ofClients = new ClientEvents();
  #cancel: CancelTimer = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(deps: EventRecorderDeps, options: EventRecorderOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#log = new EventLog(options.node);
  }

  /** Takes up the Events of an earlier run of the daemon, whenever others tell of them: nobody else withdraws them. */
  start(): void {
    const { observed } = this.#deps;
    this.#unsubscribe = observed.onChanged((records) => this.#takeUp(records));
    this.#takeUp(observed.all());
    this.#expire();
  }

  stop(): void {
    this.#cancel();
    this.#unsubscribe();
  }

  #takeUp(records: Iterable<ObservedRecord>): void {
    const own: EventReport[] = [];
    for (const { owner, value } of records) if (owner === this.#options.peer && value?.kind === 'event') own.push(value);
    if (own.length === 0) return;
    this.#log.restore(
      own.filter(({ edit }) => edit === undefined),
      this.#now(),
    );
    this.#ofClients.restore(
      own.filter(({ edit }) => edit !== undefined),
      this.#now(),
    );
  }

  record(draft: EventDraft): void {
    this.#publish(this.#log.record(draft, this.#now()));
  }

  /** @returns what is told to others from now on. @throws what ClientEvents.write throws */
  write(event: KubeEvent, edit: number): EventChanges {
    const changes = this.#ofClients.write(event, edit, this.#now());
    this.#publish(changes);
    return changes;
  }

  #expire(): void {
    this.#publish(this.#log.expire(this.#now()));
    this.#publish(this.#ofClients.expire(this.#now()));
    this.#cancel = this.#deps.clock.after(EXPIRE_EVERY_MS, () => this.#expire());
  }

  #publish(changes: EventChanges): void {
    for (const [key, report] of changes) this.#deps.observed.publish(key, report);
  }

  #now(): Now {
    return { wall: this.#deps.clock.now(), monotonic: this.#deps.clock.monotonic() };
  }
}
