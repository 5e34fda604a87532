import { memberKey } from '../../daemon/app/members.ts';
import { CONFIRMED_DEAD_ANNOTATION } from '../../protocol/leases.ts';
import { diskBuries } from './checkers/disk.ts';
import { isUp } from './checkers/ways.ts';
import type { Storm } from './host-acts.ts';
import type { SimHost } from './host.ts';
import type { Act } from './scenario.ts';
import type { Users } from './users.ts';
import type { SimWorld } from './world.ts';

/** So many hosts are never lost. */
const LEAST_HOSTS = 2;
/** Attempts to remove a host that is lost, and after how many people insist. */
const REMOVALS = 30;
const INSIST_AFTER = 20;
const AGAIN_MS = 2_000;
/** Draws of what people do whose removal was refused, by host. */
const REFUSED = 2_000;

type Ending = 'stays' | 'insist' | 'as advised';

/** How people take hosts out of the cluster, and what they do where they are refused: one of the only two that vote is not removed unawares (docs/at-most-one.md). */
export class Removing {
  private readonly world: SimWorld;
  private readonly storm: Storm;
  private readonly users: Users;

  constructor(world: SimWorld, storm: Storm, users: Users) {
    this.world = world;
    this.storm = storm;
    this.users = users;
  }

  /** It runs on, and is to hear that it is no member any more. */
  async remove(host: SimHost, by: number): Promise<void> {
    // Who is no member removes nobody, nor does one that can't answer, or whose disk takes nothing.
    const remover = this.world.host(by);
    const isAsked = remover !== undefined && remover !== host && !remover.isGone && isUp(remover) && !remover.disk.isFull;
    if (!isAsked || !this.maySpare()) return;
    const status = await this.ask(host, by);
    if (status !== CONFLICT || this.storm.isCalm || !this.maySpare()) return;
    this.world.faults.note('removalRefused');
    const ending = this.world.draw.aside(REFUSED + host.index).weighted<Ending>([
      [1, 'stays'],
      [1, 'insist'],
      [2, 'as advised'],
    ]);
    if (ending === 'insist') await this.ask(host, by, FORCED);
    if (ending === 'as advised') await this.takeAway(host, by);
  }

  /** It is destroyed, disk and all. */
  lose(host: SimHost, { removeAfterMs, by }: Extract<Act, { do: 'lose' }>): void {
    const { world } = this;
    if (!this.maySpare()) return;
    host.isGone = true;
    world.faults.note('hostLost');
    world.powerCut(host);
    host.runtime.wipe();
    world.clock.after(removeAfterMs, () => void this.removeLost(host, by));
  }

  /** Hosts that never come back are removed, by whoever can. */
  async removeForGood(host: SimHost): Promise<void> {
    for (let attempt = 0; attempt < REMOVALS; attempt += 1) {
      const running = this.world.running().filter(({ isGone }) => !isGone);
      // Who was away may not have heard of it yet, and says 404.
      const knowing = running.find(({ daemon }) => daemon.peer.view.members().some(({ spec }) => spec.nodeName === host.node));
      if (knowing === undefined) return;
      const asked = (attempt % 2 === 0 ? knowing : running[attempt % running.length])?.index ?? 1;
      const status = await this.request(host, asked, attempt < INSIST_AFTER ? '' : FORCED);
      if (status === CONFLICT) await this.confirmDead(host, asked);
      await this.pass(AGAIN_MS);
    }
  }

  /** Only where it is true: its containers have ended with its power. When it starts again it is another. */
  async confirmOff(host: SimHost, by: number): Promise<void> {
    if (!host.hasPower) await this.confirmDead(host, by);
  }

  private maySpare(): boolean {
    return this.world.lasting().length > LEAST_HOSTS;
  }

  /** @returns the status of the answer */
  private async ask(host: SimHost, by: number, query = ''): Promise<number> {
    host.isGone = true;
    const status = (await this.request(host, by, query)) ?? 0;
    // It stays where that was refused, or the remover died of a sudden, and no disk has it.
    const isDone = status >= 200 && status < 300;
    if (!isDone && !this.world.hosts.some(({ disk }) => diskBuries(disk, memberKey(host.id), 1))) host.isGone = false;
    return status;
  }

  private async request(host: SimHost, by: number, query = ''): Promise<number | undefined> {
    const how = query === '' ? '' : ', insisting on it';
    return this.users.request(by, { method: 'DELETE', target: `/api/v1/nodes/${host.node}${query}`, what: `remove ${host.node}${how}` });
  }

  /** As the refusal says: kithd is stopped, the host is confirmed dead, and removed when it does not vote any more. Whatever else it ran ends when it is taken away. */
  private async takeAway(host: SimHost, by: number): Promise<void> {
    const { daemon } = host;
    if (daemon === undefined) return;
    host.isGone = true;
    daemon.isStopping = true;
    await daemon.peer.stop();
    await daemon.replica.stop();
    this.world.kill(host, 'stopped in order, to be removed');
    await this.pass(LEASES_ARE_OVER_MS);
    await this.removeLost(host, by);
    this.world.powerCut(host);
    host.runtime.wipe();
  }

  /** Until it is removed, or the storm is over: then all who can are asked. */
  private async removeLost(host: SimHost, by: number): Promise<void> {
    while (!this.storm.isCalm && this.world.host(by)?.isGone === false) {
      const status = await this.request(host, by);
      if (status !== CONFLICT || this.storm.isCalm) return;
      this.world.faults.note('removalRefused');
      await this.confirmDead(host, by);
      await this.pass(AGAIN_MS);
    }
  }

  /** As `kith confirm-dead` does it. */
  private async confirmDead(host: SimHost, by: number): Promise<void> {
    const row = this.world
      .host(by)
      ?.daemon?.peer.peers()
      .peers.find(({ peer }) => peer === host.id);
    if (row?.state !== 'dead') return;
    const body = { metadata: { annotations: { [CONFIRMED_DEAD_ANNOTATION]: String(row.incarnation) } } };
    const asked = { method: 'PATCH', target: `/api/v1/nodes/${host.node}`, body, what: `confirm that ${host.node} is dead` };
    const status = await this.users.request(by, asked);
    if (status !== undefined && status < 300) this.world.faults.note('confirmedDead');
  }

  private async pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.clock.after(ms, resolve));
  }
}

const CONFLICT = 409;
const FORCED = '?gracePeriodSeconds=0';
/** Of a host whose kithd was stopped: its guard has ended what ran under them. */
const LEASES_ARE_OVER_MS = 12_000;
