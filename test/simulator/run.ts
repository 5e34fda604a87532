import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import type { GraveLimits } from '../../daemon/peer/replica/graves.ts';
import type { HistoryLimits } from '../../daemon/peer/replica/histories.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { Acts } from './acts.ts';
import { settleAdmissions } from './admissions.ts';
import { Violation } from './checker.ts';
import type { Checker } from './checker.ts';
import { allCheckers } from './checkers/all.ts';
import { EventuallyOneLeader } from './checkers/convergence.ts';
import { FaultWatch } from './fault-watch.ts';
import type { FaultCounts } from './faults.ts';
import { Draw } from './draw.ts';
import type { SimDaemon, SimHost } from './host.ts';
import { LightDocuments } from './light-documents.ts';
import { speakAs } from './releases.ts';
import type { Scenario } from './scenario.ts';
import { SimWorld } from './world.ts';

/** Of the usual pod range, which has 32 parts so that they meet: hosts join, too. */
const MOST_IN_SMALL_RANGE = 20;
const WIDE_POD_RANGE = '10.42.0.0/16';

const TICK_MS = 500;
/** What was asked for last is on its way everywhere by then. */
const SETTLE_MS = 2_000;
/** A new cluster stands within this time. */
const FOUND_MS = 30_000;
/** Folders of manifests are looked at every 2 s, engines every 10 s. */
const STILL_MS = 5_000;
/** Everything is looked at again every 30 s (`BRAIN_LIMITS.resyncMs`): what lasts longer lasts. */
const REST_MS = 34_000;

/** Every second edit of an object that rests a moment. */
const HASTY: HistoryLimits = { changes: 3, bytes: Infinity, times: 0, restMs: 500, restlessTimes: 2 };
/** A connection that carries nothing is given up within 18 s: what was on its way over it for longer never comes (`network.ts`). */
const HASTY_GRAVES: GraveLimits = { inFlightMs: 20_000, intervals: 1 };

export interface RunOptions {
  /** Virtual ms after which a run that has not failed ends as one that passes. */
  giveUpMs?: number | undefined;
}

export interface Outcome {
  seed: number;
  failure: { checker: string; message: string } | undefined;
  /** Equal for equal runs. */
  digest: string;
  /** Simulated, ms. */
  virtualMs: number;
  /** How much of the storm was over at the end of the run. */
  stormMs: number;
  timeline: SimWorld['timeline'];
  /** What went wrong in truth. */
  faults: FaultCounts;
}

/** One scenario from the founding of the cluster to its rest, or to the first thing that must not be. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Outcome> {
  const draw = new Draw(scenario.seed ^ 0x5eed);
  const documents = scenario.documents === 'light' ? new LightDocuments() : new AutomergeDocuments();
  const { cpu, network, disorder, leases } = scenario;
  const histories = scenario.histories === 'hasty' ? HASTY : undefined;
  const graves = scenario.graves === 'hasty' ? HASTY_GRAVES : undefined;
  const podRange = scenario.peers > MOST_IN_SMALL_RANGE ? WIDE_POD_RANGE : undefined;
  const world = new SimWorld(draw, {
    cpu,
    network,
    disorder,
    documents,
    histories,
    graves,
    podRange,
    ...(leases === undefined ? {} : { leases }),
  });
  const run = new Run(world, scenario, options);
  const startedAt = world.clock.monotonic();
  const failure = await run.go();
  world.timeline.end();
  await world.stop();
  const virtualMs = world.clock.monotonic() - startedAt;
  const told = failure === undefined ? undefined : { checker: failure.checker, message: failure.message };
  const { timeline } = world;
  const { counts: faults } = world.faults;
  return { seed: scenario.seed, failure: told, digest: timeline.digest(), virtualMs, stormMs: run.stormMs, timeline, faults };
}

/** What it hears of pods, or decides: where they run, and that they are to end. A person who looks for a cause sees who knew it when. */
function tellNewsOfPods({ node }: SimHost, { replica }: SimDaemon, timeline: SimWorld['timeline']): void {
  const bound = (pod: DesiredObject | undefined): string => (pod?.object.spec as { nodeName?: string } | undefined)?.nodeName ?? '';
  const ends = (pod: DesiredObject | undefined): boolean => pod?.object.metadata.deletionTimestamp !== undefined;
  replica.onChanged((changes) => {
    for (const { key, before, after } of changes) {
      if (!key.startsWith('pods/')) continue;
      if (after === undefined) timeline.add(node, `holds now that ${key} is gone`, false);
      else if (bound(after) !== bound(before)) timeline.add(node, `holds now that ${key} (${after.uid}) runs on ${bound(after)}`, false);
      if (ends(after) && !ends(before)) timeline.add(node, `holds now that ${key} (${after?.uid}) is to end`, false);
    }
  });
}

class GaveUp extends Error {}

class Run {
  private readonly world: SimWorld;
  private readonly scenario: Scenario;
  private readonly checkers: Checker[];
  private failure: Violation | undefined;
  /** When a container or desired state changed last. */
  private changedAt = 0;
  private readonly endsAt: number;
  private stormAt = Infinity;

  constructor(world: SimWorld, scenario: Scenario, { giveUpMs = Infinity }: RunOptions) {
    this.world = world;
    this.scenario = scenario;
    this.endsAt = world.clock.monotonic() + giveUpMs;
    // It only counts; since it sees what checkers see, it is one of them.
    this.checkers = [new FaultWatch(scenario.peers), ...allCheckers()];
    world.onBoot.push((host, daemon) => this.watch(host, daemon));
    world.onThaw.push((host, stoodMs) => this.checkers.forEach((checker) => checker.onThaw?.(host, stoodMs, world)));
    world.onRequest.push((host, asked) => this.checkers.flatMap((checker) => checker.onRequest?.(host, asked, world) ?? []));
    world.onJoinAsked.push((...asked) => this.checkers.flatMap((checker) => checker.onJoinAsked?.(...asked, world) ?? []));
    world.guard = (check) => this.guarded(check);
    world.timeline.onBug = (where, message) => this.fail(new Violation('anytimeNoBug', `${where}: ${message}`));
  }

  get stormMs(): number {
    return Math.max(0, Math.min(this.scenario.stormMs, this.world.clock.monotonic() - this.stormAt));
  }

  async go(): Promise<Violation | undefined> {
    const rejected = (error: unknown): void => this.caught(error);
    process.on('unhandledRejection', rejected);
    try {
      await this.live();
    } catch (error) {
      if (!(error instanceof GaveUp)) this.caught(error);
    } finally {
      process.off('unhandledRejection', rejected);
    }
    return this.failure;
  }

  private async live(): Promise<void> {
    const { world, scenario, checkers } = this;
    await this.found();
    if (this.failure !== undefined) return;
    const acts = new Acts(world);
    this.stormAt = world.clock.monotonic();
    acts.schedule(scenario.steps);
    this.tick();
    await this.pass(scenario.stormMs);
    if (this.failure !== undefined) return;
    await this.wait(acts.calm(), FOUND_MS * 4);
    // Who was down has yet to look at its folder.
    this.changedAt = world.clock.monotonic();
    await this.pass(SETTLE_MS);
    for (const checker of checkers) {
      if (checker.missing === undefined) continue;
      const { withinMs = FOUND_MS } = checker;
      const holds = await this.pass(withinMs, () => checker.missing?.(world) === undefined, TICK_MS);
      if (!holds) this.fail(new Violation(checker.name, `${withinMs / 1000} s after all faults ended: ${checker.missing(world)}`));
      if (this.failure !== undefined) return;
      world.timeline.add('checker', `✓ ${checker.name}`);
    }
    const isStill = (): boolean =>
      world.clock.monotonic() - this.changedAt >= STILL_MS && checkers.every((checker) => checker.missing?.(world) === undefined);
    if (!(await this.pass(FOUND_MS * 4, isStill, TICK_MS)))
      this.fail(new Violation('eventuallyAtRest', 'all is as desired, and still somebody writes or starts'));
    if (this.failure !== undefined) return;
    for (const checker of checkers) checker.onRest?.(world);
    await this.pass(REST_MS);
    for (const checker of checkers) {
      await checker.atRest?.(world);
      const missing = checker.missing?.(world);
      const isBack = (): boolean => checker.missing?.(world) === undefined;
      if (missing !== undefined && !(await this.pass(checker.waversMs ?? 0, isBack, TICK_MS)))
        this.fail(new Violation(checker.name, `it held, and ${REST_MS / 1000} s later: ${missing}`));
      if (this.failure !== undefined) return;
    }
  }

  private async found(): Promise<void> {
    const { world, scenario } = this;
    const first = this.addHost(1);
    await this.wait(world.found(first), FOUND_MS);
    for (let index = 2; index <= scenario.peers; index += 1) {
      const host = this.addHost(index);
      const [member] = world.running();
      if (member !== undefined) await this.wait(world.join(host, member), FOUND_MS);
    }
    const stands = new EventuallyOneLeader();
    const isUp = (): boolean => stands.missing(world) === undefined && this.hasNamespace();
    const holds = await this.pass(FOUND_MS, isUp, 100);
    if (!holds) this.fail(new Violation('eventuallyFounded', stands.missing(world) ?? 'there is no default namespace'));
  }

  private addHost(index: number): SimHost {
    const host = this.world.addHost();
    host.release = this.scenario.releases?.[index];
    return host;
  }

  private hasNamespace(): boolean {
    return this.world.running().every(({ daemon }) => daemon.peer.objects.get('namespaces//default') !== undefined);
  }

  private watch(host: SimHost, daemon: SimDaemon): void {
    daemon.replica.onWritten(() => (this.changedAt = this.world.clock.monotonic()));
    tellNewsOfPods(host, daemon, this.world.timeline);
    host.runtime.onEvent = (event) => {
      this.changedAt = this.world.clock.monotonic();
      const name = host.runtime.inspect(event.podUid)?.name ?? event.podUid;
      const by = event.by === 'order' ? '' : ` by ${event.by}`;
      this.world.timeline.add(host.node, `container: ${event.what} ${name}/${event.container}#${event.attempt}${by}`);
      this.guarded(() => {
        for (const checker of this.checkers) checker.onContainer?.(host, event, this.world);
      });
    };
    const { writer } = daemon.peer;
    const write = writer.write.bind(writer);
    writer.write = async (mutations) => {
      for (const checker of this.checkers) checker.onAsked?.(mutations);
      const result = await write(mutations);
      this.guarded(() => {
        for (const checker of this.checkers) checker.onAcknowledged?.(host, { mutations, ...result }, this.world);
      });
      return result;
    };
    if (host.release !== undefined) speakAs(host.release, daemon, this.world.faults);
    host.watchClaims(daemon);
    for (const checker of this.checkers) checker.onBoot?.(host, daemon, this.world);
  }

  private tick(): void {
    settleAdmissions(this.world);
    this.guarded(() => {
      for (const checker of this.checkers) checker.onTick?.(this.world);
    });
    this.world.clock.after(TICK_MS, () => this.tick());
  }

  /** Lets time pass, until the condition holds (asked every `everyMs`) or something is wrong. */
  private async pass(ms: number, condition?: () => boolean, everyMs = 1_000): Promise<boolean> {
    const end = this.world.clock.monotonic() + ms;
    for (;;) {
      if (this.failure !== undefined || condition?.() === true) return true;
      const now = this.world.clock.monotonic();
      if (now >= this.endsAt) throw new GaveUp('it has run long enough');
      const left = end - now;
      if (left <= 0) return condition === undefined;
      await this.world.clock.pass(Math.min(everyMs, left), () => this.failure !== undefined);
    }
  }

  private async wait(promise: Promise<unknown>, limitMs: number): Promise<void> {
    let settled = false;
    promise.then(
      () => (settled = true),
      (error: unknown) => {
        settled = true;
        this.caught(error);
      },
    );
    if (!(await this.pass(limitMs, () => settled, 1))) this.fail(new Violation('anytimeNoBug', 'a start of a daemon does not end'));
  }

  /** Checks run inside the daemons' calls, which swallow errors: what they throw is kept here. */
  private guarded(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.caught(error);
    }
  }

  private caught(error: unknown): void {
    if (error instanceof Violation) this.fail(error);
    else this.fail(new Violation('anytimeNoBug', `threw ${error instanceof Error ? error.stack : String(error)}`));
  }

  /** The first one counts, and ends the timeline. */
  private fail(violation: Violation): void {
    if (this.failure !== undefined) return;
    this.failure = violation;
    this.world.timeline.add('checker', `✗ ${violation.message}`);
    this.world.timeline.end();
  }
}
