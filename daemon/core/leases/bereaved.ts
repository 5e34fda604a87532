/**
 * An electorate of two whose other elector's host is off for good, as a person said: the one that is left may go on alone. voter.ts says why that is safe, and when.
 */
import type { LeaseSettings } from '../../../protocol/leases.ts';
import { learn } from './acceptor.ts';
import type { IsConfirmedDead, VoterState, VoterStep } from './voter.ts';

/** What the other one of two electors has said in this run of ours. Memory only: who has just started knows nothing of what the other did meanwhile. */
export interface Company {
  peer: string;
  /** The greatest that it has named, in requests and answers. */
  incarnation: number;
  /** When it first answered as a voter of the electorate with this version, on our clock. What was told others of that is on its disk. */
  informed?: { version: number; at: number };
}

/** The other one of two electors, for one of them. */
export function otherOf({ self, electorate: { members } }: VoterState): string | undefined {
  return members.length === 2 && members.includes(self) ? members.find((peer) => peer !== self) : undefined;
}

export function heard(company: Company | undefined, peer: string, incarnation: number): Company {
  if (company?.peer !== peer) return { peer, incarnation };
  return incarnation <= company.incarnation ? company : { ...company, incarnation };
}

/** It answered as a voter of the electorate of this version. */
export function answeredInVersion(company: Company, version: number, now: number): Company {
  return company.informed?.version === version ? company : { ...company, informed: { version, at: now } };
}

export function isInformed({ electorate }: VoterState, company: Company | undefined): boolean {
  return company?.informed?.version === electorate.version;
}

/** @returns undefined where it has to wait */
export function bereave(
  state: VoterState,
  company: Company | undefined,
  isDead: IsConfirmedDead,
  now: number,
  settings: LeaseSettings,
): VoterStep | undefined {
  const { electorate, accepted, self } = state;
  const other = otherOf(state);
  if (other === undefined || accepted !== undefined) return undefined;
  if (company?.peer !== other || company.informed?.version !== electorate.version) return undefined;
  if (now < Math.max(state.learnedAt, company.informed.at) + settings.settleMs || !isDead(other, company.incarnation)) return undefined;
  return learn(state, { version: electorate.version + 1, members: [self] }, now);
}
