import type { LeaseSettings } from '../../../protocol/leases.ts';
import type { Grant, VoterState } from './voter.ts';

/**
 * Keeps what a voter remembers within bounds: of the resources that nobody holds any more the lowest terms go first, and a floor under terms rises over them. What may be
 * held is kept, whatever the bound says: nobody may be granted what another has.
 */
export function forgetFree(state: VoterState, now: number, settings: LeaseSettings): VoterState {
  const surplus = state.grants.size - settings.resources;
  if (surplus <= 0) return state;
  const isFree = (grant: Grant): boolean => grant.released || now >= grant.at + settings.withholdMs;
  const gone = [...state.grants]
    .filter(([, grant]) => isFree(grant))
    .sort(([, left], [, right]) => left.term - right.term)
    .slice(0, surplus);
  const grants = new Map(state.grants);
  let { floor } = state;
  for (const [resource, { term }] of gone) {
    grants.delete(resource);
    floor = Math.max(floor, term);
  }
  return { ...state, grants, floor };
}
