import type { ChangeEnvelope, MergeResult } from '../../../protocol/desired.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import { POISONED } from '../poison.ts';
import type { SimWorld } from '../world.ts';
import { isAbout, QUARANTINED } from './users.ts';

/**
 * What does not validate is set aside by all, with an Event, once one of them has taken it; acted on by nobody, and keeps nobody from anything: the other checkers see
 * to that.
 */
export class FinallyBadObjectsAreSetAside implements Checker {
  readonly name = 'finallyBadObjectsAreSetAside';
  /** Who took it, and how often its disk had lost something by then. */
  private readonly takers = new Map<SimHost, number>();
  /** Daemons that showed the Event. */
  private readonly tellers = new Set<SimDaemon>();
  /** All of them have ended, and Events are in memory: nobody can tell of it any more. */
  private isForgotten = false;

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    const { replica } = daemon;
    const merge = replica.merge.bind(replica);
    replica.merge = (envelope: ChangeEnvelope): Promise<MergeResult> => {
      const merging = merge(envelope);
      const isBad = envelope.changes.some(({ key }) => key === POISONED);
      if (isBad)
        merging.then(
          () => world.guard(() => this.taken(host, daemon)),
          () => undefined,
        );
      return merging;
    };
  }

  onTick(world: SimWorld): void {
    if (this.takers.size === 0) return;
    const up = world.running().map(({ daemon }) => daemon);
    for (const daemon of up) if (tells(daemon)) this.tellers.add(daemon);
    this.isForgotten ||= this.tellers.size > 0 && !up.some((daemon) => this.tellers.has(daemon));
  }

  atRest(world: SimWorld): void {
    const up = world.running().filter(({ isGone }) => !isGone);
    const acting = up.find(({ daemon }) => daemon.replica.get(POISONED) !== undefined || daemon.peer.objects.get(POISONED) !== undefined);
    if (acting !== undefined) throw new Violation(this.name, `${acting.node} takes ${POISONED} for an object, and it does not validate`);
    const took = [...this.takers].find(([{ isGone, losses }, then]) => !isGone && losses === then)?.[0];
    const one = took ?? up.find(({ daemon }) => holds(daemon));
    if (one === undefined) return;
    const other = up.find(({ daemon }) => !holds(daemon));
    if (other !== undefined) throw new Violation(this.name, `${one.node} has set ${POISONED} aside, and ${other.node} does not have it`);
    const untold = up.find(({ daemon }) => !tells(daemon));
    if (untold !== undefined && !this.isForgotten)
      throw new Violation(this.name, `${POISONED} is set aside, and ${untold.node} shows no Event of it`);
  }

  private taken(host: SimHost, daemon: SimDaemon): void {
    if (host.daemon !== daemon) return;
    if (!holds(daemon)) throw new Violation(this.name, `${host.node} was given ${POISONED}, which does not validate, and has dropped it`);
    if (!this.takers.has(host)) this.takers.set(host, host.losses);
  }
}

function holds({ replica }: SimDaemon): boolean {
  return replica.quarantined().some(({ desired }) => desired.key === POISONED);
}

function tells({ peer }: SimDaemon): boolean {
  const { name } = parseObjectKey(POISONED);
  return peer.objects.list('events').items.some((event) => isAbout(event, QUARANTINED, name));
}
