import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import { POISONED } from '../poison.ts';
import type { SimWorld } from '../world.ts';

/** What does not validate is set aside by all that hold it, acted on by nobody, and keeps nobody from anything: the other checkers see to that. */
export class FinallyBadObjectsAreSetAside implements Checker {
  readonly name = 'finallyBadObjectsAreSetAside';

  atRest(world: SimWorld): void {
    const holds = (of: (typeof up)[number]): boolean => of.daemon.replica.quarantined().some(({ desired }) => desired.key === POISONED);
    const up = world.running().filter(({ isGone }) => !isGone);
    const acting = up.find(({ daemon }) => daemon.replica.get(POISONED) !== undefined || daemon.peer.objects.get(POISONED) !== undefined);
    if (acting !== undefined) throw new Violation(this.name, `${acting.node} takes ${POISONED} for an object, and it does not validate`);
    const [one, other] = [up.find(holds), up.find((host) => !holds(host))];
    if (one !== undefined && other !== undefined)
      throw new Violation(this.name, `${one.node} has set ${POISONED} aside, and ${other.node} does not have it`);
  }
}
