import { KithError } from '../../../protocol/errors.ts';
import type { VoterState } from './voter.ts';

const VERSION = 1;

/** What a voter keeps on disk: all but times, which mean nothing after a restart. */
export function voterRecord({ electorate, promised, accepted, floor, grants }: VoterState): Uint8Array {
  const kept = [...grants].map(([resource, { term, pod, node, incarnation, released }]) => [
    resource,
    term,
    pod,
    node,
    incarnation,
    released,
  ]);
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, electorate, promised, accepted, floor, grants: kept }));
}

type Kept = [resource: string, term: number, pod: string, node: string, incarnation: number, released: boolean];
type VoterRecord = Pick<VoterState, 'electorate' | 'promised' | 'accepted' | 'floor'> & { version: number; grants: Kept[] };

/**
 * @param now the start of this run: restartedVoter says why
 * @throws KithError `DamagedVotes`: who does not know what it promised must not vote
 */
export function voterOfRecord(self: string, record: Uint8Array, now: number): VoterState {
  const { version, grants, electorate, promised, accepted, floor } = parseRecord(record);
  if (version !== VERSION)
    throw new KithError(
      'DamagedVotes',
      `the votes on disk are of version ${String(version)}; this kithd reads version ${VERSION}: start the one that wrote them`,
    );
  return {
    self,
    electorate,
    learnedAt: now,
    floor,
    grants: new Map(
      grants.map(([resource, term, pod, node, incarnation, released]) => [resource, { term, pod, node, incarnation, released, at: now }]),
    ),
    ...(promised === undefined ? {} : { promised }),
    ...(accepted === undefined ? {} : { accepted }),
  };
}

function parseRecord(record: Uint8Array): VoterRecord {
  try {
    return JSON.parse(new TextDecoder().decode(record)) as VoterRecord;
  } catch (error) {
    throw new KithError('DamagedVotes', 'the votes on disk are no JSON: remove this node from the cluster and let it join anew', {
      cause: error,
    });
  }
}
