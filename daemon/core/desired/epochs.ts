import type { DocumentEpoch, EpochOrigin } from '../../../protocol/desired.ts';

/**
 * Negative when the left one is older. A document that was never rewritten is older than all others. Of two rewritings of one number, which only members that did not know of
 * each other can make, the one counts that was made of more.
 */
export function compareEpochs(left: DocumentEpoch | undefined, right: DocumentEpoch | undefined): number {
  const [one, other] = [left ?? NEVER_REWRITTEN, right ?? NEVER_REWRITTEN];
  return one.number - other.number || one.changes - other.changes || (one.root < other.root ? -1 : one.root > other.root ? 1 : 0);
}

const NEVER_REWRITTEN: DocumentEpoch = { number: 0, changes: 0, root: '' };

/** As it travels with single changes. */
export function epochName({ number, changes, root }: DocumentEpoch): DocumentEpoch {
  return { number, changes, root };
}

/** As it travels with the whole document. */
export function epochOrigin({ heads, clock, past }: EpochOrigin): EpochOrigin {
  return { heads, clock, ...(past === undefined ? {} : { past }) };
}
