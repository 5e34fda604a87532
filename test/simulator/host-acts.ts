import type { CrashMoment, SimHost } from './host.ts';
import type { Fault } from './faults.ts';
import type { Act, DiskLoss } from './scenario.ts';
import type { SimWorld } from './world.ts';

/** A trap that did not spring by then kills all the same; one that waits for a claim does not: few hosts claim. */
const TRAP_MS = 5_000;
const CLAIM_TRAP_MS = 20_000;
/** A disk that lies loses what it was given in this time before the crash. */
const TAIL_MS = 1_000;
const DAMAGED_SHARE = 0.1;

const CRASHES: Record<CrashMoment, Fault> = {
  now: 'crashedAtOnce',
  afterWrite: 'crashedAfterWrite',
  afterVote: 'crashedAfterVote',
  afterClaim: 'crashedAfterClaim',
  beforeClaimedStart: 'crashedAfterClaim',
  beforeStart: 'crashedBeforeStart',
  afterStart: 'crashedAfterStart',
};

/** What befalls one host, its daemon, clocks, disk and engine, and nobody else. */
export type HostAct = Extract<
  Act,
  {
    do:
      | 'crash'
      | 'powerCut'
      | 'restart'
      | 'upgrade'
      | 'crashStarting'
      | 'freeze'
      | 'pause'
      | 'clockJump'
      | 'clockDrift'
      | 'slowDisk'
      | 'fullDisk'
      | 'engineAway'
      | 'engineHangs'
      | 'slowPulls'
      | 'containerEnds'
      | 'containersWiped';
  }
>;

export interface Storm {
  /** Everything is put right: nothing begins any more. */
  readonly isCalm: boolean;
  /** Undoes it after that time, or when the storm ends. */
  later(forMs: number, undo: () => unknown): unknown;
}

export class HostActs {
  private readonly world: SimWorld;
  private readonly storm: Storm;

  constructor(world: SimWorld, storm: Storm) {
    this.world = world;
    this.storm = storm;
  }

  perform(host: SimHost, act: HostAct): unknown {
    const { daemon, disk, runtime } = host;
    const note = (fault: Fault): void => this.world.faults.note(fault);
    const later = (undo: () => unknown, { forMs }: { forMs: number }): unknown => this.storm.later(forMs, undo);
    switch (act.do) {
      case 'crash':
        return this.crash(host, act);
      case 'powerCut':
        return this.powerCut(host, act);
      case 'restart':
        return void this.restart(host);
      case 'upgrade':
        if (host.release !== undefined && daemon !== undefined) note('upgraded');
        host.release = undefined;
        return void this.restart(host);
      case 'crashStarting':
        return this.crashStarting(host, act.afterMs, act.downMs);
      case 'freeze':
        return this.freeze(host, act);
      case 'pause':
        return this.pause(host, act.forMs);
      case 'clockJump':
        host.aheadMs += act.byMs;
        if (daemon === undefined) return;
        daemon.clock.aheadMs = host.aheadMs;
        return note('clockJumped');
      case 'clockDrift':
        host.rate = act.rate;
        for (const clock of [daemon?.clock, daemon?.worker, host.guard.clock]) clock?.setRate(act.rate);
        return daemon === undefined ? undefined : note('clockDrifted');
      case 'slowDisk':
        disk.slowMs = act.byMs;
        return later(() => (disk.slowMs = 0), act);
      case 'fullDisk':
        disk.isFull = true;
        return later(() => (disk.isFull = false), act);
      case 'engineAway':
        runtime.away = 'connect ECONNREFUSED';
        return later(() => (runtime.away = undefined), act);
      case 'engineHangs':
        runtime.hanging.add(act.call);
        return later(() => runtime.release(act.call), act);
      case 'slowPulls':
        runtime.present.clear();
        runtime.slowPullMs = act.byMs;
        return later(() => (runtime.slowPullMs = 0), act);
      case 'containerEnds':
        return this.containerEnds(host, act);
      case 'containersWiped':
        return host.isPaused ? undefined : runtime.wipe();
    }
  }

  private crash(host: SimHost, { moment, downMs, disk }: { moment: CrashMoment; downMs: number; disk: DiskLoss }): void {
    const strike = (fault: Fault): void => {
      host.trap = undefined;
      if (host.daemon !== undefined) this.world.faults.note(fault);
      // What it answered is with the other, and what it wrote is lost, where that was still under way.
      if (moment === 'afterVote') host.disk.dropAll();
      this.world.kill(host, `a crash (${moment})`);
      this.loseDisk(host, disk);
      this.bootLater(host, downMs);
    };
    if (moment === 'now') return strike(CRASHES.now);
    const spring = (): void => strike(CRASHES[moment]);
    host.trap = { moment, spring, votes: host.disk.voteWrites };
    const isClaim = moment === 'afterClaim' || moment === 'beforeClaimedStart';
    this.world.clock.after(isClaim ? CLAIM_TRAP_MS : TRAP_MS, () => {
      if (host.trap?.spring !== spring) return;
      if (isClaim) host.trap = undefined;
      else strike(CRASHES.now);
    });
  }

  private powerCut(host: SimHost, { downMs, disk }: { downMs: number; disk: DiskLoss }): void {
    if (host.hasPower) this.world.faults.note('powerCut');
    this.world.powerCut(host);
    this.loseDisk(host, disk);
    this.bootLater(host, downMs);
  }

  private loseDisk(host: SimHost, loss: DiskLoss): void {
    if (loss === 'none') return;
    const { timeline, faults, clock } = this.world;
    host.losses += 1;
    host.lostAt = clock.monotonic();
    const { lost, fault } = this.lost(host, loss);
    if (lost > 0) faults.note(fault);
    timeline.add(host.node, `the disk loses ${lost} of its records or batches (${loss})`);
  }

  private lost(host: SimHost, loss: Exclude<DiskLoss, 'none'>): { lost: number; fault: Fault } {
    const { clock, draw } = this.world;
    const since = clock.monotonic() - TAIL_MS;
    switch (loss) {
      case 'tail':
        return { lost: host.disk.loseTail(since), fault: 'tailLost' };
      case 'torn': {
        const { lost, kept } = host.disk.tearTail(draw, since);
        // A log of writes that goes on behind a hole is noticed, one that is too short is not.
        host.damaged = lost > 0;
        return { lost, fault: kept > 0 ? 'tailTorn' : 'tailLost' };
      }
      case 'damaged':
        host.damaged = true;
        return { lost: host.disk.damage(draw, DAMAGED_SHARE), fault: 'recordsLost' };
      case 'lost': {
        const { size } = host.disk.records;
        host.disk.wipe();
        return { lost: size, fault: 'diskLost' };
      }
    }
  }

  private bootLater(host: SimHost, downMs: number): void {
    this.world.clock.after(downMs, () => {
      if (!this.storm.isCalm && !host.isGone && host.daemon === undefined) void this.world.boot(host);
    });
  }

  private async restart(host: SimHost): Promise<void> {
    const { daemon } = host;
    if (daemon === undefined) return;
    daemon.isStopping = true;
    await daemon.peer.stop();
    await daemon.replica.stop();
    if (host.daemon !== daemon) return;
    this.world.faults.note('restarted');
    this.world.kill(host, 'stopped in order');
    await this.world.boot(host);
  }

  /** Killed once now, and again so long after each of the next starts. */
  private crashStarting(host: SimHost, afterMs: readonly number[], downMs: number, again = false): void {
    if (again) this.world.faults.note('crashedStarting');
    this.world.kill(host, 'a crash');
    this.world.clock.after(downMs, () => {
      if (this.storm.isCalm || host.isGone || host.daemon !== undefined) return;
      void this.world.boot(host);
      const [first, ...rest] = afterMs;
      if (first === undefined) return;
      this.world.clock.after(first, () => {
        if (!this.storm.isCalm && host.daemon !== undefined) this.crashStarting(host, rest, downMs, true);
      });
    });
  }

  private freeze(host: SimHost, { what, forMs }: { what: 'host' | 'loop'; forMs: number }): void {
    const { daemon } = host;
    const since = this.world.clock.monotonic();
    daemon?.clock.freeze();
    if (what === 'host') daemon?.worker.freeze();
    this.storm.later(forMs, () => {
      const { timeline, faults, clock } = this.world;
      timeline.add(host.node, '→ thaws');
      if (daemon !== undefined && host.daemon === daemon) {
        faults.note(what === 'host' ? 'frozen' : 'loopStalled');
        for (const listener of this.world.onThaw) listener(host, clock.monotonic() - since);
      }
      daemon?.worker.thaw();
      daemon?.clock.thaw();
    });
  }

  private pause(host: SimHost, forMs: number): void {
    if (host.isPaused) return;
    const { daemon } = host;
    this.world.pause(host);
    this.storm.later(forMs, () => {
      const { timeline, faults } = this.world;
      if (!host.isPaused) return;
      timeline.add(host.node, '→ goes on');
      if (daemon !== undefined && host.daemon === daemon) faults.note('paused');
      this.world.goOn(host);
    });
  }

  private containerEnds({ runtime, isPaused }: SimHost, { which, exitCode }: { which: number; exitCode: number }): void {
    if (isPaused) return;
    const uids = runtime.podUids();
    const uid = uids[which % Math.max(1, uids.length)];
    if (uid !== undefined) runtime.crash(uid, 'main', exitCode);
  }
}
