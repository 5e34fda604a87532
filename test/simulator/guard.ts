import { GuardTable } from '../../daemon/adapters/guard/table.ts';
import type { Guard, GuardedPod, ProcessMarks } from '../../daemon/ports/guard.ts';
import { leaseSettings } from '../../protocol/leases.ts';
import type { SimulatedRuntime } from '../support/simulated-runtime.ts';
import { HostClock } from '../support/virtual-clock.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** After a deadline: as late as the settings allow. */
const LATE_MS = leaseSettings.killMs - leaseSettings.guardCheckMs;

/**
 * The guard of a host outlives its daemons: the guard's own table, over a clock and an engine that are not real. It needs no daemon, and is as
 * late as it may be.
 */
export class SimGuard implements Guard {
  /** Of the host, whatever daemon runs. */
  readonly clock: HostClock;
  readonly #runtime: SimulatedRuntime;
  readonly #listeners = new Set<(uid: string, why: string) => void>();
  #table = new GuardTable();
  #looksAt = Infinity;
  #cancel: () => void = () => undefined;

  constructor(clock: VirtualClock, runtime: SimulatedRuntime) {
    this.clock = new HostClock(clock);
    this.#runtime = runtime;
  }

  /** The host lost its power. */
  reset(): void {
    this.#table = new GuardTable();
    this.#listeners.clear();
    this.#lookLater();
  }

  async start(): Promise<readonly GuardedPod[]> {
    return this.#table.all();
  }

  stop(): void {
    this.#listeners.clear();
  }

  async arm(pod: Omit<GuardedPod, 'expired'>): Promise<void> {
    const why = this.#table.arm(pod, this.clock.monotonic());
    if (why !== undefined) throw new Error(why);
    this.#lookLater();
  }

  async mark(uid: string, marks: ProcessMarks): Promise<void> {
    const why = this.#table.mark(uid, marks, this.clock.monotonic());
    if (why !== undefined) throw new Error(why);
  }

  async look(): Promise<{ seen: number; killable: number }> {
    return { seen: 1, killable: 1 };
  }

  async clear(uid: string): Promise<void> {
    this.#table.expire(uid, this.clock.monotonic());
    this.#kill(uid);
    this.#table.forget(uid);
    this.#lookLater();
  }

  async forget(uid: string): Promise<void> {
    this.#table.forget(uid);
    this.#lookLater();
  }

  onKilled(listener: (uid: string, why: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #lookLater(): void {
    const { nextAt } = this.#table;
    if (nextAt === this.#looksAt) return;
    this.#cancel();
    this.#looksAt = nextAt;
    if (nextAt === Infinity) return;
    const leftMs = nextAt - this.clock.monotonic();
    this.#cancel = this.clock.after(leftMs > 0 ? leftMs + LATE_MS : leaseSettings.guardCheckMs, () => this.#look());
  }

  /** What the guard does at each look at its clock. */
  #look(): void {
    this.#looksAt = Infinity;
    const at = this.clock.monotonic();
    const over = this.#table.due(at);
    for (const { uid } of [...over, ...this.#table.toCheck(at)]) this.#kill(uid);
    for (const { uid } of over) for (const listener of this.#listeners) listener(uid, 'its lease was over');
    this.#lookLater();
  }

  #kill(uid: string): void {
    for (const { name, state } of this.#runtime.inspect(uid)?.containers ?? [])
      if (state === 'running') this.#runtime.crash(uid, name, 137);
  }
}

/** The guard as one daemon reaches it: one that is frozen hears of kills when it thaws, one that is dead never. */
export function guardOf(guard: SimGuard, clock: HostClock): Guard {
  return {
    start: async () => guard.start(),
    stop: () => guard.stop(),
    arm: async (pod) => guard.arm(pod),
    mark: async (uid, marks) => guard.mark(uid, marks),
    look: async () => guard.look(),
    clear: async (uid) => guard.clear(uid),
    forget: async (uid) => guard.forget(uid),
    onKilled: (listener) => guard.onKilled((uid, why) => clock.run(() => listener(uid, why))),
  };
}
