import type { MemberSpec } from '../../protocol/types.ts';
import { MEMBERS, voidedAmong } from '../core/cluster/membership.ts';
import type { ClusterIndex } from '../core/cluster/view.ts';
import { planVoidedMembers } from '../core/controllers/nodes.ts';
import type { PeerDeps } from './peer-deps.ts';

/**
 * Whether this host is no member any more: it was removed, or let in by one that was, unseen by its remover. Of the latter nobody else need ever have heard, so that it
 * ends the admission itself, and those that it gave, and tells the others who come (`Replication.removalNotice`).
 */
export function isTurnedOut(
  { replica, transport, clock, log }: Pick<PeerDeps, 'replica' | 'transport' | 'clock' | 'log'>,
  view: ClusterIndex,
  members: readonly MemberSpec[],
): boolean {
  const own = `${MEMBERS}//${transport.self}`;
  if (replica.get(own) === undefined && replica.buriedLife(own) > 0) return true;
  if (!voidedAmong(members, (peer) => view.admittedWhenRemoved(peer)).has(transport.self)) return false;
  if (!view.complete) return true;
  for (const decision of planVoidedMembers(view, { wall: clock.now(), monotonic: clock.monotonic() })) {
    if (decision.do !== 'write') continue;
    replica.write(decision.mutations).catch((error: unknown) => log.error('admissions that are void could not be ended', { error }));
  }
  return true;
}
