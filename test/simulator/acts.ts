import { encodeRecords, observedSigningBytes } from '../../protocol/wire-observed.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import type { CrashMoment, SimHost } from './host.ts';
import { poison } from './poison.ts';
import { describeAct } from './scenario.ts';
import type { Act, DiskLoss, Step } from './scenario.ts';
import { Users } from './users.ts';
import { SHORT_IMAGE } from './workloads.ts';
import type { SimWorld } from './world.ts';

/** A trap that did not spring by then kills all the same. */
const TRAP_MS = 5_000;
/** A disk that lies loses what it was given in this time before the crash. */
const TAIL_MS = 1_000;
const DAMAGED_SHARE = 0.1;
/** So many hosts are never lost. */
const LEAST_HOSTS = 2;
/** A member that dies meanwhile lets nobody in. */
const JOIN_MS = 15_000;
/** Attempts to remove a host that is lost. */
const REMOVALS = 20;
/** After a pause of its host; what is promised for the kill is 100 ms. */
const GUARD_WAKES_MS = 50;
/** Far above any incarnation that a host can reach. */
export const FORGED_INCARNATION = 1_000_000;

/** Does to the world what the steps of a scenario say, and undoes it in time. */
export class Acts {
  private readonly world: SimWorld;
  private readonly undoing = new Set<() => unknown>();
  private readonly users: Users;
  /** Hosts that are being let in. */
  private readonly joining = new Set<Promise<void>>();
  /** Hosts that are started again when the calm begins. */
  private isCalm = false;

  constructor(world: SimWorld) {
    this.world = world;
    this.users = new Users(world);
    for (const host of world.hosts) prepare(host);
  }

  schedule(steps: readonly Step[]): void {
    for (const { at, act } of steps) {
      this.world.clock.after(at, () => {
        if (this.isCalm) return;
        this.world.timeline.add(whereOf(act), `→ ${describeAct(act)}`);
        if (!USERS.has(act.do)) this.world.disturb();
        this.perform(act);
      });
    }
  }

  /** Everything that went wrong is put right: the storm is over. */
  async calm(): Promise<void> {
    const { world } = this;
    this.isCalm = true;
    world.timeline.add('world', '→ the storm is over: all faults end, all hosts are up');
    const undone = [...this.undoing].map((undo) => undo());
    world.network.healAll();
    for (const host of world.lasting()) {
      host.trap = undefined;
      if (host.daemon === undefined) await world.boot(host);
    }
    await Promise.all([...undone, ...this.joining, this.users.answered()]);
    // Members end a void admission by themselves.
    for (const host of world.hosts) if (host.isGone && !host.isVoid) await this.removeForGood(host);
  }

  /** Hosts that never come back are removed, by whoever can. */
  private async removeForGood(host: SimHost): Promise<void> {
    const asked = { method: 'DELETE', target: `/api/v1/nodes/${host.node}`, what: `remove ${host.node}` };
    for (let attempt = 0; attempt < REMOVALS; attempt += 1) {
      const running = this.world.running().filter(({ isGone }) => !isGone);
      // Who was away may not have heard of it yet, and says 404.
      const knowing = running.find(({ daemon }) => daemon.peer.view.members().some(({ spec }) => spec.nodeName === host.node));
      if (knowing === undefined) return;
      await this.users.request((attempt % 2 === 0 ? knowing : running[attempt % running.length])?.index ?? 1, asked);
      await new Promise<void>((resolve) => this.world.clock.after(2_000, resolve));
    }
  }

  private perform(act: Act): unknown {
    switch (act.do) {
      case 'way':
        return this.way(act);
      case 'block':
        return this.block(act);
      case 'file':
        return this.users.file(act);
      case 'request':
        return void this.users.request(act.host, act);
      case 'deletePod':
        return void this.users.deletePod(act);
      case 'drain':
        return this.users.drain(act, (forMs, undo) => this.later(forMs, undo));
      case 'join': {
        const givenUp = new Promise<void>((resolve) => this.world.clock.after(JOIN_MS, resolve));
        const joined = Promise.race([this.join(act.by), givenUp]).finally(() => this.joining.delete(joined));
        this.joining.add(joined);
        return undefined;
      }
      case 'image':
        return this.image(act);
      case 'deletePods':
        return void this.users.deletePods(act);
      case 'deaf':
        return this.deaf(act);
      default:
        return this.toHost(act);
    }
  }

  private toHost(
    act: Exclude<Act, { do: 'way' | 'block' | 'file' | 'request' | 'deletePod' | 'deletePods' | 'drain' | 'join' | 'image' | 'deaf' }>,
  ): unknown {
    const host = this.world.host(act.host);
    if (host === undefined || host.isGone) return;
    switch (act.do) {
      case 'crash':
        return this.crash(host, act);
      case 'powerCut':
        return this.powerCut(host, act);
      case 'restart':
        return void this.restart(host);
      case 'upgrade':
        host.release = undefined;
        return void this.restart(host);
      case 'crashStarting':
        return this.crashStarting(host, act.afterMs, act.downMs);
      case 'remove':
        return this.remove(host, act.by);
      case 'lose':
        return this.lose(host, act);
      case 'freeze':
        return this.freeze(host, act);
      case 'pause':
        return this.pause(host, act.forMs);
      case 'clockJump':
        host.aheadMs += act.byMs;
        if (host.daemon !== undefined) host.daemon.clock.aheadMs = host.aheadMs;
        return;
      case 'clockDrift':
        host.rate = act.rate;
        host.daemon?.clock.setRate(act.rate);
        host.daemon?.worker.setRate(act.rate);
        host.guard.clock.setRate(act.rate);
        return;
      case 'slowDisk':
        host.disk.slowMs = act.byMs;
        return this.later(act.forMs, () => (host.disk.slowMs = 0));
      case 'fullDisk':
        host.disk.isFull = true;
        return this.later(act.forMs, () => (host.disk.isFull = false));
      case 'engineAway':
        host.runtime.away = 'connect ECONNREFUSED';
        return this.later(act.forMs, () => (host.runtime.away = undefined));
      case 'engineHangs':
        host.runtime.hanging.add(act.call);
        return this.later(act.forMs, () => host.runtime.release(act.call));
      case 'containerEnds':
        return this.containerEnds(host, act);
      case 'containersWiped':
        return host.runtime.wipe();
      case 'forge':
        return this.forge(host, act.victim);
      case 'poison':
        return void this.poison(host);
    }
  }

  /** @param undo after that time, or when the storm ends; at once when it has ended while somebody still waited for an answer */
  private later(forMs: number, undo: () => unknown): unknown {
    if (this.isCalm) return undo();
    this.world.troubles += 1;
    const once = (): unknown => {
      if (!this.undoing.delete(once)) return undefined;
      this.world.troubles -= 1;
      this.world.disturb();
      return undo();
    };
    this.undoing.add(once);
    this.world.clock.after(forMs, once);
    return undefined;
  }

  private way({ from, to, fault, forMs }: Extract<Act, { do: 'way' }>): void {
    const [one, other] = [this.world.host(from), this.world.host(to)];
    if (one === undefined || other === undefined) return;
    this.world.network.setWay(one.id, other.id, fault);
    this.later(forMs, () => this.world.network.setWay(one.id, other.id, {}));
  }

  private block({ ways, forMs }: Extract<Act, { do: 'block' }>): void {
    const { network } = this.world;
    const ends = ways.map(([from, to]) => [this.world.host(from)?.id ?? '', this.world.host(to)?.id ?? ''] as const);
    for (const [from, to] of ends) network.block(from, to);
    this.later(forMs, () => {
      for (const [from, to] of ends) network.unblock(from, to);
    });
  }

  private crash(host: SimHost, { moment, downMs, disk }: { moment: CrashMoment; downMs: number; disk: DiskLoss }): void {
    const spring = (): void => {
      host.trap = undefined;
      this.world.kill(host, `a crash (${moment})`);
      this.loseDisk(host, disk);
      this.bootLater(host, downMs);
    };
    if (moment === 'now') return spring();
    host.trap = { moment, spring };
    this.world.clock.after(TRAP_MS, () => {
      if (host.trap?.spring === spring) spring();
    });
  }

  private powerCut(host: SimHost, { downMs, disk }: { downMs: number; disk: DiskLoss }): void {
    this.world.powerCut(host);
    this.loseDisk(host, disk);
    this.bootLater(host, downMs);
  }

  private loseDisk(host: SimHost, loss: DiskLoss): void {
    const { timeline, clock, draw } = this.world;
    if (loss === 'none') return;
    host.losses += 1;
    if (loss === 'lost') host.disk.wipe();
    const lost =
      loss === 'tail'
        ? host.disk.loseTail(clock.monotonic() - TAIL_MS)
        : loss === 'damaged'
          ? host.disk.damage(draw, DAMAGED_SHARE)
          : 'all';
    if (loss === 'damaged') host.damaged = true;
    timeline.add(host.node, `the disk loses ${lost} of its records or batches (${loss})`);
  }

  private bootLater(host: SimHost, downMs: number): void {
    this.world.clock.after(downMs, () => {
      if (!this.isCalm && !host.isGone && host.daemon === undefined) void this.world.boot(host);
    });
  }

  private async restart(host: SimHost): Promise<void> {
    const { daemon } = host;
    if (daemon === undefined) return;
    await daemon.peer.stop();
    await daemon.replica.stop();
    if (host.daemon !== daemon) return;
    this.world.kill(host, 'stopped in order');
    await this.world.boot(host);
  }

  /** Killed once now, and again so long after each of the next starts. */
  private crashStarting(host: SimHost, afterMs: readonly number[], downMs: number): void {
    this.world.kill(host, 'a crash');
    this.world.clock.after(downMs, () => {
      if (this.isCalm || host.isGone || host.daemon !== undefined) return;
      void this.world.boot(host);
      const [first, ...rest] = afterMs;
      if (first === undefined) return;
      this.world.clock.after(first, () => {
        if (!this.isCalm && host.daemon !== undefined) this.crashStarting(host, rest, downMs);
      });
    });
  }

  /** It runs on, and is to hear that it is no member any more. */
  private remove(host: SimHost, by: number): void {
    if (this.world.lasting().length <= LEAST_HOSTS || by === host.index) return;
    host.isGone = true;
    void this.users.request(by, { method: 'DELETE', target: `/api/v1/nodes/${host.node}`, what: `remove ${host.node}` });
  }

  private lose(host: SimHost, { removeAfterMs, by }: { removeAfterMs: number; by: number }): void {
    const { world } = this;
    if (world.lasting().length <= LEAST_HOSTS) return;
    host.isGone = true;
    world.powerCut(host);
    host.runtime.wipe();
    world.clock.after(removeAfterMs, () => {
      if (!this.isCalm)
        void this.users.request(by, { method: 'DELETE', target: `/api/v1/nodes/${host.node}`, what: `remove ${host.node}` });
    });
  }

  private freeze(host: SimHost, { what, forMs }: { what: 'host' | 'loop'; forMs: number }): void {
    const { daemon } = host;
    daemon?.clock.freeze();
    if (what === 'host') daemon?.worker.freeze();
    this.later(forMs, () => {
      this.world.timeline.add(host.node, '→ thaws');
      daemon?.worker.thaw();
      daemon?.clock.thaw();
    });
  }

  /** The guard is the last to wake up. */
  private pause(host: SimHost, forMs: number): void {
    const { daemon, guard } = host;
    host.isPaused = true;
    for (const clock of [daemon?.clock, daemon?.worker, guard.clock]) clock?.freeze();
    this.later(forMs, () => {
      const { timeline, clock } = this.world;
      timeline.add(host.node, '→ goes on');
      host.isPaused = false;
      host.thawedAt = clock.monotonic();
      daemon?.worker.thaw();
      daemon?.clock.thaw();
      clock.after(GUARD_WAKES_MS, () => guard.clock.thaw());
    });
  }

  private containerEnds(host: SimHost, { which, exitCode }: { which: number; exitCode: number }): void {
    const uids = host.runtime.podUids();
    const uid = uids[which % Math.max(1, uids.length)];
    if (uid !== undefined) host.runtime.crash(uid, 'main', exitCode);
  }

  private image({ image, behaviour, forMs }: Extract<Act, { do: 'image' }>): void {
    const set = (value: typeof behaviour): void => {
      for (const { runtime } of this.world.hosts) runtime.behave(image, value);
    };
    set(behaviour);
    this.later(forMs, () => set(image === SHORT_IMAGE ? SHORT : {}));
  }

  private forge(host: SimHost, victimIndex: number): void {
    const victim = this.world.host(victimIndex);
    if (victim === undefined || victim === host || host.daemon === undefined) return;
    const value = { kind: 'node' as const, status: {}, version: 'forged' };
    const unsigned = { owner: victim.id, node: victim.node, incarnation: FORGED_INCARNATION, sequence: 1, key: 'node', value };
    const signature = Buffer.from(fakeIdentity(host.id).sign(observedSigningBytes(unsigned))).toString('base64url');
    void host.daemon.transport.publish('observed', encodeRecords([{ ...unsigned, signature }]));
  }

  private async poison({ daemon }: SimHost): Promise<void> {
    const envelope = await poison(this.world.documents);
    daemon?.clock.run(() => void daemon.replica.merge(envelope).catch(() => undefined));
  }

  private async join(by: number): Promise<void> {
    const member = this.world.running().find(({ index, daemon }) => index >= by && daemon.peer.view.complete);
    if (member === undefined) return;
    const host = this.world.addHost();
    prepare(host);
    await this.world.join(host, member).catch((error: unknown) => {
      this.world.timeline.add(host.node, `can't join: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  private deaf({ loss, forMs }: Extract<Act, { do: 'deaf' }>): void {
    this.world.network.gossipLoss = loss;
    this.later(forMs, () => (this.world.network.gossipLoss = 0));
  }
}

/** What is no trouble to a healthy cluster. */
const USERS: ReadonlySet<string> = new Set(['request', 'file', 'deletePod', 'deletePods', 'containerEnds', 'poison']);

/** Images that end by themselves; the others run until they are stopped. */
const SHORT = { exitAfterMs: 5_000, exitCode: 0 };

function prepare(host: SimHost): void {
  host.runtime.behaviours.set(SHORT_IMAGE, SHORT);
}

function whereOf(act: Act): string {
  return 'host' in act ? `node-${act.host}` : 'world';
}
