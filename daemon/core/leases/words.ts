import type { Electorate } from '../../../protocol/leases.ts';
import type { Candidacy } from './candidate.ts';

/** Why a pod does not start, and what to do about it, for people. */
export function awaitingMessage({ refusal }: Pick<Candidacy, 'refusal'>, electorate: Electorate, isClosing: boolean): string {
  if (isClosing) return 'what ran under its last lease is being ended';
  const electors = electorate.members.length;
  if (electors === 0) return 'this node does not know yet who votes: it has not reached a member that does';
  if (refusal === undefined) return `asks ${electors} elector${electors === 1 ? '' : 's'} for their votes`;
  const { granted, held } = refusal;
  if (held > 0) return `another copy may still run: ${held} of ${electors} electors withhold their votes for it`;
  const silent = electors - granted - refusal.refused;
  const base = `it runs at most once, where a majority of the electors is: ${granted} of ${electors} granted, ${silent} did not answer`;
  return electors === 2 ? `${base}. ${TWO_ELECTORS}` : base;
}

const TWO_ELECTORS =
  'Of two neither can be lost. If the other host is really off, say so: kith confirm-dead NODE, and this one goes on alone, unless its kithd was started since. Or annotate the workload with kith.dev/partition=any: both sides run it then. For the next time join a third host; a small one with --witness will do';
