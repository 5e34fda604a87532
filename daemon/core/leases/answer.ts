import type { LeaseRequest, LeaseSettings } from '../../../protocol/leases.ts';
import { accept, learn, prepare } from './acceptor.ts';
import { release, vote, type IsConfirmedDead, type VoterState, type VoterStep } from './voter.ts';

/** What a voter does with a request of any kind. */
export function answerRequest(
  state: VoterState,
  from: string,
  request: LeaseRequest,
  now: number,
  settings: LeaseSettings,
  isDead: IsConfirmedDead,
): VoterStep {
  switch (request.type) {
    case 'vote':
      return vote(state, { ...request, from }, now, settings, isDead);
    case 'release':
      return release(state, from, request.releases);
    case 'prepare':
      return prepare(state, request.version, request.ballot, now, settings);
    case 'accept':
      return accept(state, request.version, request.ballot, request.members, now, settings);
    case 'learn':
      return learn(state, request.electorate, now);
  }
}
