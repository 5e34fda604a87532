import type { Mutation } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import { livenessSettings } from '../../protocol/liveness.ts';
import { objectKey, parseObjectKey } from '../../protocol/objects.ts';
import type { ClusterIndex } from '../core/cluster/view.ts';
import { emptyMemory } from '../core/controllers/plan.ts';
import type { EventDraft } from '../core/decisions.ts';
import type { OrphanMemory } from '../core/heirs/claims.ts';
import type { CancelTimer, Clock } from '../ports/clock.ts';
import type { Liveness } from '../ports/liveness.ts';
import type { Log } from '../ports/log.ts';
import type { AntiEntropy } from './anti-entropy.ts';
import type { Comparisons } from './comparisons.ts';
import { type PassPlan, planPass, STANDING_REASONS, type WorkUnit } from './brain-plan.ts';
import { WakeQueue } from './wake-queue.ts';

/** Bounds and times of the loop. */
export const BRAIN_LIMITS = {
  /** ms that changes are let come together. */
  coalesceMs: 5,
  /** Keys looked at in one pass, so that the loop stays free for others. */
  passKeys: 500,
  /** Mutations in one write. */
  writeMutations: 500,
  /** ms between two looks at everything: whatever was missed is found then. */
  resyncMs: 30_000,
  /** ms after a write that did not apply; doubled each time up to the second. */
  retryFirstMs: 100,
  retryMostMs: 10_000,
  /** Keys whose failed attempts are counted. */
  retriedKeys: 10_000,
  /** ms after a change of pods or nodes when pods without a node are tried again. */
  rescheduleMs: 1_000,
  /** ms that a peer which stood still decides nothing, if it has not compared with another sooner, … */
  heldBackMs: 3_000,
  /** … and between two looks whether it has. */
  heldBackLookMs: 50,
  /** Standing Events remembered, so that they are not repeated, … */
  toldEvents: 10_000,
  /** … but after so many ms: an Event that is told no more is gone after an hour. */
  toldAgainMs: 1_800_000,
} as const;

/** The write lost a race: what it was decided on has changed, and the change is in the view or on its way. */
const RACE_CODES: ReadonlySet<string> = new Set(['AlreadyExists', 'NotFound', 'UidMismatch', 'Overtaken']);

export interface BrainDeps {
  view: ClusterIndex & { keys(): Iterable<ObjectKey> };
  /** Resolves once the batch is on disk here and applied to the view; need not wait for other members. All of it applies, or none. */
  write(mutations: readonly Mutation[]): Promise<unknown>;
  record(event: EventDraft): void;
  /** These keys may show something else now, though nothing changed but the time. */
  showAgain?(keys: readonly ObjectKey[]): void;
  /** Whether this peer has held, since its start and since it last stood still, all that some complete member held. */
  antiEntropy?: Pick<AntiEntropy, 'hasCaughtUp' | 'fallBehind'>;
  comparisons?: Pick<Comparisons, 'compareWith'>;
  liveness?: Pick<Liveness, 'doubt'>;
  clock: Clock;
  log: Log;
}

/**
 * The loop that carries out what is decided about the cluster: changed keys come in, decisions go out as writes and Events. One pass at a time. An heir's
 * duties are done on every peer, the controllers' and the scheduler's by the leader, and nothing by a peer whose state is not complete or that was removed.
 */
export class Brain {
  private readonly deps: BrainDeps;
  private readonly dirty = new Set<ObjectKey>();
  private readonly wakes: WakeQueue;
  private readonly attempts = new Map<ObjectKey, number>();
  private readonly unplaced = new Set<ObjectKey>();
  /** What lasts, by object and reason: what was said of it, and when (monotonic ms). */
  private readonly told = new Map<string, { message: string; at: number }>();
  private readonly orphans: OrphanMemory = { nodes: new Map(), since: new Map() };
  private memory = emptyMemory();
  private heldBackUntil = Number.NEGATIVE_INFINITY;
  private wasLeader = false;
  private wasComplete = false;
  private running = false;
  private passing: Promise<void> | undefined;
  private cancelPass: CancelTimer | undefined;
  private cancelResync: CancelTimer | undefined;

  constructor(deps: BrainDeps) {
    this.deps = deps;
    this.wakes = new WakeQueue(deps.clock, (keys) => {
      deps.showAgain?.(keys);
      this.touch(keys);
    });
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.running = true;
    this.orphans.startedAt = this.deps.clock.monotonic();
    this.resync();
  }

  /** Resolves when the pass that is under way has ended. */
  async stop(): Promise<void> {
    this.running = false;
    this.cancelPass?.();
    this.cancelPass = undefined;
    this.cancelResync?.();
    await this.passing;
    // Also what that pass asked for.
    this.wakes.clear();
  }

  /** To be called after every change of the view, also when no key is affected: leadership may have changed. */
  touch(keys: Iterable<ObjectKey>): void {
    for (const key of keys) this.dirty.add(key);
    const { leader, complete } = this.deps.view;
    if ((leader.isSelf && !this.wasLeader) || (complete && !this.wasComplete)) this.touchAll();
    if (!leader.isSelf) this.memory = emptyMemory();
    this.wasLeader = leader.isSelf;
    this.wasComplete = complete;
    this.schedulePass();
  }

  private touchAll(): void {
    for (const key of this.deps.view.keys()) this.dirty.add(key);
  }

  private resync(): void {
    this.touchAll();
    this.touch([]);
    this.cancelResync = this.deps.clock.after(BRAIN_LIMITS.resyncMs, () => this.resync());
  }

  /**
   * To be called when this peer stood still for so long that others may have taken its place. It decides nothing until it has caught up with them: it may even
   * lead, as far as it knows, and its next pod of a slot would be the same object as theirs, bound elsewhere.
   */
  stoodStill(): void {
    if (this.deps.antiEntropy?.fallBehind() !== true) return;
    this.heldBackUntil = this.deps.clock.monotonic() + BRAIN_LIMITS.heldBackMs;
  }

  private isHeldBack(): boolean {
    return this.deps.clock.monotonic() < this.heldBackUntil && this.deps.antiEntropy?.hasCaughtUp === false;
  }

  private schedulePass(): void {
    if (!this.running || this.passing !== undefined || this.cancelPass !== undefined || this.dirty.size === 0) return;
    const { clock } = this.deps;
    const delayMs = this.isHeldBack() ? BRAIN_LIMITS.heldBackLookMs : BRAIN_LIMITS.coalesceMs;
    const due = clock.monotonic() + delayMs;
    this.cancelPass = clock.after(delayMs, () => {
      this.cancelPass = undefined;
      // Which of the timers that are late comes first is chance.
      if (clock.monotonic() - due >= livenessSettings.leaderLostMs) this.stoodStill();
      if (this.isHeldBack()) return this.schedulePass();
      this.passing = this.pass().finally(() => {
        this.passing = undefined;
        this.schedulePass();
      });
    });
  }

  private async pass(): Promise<void> {
    const { view, clock, log } = this.deps;
    if (!view.complete || view.removed) {
      this.dirty.clear();
      return;
    }
    const keys = this.takeKeys();
    this.orphans.caughtUp = this.deps.antiEntropy?.hasCaughtUp;
    try {
      const now = { wall: clock.now(), monotonic: clock.monotonic() };
      const plan = planPass(view, keys, now, { isLeader: view.leader.isSelf, orphans: this.orphans, memory: this.memory });
      for (const { key, at } of plan.wakes) this.wakes.add(key, at);
      this.askOthers(plan);
      this.noteUnplaced(keys, plan.unplaced);
      await this.carryOut(plan.units);
    } catch (error) {
      // A bug, or one bad object: each key is tried alone, so that only the bad one waits.
      if (keys.length > 1) await this.passOneByOne(keys);
      else {
        log.error('deciding about an object failed; it is tried again', { key: keys[0], error: String(error) });
        for (const key of keys) this.retry(key);
      }
    }
  }

  private async passOneByOne(keys: readonly ObjectKey[]): Promise<void> {
    const { view, clock, log } = this.deps;
    for (const key of keys) {
      try {
        const now = { wall: clock.now(), monotonic: clock.monotonic() };
        const plan = planPass(view, [key], now, { isLeader: view.leader.isSelf, orphans: this.orphans, memory: this.memory });
        for (const wake of plan.wakes) this.wakes.add(wake.key, wake.at);
        this.askOthers(plan);
        await this.carryOut(plan.units);
      } catch (error) {
        log.error('deciding about an object failed; it is tried again', { key, error: String(error) });
        this.retry(key);
      }
    }
  }

  private askOthers({ compares, doubts }: PassPlan): void {
    for (const [peer, since] of compares) this.deps.comparisons?.compareWith(peer, since);
    for (const peer of doubts) this.deps.liveness?.doubt(peer);
  }

  private takeKeys(): ObjectKey[] {
    const keys: ObjectKey[] = [];
    for (const key of this.dirty) {
      if (keys.length >= BRAIN_LIMITS.passKeys) break;
      this.dirty.delete(key);
      keys.push(key);
    }
    return keys;
  }

  /** Pods without a node are tried again soon after anything that may have made room. */
  private noteUnplaced(keys: readonly ObjectKey[], unplaced: readonly ObjectKey[]): void {
    const madeRoom = keys.some((key) => {
      const { resource } = parseObjectKey(key);
      return (resource === 'pods' && !this.unplaced.has(key)) || resource === 'nodes';
    });
    for (const key of keys) this.unplaced.delete(key);
    if (madeRoom) {
      const at = this.deps.clock.monotonic() + BRAIN_LIMITS.rescheduleMs;
      for (const key of this.unplaced) this.wakes.add(key, at);
    }
    for (const key of unplaced) this.unplaced.add(key);
  }

  private async carryOut(units: readonly WorkUnit[]): Promise<void> {
    let batch: WorkUnit[] = [];
    let size = 0;
    for (const unit of units) {
      if (size > 0 && size + unit.mutations.length > BRAIN_LIMITS.writeMutations) {
        await this.carryOutBatch(batch);
        [batch, size] = [[], 0];
      }
      batch.push(unit);
      size += unit.mutations.length;
    }
    await this.carryOutBatch(batch);
  }

  /** Together if that applies, else one by one: then only what lost a race is done again. */
  private async carryOutBatch(batch: readonly WorkUnit[]): Promise<void> {
    if (batch.length === 0) return;
    const mutations = batch.flatMap((unit) => unit.mutations);
    if (mutations.length > 0) {
      try {
        await this.deps.write(mutations);
      } catch (error) {
        if (batch.length === 1) this.failed(batch[0], error);
        else for (const unit of batch) await this.carryOutBatch([unit]);
        return;
      }
    }
    for (const unit of batch) this.done(unit);
  }

  private done(unit: WorkUnit): void {
    this.attempts.delete(unit.key);
    if (unit.mutations.length > 0) {
      this.deps.log.debug('decided', { key: unit.key, reason: unit.reason, writes: unit.mutations.length });
    }
    for (const event of unit.events) if (this.isNews(unit, event)) this.record(event);
  }

  /** What the same write made has its uid only now. Who was quicker to make it tells of it. */
  private record(event: EventDraft): void {
    const { uid, name, namespace = '' } = event.about.metadata;
    if (uid !== '' || event.about.kind !== 'Pod') return this.deps.record(event);
    const made = this.deps.view.get(objectKey('pods', namespace, name));
    const binding = made?.object.kith?.binding;
    if (made !== undefined && binding?.at === event.about.kith?.binding?.at) this.deps.record({ ...event, about: made.object });
  }

  private failed(unit: WorkUnit | undefined, error: unknown): void {
    if (unit === undefined) return;
    const code: unknown = error instanceof KithError ? error.code : undefined;
    const fields = { key: unit.key, reason: unit.reason, error: String(error) };
    if (typeof code === 'string' && RACE_CODES.has(code)) this.deps.log.debug('a decision was overtaken; it is taken anew', fields);
    else this.deps.log.warn('a decision could not be written; it is tried again', fields);
    this.retry(unit.key);
  }

  private retry(key: ObjectKey): void {
    const attempt = this.attempts.get(key) ?? 0;
    if (this.attempts.size >= BRAIN_LIMITS.retriedKeys) this.attempts.clear();
    this.attempts.set(key, attempt + 1);
    const delayMs = Math.min(BRAIN_LIMITS.retryMostMs, BRAIN_LIMITS.retryFirstMs * 2 ** Math.min(attempt, 20));
    if (this.running) this.wakes.add(key, this.deps.clock.monotonic() + delayMs);
  }

  /** What tells of a write is news each time. What nothing was done about lasts, and is found again at each look. */
  private isNews({ mutations }: WorkUnit, { about, reason, message }: EventDraft): boolean {
    if (mutations.length > 0 && !STANDING_REASONS.has(reason)) return true;
    const name = `${about.metadata.uid}/${reason}`;
    const now = this.deps.clock.monotonic();
    const before = this.told.get(name);
    if (before?.message === message && now - before.at < BRAIN_LIMITS.toldAgainMs) return false;
    this.told.set(name, { message, at: now });
    if (this.told.size > BRAIN_LIMITS.toldEvents) this.told.clear();
    return true;
  }
}
