import type { Member } from '../../../protocol/types.ts';
import { MEMBERS } from '../../core/cluster/membership.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import type { EventDraft } from '../../core/decisions.ts';
import { isConfirmedDead } from '../../core/leases/confirmed.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type { Guard } from '../../ports/guard.ts';
import type { Log } from '../../ports/log.ts';
import type { Replica } from '../../ports/replica.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import type { Transport } from '../../ports/transport.ts';
import type { BootClock, VoteBook } from '../../ports/vote-book.ts';
import { Voting } from './voting.ts';
import { Warden } from './warden.ts';

/** What of the world leases need beyond what every peer has. */
export interface LeaseDeps {
  book: VoteBook;
  bootClock: BootClock;
  guard: Guard;
}

export interface LeaseWorld {
  leases?: LeaseDeps;
  transport: Transport;
  runtime: ContainerRuntime;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface Leases {
  voting: Voting;
  warden: Warden;
}

/** Votes by what the peer's view says of members: the leader has the electorate follow them. */
export function createLeases(
  { leases, ...world }: LeaseWorld,
  view: ClusterView,
  incarnation: () => number,
  record: (draft: EventDraft) => void,
): Leases | undefined {
  if (leases === undefined) return undefined;
  const sees = (): boolean => view.leader.isSelf && view.complete && !view.removed;
  const voting = new Voting(
    {
      ...leases,
      ...world,
      electors: () => (sees() ? view.members().map(({ peer, state }) => ({ peer, alive: state === 'alive' })) : undefined),
      isConfirmedDead: (peer, of) => isConfirmedDead(view, peer, of),
    },
    { incarnation },
  );
  return { voting, warden: new Warden({ ...world, voting, guard: leases.guard, view, record }) };
}

/** The founder admitted itself. */
export function isFounder(replica: Replica, self: string): boolean {
  return (replica.get(`${MEMBERS}//${self}`)?.object as Member | undefined)?.spec.admittedBy === self;
}
