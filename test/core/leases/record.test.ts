import { expect, it } from 'vitest';
import { voterOfRecord, voterRecord } from '../../../daemon/core/leases/record.ts';
import { initialVoter, vote, type VoterState } from '../../../daemon/core/leases/voter.ts';
import { leaseSettings } from '../../../protocol/leases.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it('remembers what was promised, as of the start of the run that reads it', () => {
  const voter: VoterState = { ...initialVoter('a', 0), electorate: { version: 3, members: ['a', 'b', 'c'] } };
  const votes = [{ resource: 'web/0', pod: 'pod-of-b', term: 7 }];
  const { state } = vote(voter, { from: 'b', version: 3, incarnation: 2, dry: false, votes }, 10, leaseSettings, () => false);
  const read = voterOfRecord('a', voterRecord(state), 5_000);
  expect(read.electorate).toEqual(voter.electorate);
  expect(read.grants.get('web/0')).toMatchObject({ term: 7, pod: 'pod-of-b', incarnation: 2, at: 5_000 });
});

it('is refused when it is damaged, or of a version that this daemon does not know: such a host must not vote', () => {
  const damaged = { code: 'DamagedVotes' };
  expect(() => voterOfRecord('a', text('{"version":1,"gra'), 0)).toThrow(expect.objectContaining(damaged) as Error);
  const newer = text(new TextDecoder().decode(voterRecord(initialVoter('a', 0))).replace('"version":1', '"version":2'));
  expect(() => voterOfRecord('a', newer, 0)).toThrow(expect.objectContaining(damaged) as Error);
});
