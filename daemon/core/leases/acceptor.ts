import type { Ballot, Electorate, LeaseSettings } from '../../../protocol/leases.ts';
import { refuseVersion, type VoterState, type VoterStep } from './voter.ts';

/**
 * The voter's part in changes of the electorate: single-decree Paxos for each version, its acceptors the members of the one before. Leases of that one's predecessor are
 * over before anybody takes part (voter.ts, 3).
 */
export function prepare(state: VoterState, version: number, ballot: Ballot, now: number, settings: LeaseSettings): VoterStep {
  const refusal = refuseProposal(state, version, ballot, now, settings);
  if (refusal !== undefined) return refusal;
  const { accepted } = state;
  const answer = { type: 'promised', ...(accepted === undefined ? {} : { accepted }) } as const;
  return { state: { ...state, promised: ballot }, answer, persist: true };
}

export function accept(
  state: VoterState,
  version: number,
  ballot: Ballot,
  members: readonly string[],
  now: number,
  settings: LeaseSettings,
): VoterStep {
  const refusal = refuseProposal(state, version, ballot, now, settings);
  if (refusal !== undefined) return refusal;
  // Whoever proposes something else has not read this file.
  if (!isOneStep(state.electorate.members, members)) return { state, answer: { type: 'outbid', ballot }, persist: false };
  return { state: { ...state, promised: ballot, accepted: { ballot, members } }, answer: { type: 'accepted' }, persist: true };
}

/** Takes an electorate that was decided. What was promised for it is over. */
export function learn(state: VoterState, electorate: Electorate, now: number): VoterStep {
  const done = { type: 'done' } as const;
  if (electorate.version < state.electorate.version)
    return { state, answer: { type: 'newer', electorate: state.electorate }, persist: false };
  if (electorate.version === state.electorate.version) return { state, answer: done, persist: false };
  const { self, floor, grants } = state;
  return { state: { self, floor, grants, electorate, learnedAt: now }, answer: done, persist: true };
}

function refuseProposal(state: VoterState, version: number, ballot: Ballot, now: number, settings: LeaseSettings): VoterStep | undefined {
  const refused = (answer: VoterStep['answer']): VoterStep => ({ state, answer, persist: false });
  const refusal = refuseVersion(state, version - 1);
  if (refusal !== undefined) return refused(refusal);
  if (state.promised !== undefined && compareBallots(ballot, state.promised) < 0)
    return refused({ type: 'outbid', ballot: state.promised });
  // Nothing was leased before the first electorate.
  const leftMs = state.electorate.version <= 1 ? 0 : Math.ceil(state.learnedAt + settings.settleMs - now);
  return leftMs > 0 ? refused({ type: 'settling', leftMs }) : undefined;
}

export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.round !== right.round) return left.round - right.round;
  if (left.peer !== right.peer) return left.peer < right.peer ? -1 : 1;
  return left.incarnation - right.incarnation;
}

/** One member more or one less. */
export function isOneStep(before: readonly string[], after: readonly string[]): boolean {
  if (new Set(after).size !== after.length || after.length === 0) return false;
  const added = after.filter((peer) => !before.includes(peer)).length;
  const removed = before.filter((peer) => !after.includes(peer)).length;
  return added + removed === 1;
}
