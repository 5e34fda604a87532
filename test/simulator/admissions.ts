import { memberKey } from '../../daemon/app/members.ts';
import type { SimHost } from './host.ts';
import type { SimWorld } from './world.ts';

/** Takes hosts that are no members by an admission that is void out of those that are to last. Whoever they let in follows. */
export function settleAdmissions(world: SimWorld): void {
  for (;;) {
    const found = world.lasting().find((host) => isVoid(world, host));
    if (found === undefined) return;
    found.isGone = true;
    found.isVoid = true;
    world.timeline.add(found.node, `is no member: it was let in by ${found.admittedBy}, unseen by who removed that one`);
  }
}

/**
 * Whether it was let in by a removed host, and some member holds a grave of that one that does not name it; or by one of whom that is true. That graves name whom
 * they should is checked elsewhere (`anytimeGravesNameTheAdmitted`).
 */
function isVoid(world: SimWorld, { id, admittedBy }: SimHost): boolean {
  const admitter = world.hosts.find((host) => host.id === admittedBy);
  if (admitter === undefined || admitter.id === id) return false;
  if (admitter.isVoid) return true;
  return world.running().some(({ isGone, daemon }) => {
    const named = isGone ? undefined : daemon.replica.graveOf(memberKey(admittedBy))?.admitted;
    return named?.includes(id) === false;
  });
}
