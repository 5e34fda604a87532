import { encodeRecords } from '../../protocol/wire-observed.ts';
import { isElectorateLost } from './checkers/electors.ts';
import { forgedRecords } from './forging.ts';
import { HostActs } from './host-acts.ts';
import type { SimHost } from './host.ts';
import { ONCE } from './plots/once.ts';
import { Joining } from './joining.ts';
import { Removing } from './removing.ts';
import { poison } from './poison.ts';
import { describeAct } from './scenario.ts';
import type { Act, Step } from './scenario.ts';
import { Users } from './users.ts';
import { SHORT_IMAGE } from './workloads.ts';
import type { SimWorld } from './world.ts';

/** Does to the world what the steps of a scenario say, and undoes it in time. */
export class Acts {
  private readonly world: SimWorld;
  private readonly undoing = new Set<() => unknown>();
  private readonly users: Users;
  private readonly onHosts: HostActs;
  private readonly removing: Removing;
  private readonly joining: Joining;
  /** Hosts that are started again when the calm begins. */
  isCalm = false;

  constructor(world: SimWorld) {
    this.world = world;
    this.users = new Users(world);
    this.onHosts = new HostActs(world, this);
    this.joining = new Joining(world, this, this.users);
    this.removing = new Removing(world, this, this.users);
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
    await Promise.all([...undone, this.joining.settled(), this.users.answered()]);
    // Members end a void admission by themselves.
    for (const host of world.hosts) if (host.isGone && !host.isVoid) await this.removing.removeForGood(host);
    if (world.hasLeases && isElectorateLost(world)) await this.giveUpLeased();
  }

  /** What runs at most once never starts again: of two electors, say, one is lost, and its node was deleted (docs/at-most-one.md). */
  private async giveUpLeased(): Promise<void> {
    this.world.faults.note('electorateLost');
    const host = this.world.running().find(({ isGone }) => !isGone);
    for (const { app, target } of ONCE) await this.users.request(host?.index ?? 1, { method: 'DELETE', target, what: `delete ${app}` });
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
      case 'join':
        return this.joining.join(act, prepare);
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
    if (act.do === 'rejoin' && host !== undefined) return this.joining.rejoin(host);
    if (act.do === 'rejoin' || host === undefined || host.isGone) return;
    switch (act.do) {
      case 'remove':
        return void this.removing.remove(host, act.by);
      case 'lose':
        return this.removing.lose(host, act);
      case 'confirmDead':
        return void this.removing.confirmOff(host, act.by);
      case 'forge':
        return this.forge(host, act.victim);
      case 'poison':
        return void this.poison(host);
      default:
        return this.onHosts.perform(host, act);
    }
  }

  /** @param undo after that time, or when the storm ends; at once when it has ended while somebody still waited for an answer */
  later(forMs: number, undo: () => unknown): unknown {
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
    const third = this.world.running().find((other) => other !== victim && other !== host) ?? host;
    const records = forgedRecords(host, victim, third);
    this.world.faults.note('forged', records.length);
    for (const record of records) void host.daemon.transport.publish('observed', encodeRecords([record]));
  }

  private async poison({ daemon }: SimHost): Promise<void> {
    const envelope = await poison(this.world.documents);
    if (daemon !== undefined) this.world.faults.note('poisoned');
    daemon?.clock.run(() => void daemon.replica.merge(envelope).catch(() => undefined));
  }

  private deaf({ loss, forMs }: Extract<Act, { do: 'deaf' }>): void {
    this.world.network.gossipLoss = loss;
    this.later(forMs, () => (this.world.network.gossipLoss = 0));
  }
}

/** What is no trouble to a healthy cluster. */
const USERS: ReadonlySet<string> = new Set(['request', 'file', 'deletePod', 'deletePods', 'containerEnds', 'poison', 'confirmDead']);

/** Images that end by themselves; the others run until they are stopped. */
const SHORT = { exitAfterMs: 5_000, exitCode: 0 };

function prepare(host: SimHost): void {
  host.runtime.behaviours.set(SHORT_IMAGE, SHORT);
}

function whereOf(act: Act): string {
  return 'host' in act ? `node-${act.host}` : 'world';
}
