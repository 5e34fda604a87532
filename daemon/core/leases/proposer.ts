import {
  majorityOf,
  type Ballot,
  type Electorate,
  type LeaseAnswer,
  type LeaseRequest,
  type LeaseSettings,
} from '../../../protocol/leases.ts';
import { compareBallots } from './acceptor.ts';

/** One member's attempt to have the next version of the electorate decided. Several at once are harmless. */
export interface Proposal {
  readonly before: Electorate;
  readonly members: readonly string[];
  readonly ballot: Ballot;
  readonly phase: 'prepare' | 'accept';
  readonly agreed: readonly string[];
  readonly refused: readonly string[];
  /** What an acceptor had accepted under the greatest ballot: it may be decided, so it is proposed in place of `members`. */
  readonly found?: { ballot: Ballot; members: readonly string[] };
  /** The greatest ballot that was promised to another. */
  readonly outbidBy?: Ballot;
  readonly openedAt: number;
}

export type ProposalStep =
  | { is: 'open'; proposal: Proposal; send?: LeaseRequest }
  | { is: 'decided'; electorate: Electorate }
  | { is: 'failed'; outbidBy: Ballot | undefined };

export function openProposal(before: Electorate, members: readonly string[], ballot: Ballot, now: number): ProposalStep {
  const proposal: Proposal = { before, members, ballot, phase: 'prepare', agreed: [], refused: [], openedAt: now };
  return { is: 'open', proposal, send: { type: 'prepare', version: before.version + 1, ballot } };
}

/** @param phase that the answer is to */
export function takeProposalAnswer(proposal: Proposal, phase: Proposal['phase'], from: string, answer: LeaseAnswer): ProposalStep {
  const { before, agreed, refused } = proposal;
  if (phase !== proposal.phase || !before.members.includes(from) || agreed.includes(from) || refused.includes(from))
    return { is: 'open', proposal };
  const counted = count(proposal, from, answer);
  if (counted.refused.length > before.members.length - majorityOf(before.members.length))
    return { is: 'failed', outbidBy: counted.outbidBy };
  if (counted.agreed.length < majorityOf(before.members.length)) return { is: 'open', proposal: counted };
  const members = counted.found?.members ?? counted.members;
  const version = before.version + 1;
  if (phase === 'accept') return { is: 'decided', electorate: { version, members } };
  return {
    is: 'open',
    proposal: { ...counted, members, phase: 'accept', agreed: [], refused: [] },
    send: { type: 'accept', version, ballot: counted.ballot, members },
  };
}

export function isProposalOver(proposal: Proposal, now: number, settings: LeaseSettings): boolean {
  return now >= proposal.openedAt + 2 * settings.roundMs;
}

function count(proposal: Proposal, from: string, answer: LeaseAnswer): Proposal {
  const agreed = [...proposal.agreed, from];
  if (proposal.phase === 'accept' && answer.type === 'accepted') return { ...proposal, agreed };
  if (proposal.phase === 'prepare' && answer.type === 'promised') {
    const { accepted } = answer;
    const isGreater =
      accepted !== undefined && (proposal.found === undefined || compareBallots(accepted.ballot, proposal.found.ballot) > 0);
    return { ...proposal, agreed, found: isGreater ? accepted : proposal.found };
  }
  const refused = [...proposal.refused, from];
  const outbid = answer.type === 'outbid' ? answer.ballot : undefined;
  const isGreater = outbid !== undefined && (proposal.outbidBy === undefined || compareBallots(outbid, proposal.outbidBy) > 0);
  return { ...proposal, refused, outbidBy: isGreater ? outbid : proposal.outbidBy };
}

/** What is known of a member that may vote. */
export interface Elector {
  peer: string;
  alive: boolean;
}

/**
 * The next step from this electorate towards the members: whoever is no member any more leaves first, one that lives for one that is dead, and a dead one whose place
 * a living one is waiting for; then members that live come in, up to `electors`. Undefined: it is as it should be.
 */
export function nextElectorate(current: Electorate, members: readonly Elector[], settings: LeaseSettings): readonly string[] | undefined {
  const known = new Map(members.map((member) => [member.peer, member]));
  const gone = current.members.find((peer) => !known.has(peer));
  if (gone !== undefined && current.members.length > 1) return current.members.filter((peer) => peer !== gone);
  const waiting = members
    .filter(({ peer, alive }) => alive && !current.members.includes(peer))
    .map(({ peer }) => peer)
    .sort()[0];
  if (waiting === undefined) return undefined;
  if (current.members.length < settings.electors) return [...current.members, waiting].sort();
  const dead = current.members.find((peer) => known.get(peer)?.alive === false);
  return dead === undefined ? undefined : current.members.filter((peer) => peer !== dead);
}
