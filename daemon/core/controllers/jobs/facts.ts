import type { StoredObject } from '../../../../protocol/objects.ts';
import type { JobSpec } from '../../../../protocol/types.ts';

/** What must be remembered of a Job: `kith.facts.job`. Which of its indexes ended is in its slots. All times are RFC 3339. */
export interface JobFact {
  /** It is over, for ever. */
  end?: 'Complete' | 'Failed';
  reason?: string;
  message?: string;
  endedAt?: string;
  /** Set while it is suspended. */
  suspendedAt?: string;
  /** When it was taken up again; before the first time it began when it was made. */
  resumedAt?: string;
}

export const JOB_FACT = 'job';
const NO_FACT: JobFact = {};

export function jobFact(owner: StoredObject): JobFact {
  const fact = owner.kind === 'Job' ? owner.kith?.facts?.[JOB_FACT] : undefined;
  return typeof fact === 'object' && fact !== null ? (fact as JobFact) : NO_FACT;
}

export function jobSpec(owner: StoredObject): JobSpec {
  return owner.spec as JobSpec;
}

export function isIndexed(owner: StoredObject): boolean {
  return owner.kind === 'Job' && jobSpec(owner).completionMode === 'Indexed';
}

/** What the names of a slot's pods begin with: of an indexed Job they tell the index, as upstream's do. */
export function podBaseName(owner: StoredObject, slot: number): string {
  return isIndexed(owner) ? `${owner.metadata.name}-${slot}` : owner.metadata.name;
}
