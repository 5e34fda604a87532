import { describe, expect, it } from 'vitest';
import { answeredInVersion, bereave, heard, type Company } from '../../../daemon/core/leases/bereaved.ts';
import { accept, learn, prepare } from '../../../daemon/core/leases/acceptor.ts';
import { nextElectorate, type Elector } from '../../../daemon/core/leases/proposer.ts';
import { initialVoter, release, restartedVoter, vote, type IsConfirmedDead, type VoterState } from '../../../daemon/core/leases/voter.ts';
import { leaseSettings as settings, type LeaseAnswer } from '../../../protocol/leases.ts';

const nobody: IsConfirmedDead = () => false;
const members = ['a', 'b', 'c'];
const voter = (now = 0): VoterState => ({ ...initialVoter('a', now), electorate: { version: 3, members } });

function ask(
  state: VoterState,
  from: string,
  term: number,
  now: number,
  isDead = nobody,
): { state: VoterState; answer: LeaseAnswer; persist: boolean } {
  const votes = [{ resource: 'web/0', pod: `pod-of-${from}`, term }];
  return vote(state, { from, version: state.electorate.version, incarnation: 1, dry: false, votes }, now, settings, isDead);
}

describe('a voter', () => {
  it('grants to nobody else before the time is over, and says how long that is', () => {
    const { state } = ask(voter(), 'b', 1, 1_000);
    expect(ask(state, 'c', 2, 1_000 + settings.withholdMs - 1).answer).toEqual({
      type: 'verdicts',
      verdicts: [{ granted: false, term: 1, why: 'held', leftMs: 1 }],
    });
    expect(ask(state, 'c', 2, 1_000 + settings.withholdMs).answer).toEqual({ type: 'verdicts', verdicts: [{ granted: true, term: 1 }] });
  });

  it('counts anew from each renewal, which needs no write', () => {
    const first = ask(voter(), 'b', 1, 0);
    const renewed = ask(first.state, 'b', 1, 5_000);
    expect([first.persist, renewed.persist]).toEqual([true, false]);
    expect(ask(renewed.state, 'c', 2, settings.withholdMs + 4_000).answer).toMatchObject({ verdicts: [{ granted: false }] });
  });

  it('withholds for the whole time after its own restart', () => {
    const { state } = ask(voter(), 'b', 1, 0);
    const restarted = restartedVoter(state, 100_000);
    expect(ask(restarted, 'c', 2, 100_000 + settings.withholdMs - 1).answer).toMatchObject({ verdicts: [{ granted: false }] });
    expect(ask(restarted, 'b', 1, 100_001).answer).toMatchObject({ verdicts: [{ granted: true }] });
  });

  it('takes what was given back for free, and never grants that term again', () => {
    const { state } = ask(voter(), 'b', 1, 0);
    const back = release(state, 'b', [{ resource: 'web/0', pod: 'pod-of-b', term: 1 }]).state;
    expect(ask(back, 'b', 1, 10).answer).toMatchObject({ verdicts: [{ granted: false, why: 'term' }] });
    expect(ask(back, 'c', 2, 10).answer).toMatchObject({ verdicts: [{ granted: true }] });
  });

  it('takes nothing back that another holds by now', () => {
    const { state } = ask(voter(), 'b', 1, 0);
    const other = ask(state, 'c', 2, settings.withholdMs).state;
    expect(release(other, 'b', [{ resource: 'web/0', pod: 'pod-of-b', term: 1 }]).state).toEqual(other);
  });

  it('grants at once when a person says that the holder is off, as it was then', () => {
    const { state } = ask(voter(), 'b', 1, 0);
    expect(ask(state, 'c', 2, 1, (node, incarnation) => node === 'b' && incarnation <= 1).answer).toMatchObject({
      verdicts: [{ granted: true }],
    });
    expect(ask(state, 'c', 2, 1, (node, incarnation) => node === 'b' && incarnation <= 0).answer).toMatchObject({
      verdicts: [{ granted: false }],
    });
  });

  it('grants nothing to one that a person said is off: it would be over at once', () => {
    const isDead: IsConfirmedDead = (node, incarnation) => node === 'b' && incarnation <= 1;
    expect(ask(voter(), 'b', 1, 0, isDead).answer).toMatchObject({ verdicts: [{ granted: false }] });
    expect(ask(voter(), 'b', 1, 0, (_node, incarnation) => incarnation < 1).answer).toMatchObject({ verdicts: [{ granted: true }] });
  });

  it('promises nothing when it is only asked whether it would', () => {
    const votes = [{ resource: 'web/0', pod: 'p', term: 0 }];
    const step = vote(voter(), { from: 'b', version: 3, incarnation: 1, dry: true, votes }, 0, settings, nobody);
    expect(step.answer).toMatchObject({ verdicts: [{ granted: true, term: 0 }] });
    expect(step.state.grants.size).toBe(0);
  });

  it('refuses who counts on an older electorate, and tells the newer one', () => {
    const state = learn(voter(), { version: 4, members: ['a', 'b'] }, 0).state;
    const votes = [{ resource: 'web/0', pod: 'p', term: 1 }];
    expect(vote(state, { from: 'b', version: 3, incarnation: 1, dry: false, votes }, 0, settings, nobody).answer).toEqual({
      type: 'newer',
      electorate: { version: 4, members: ['a', 'b'] },
    });
  });

  it('forgets within its bounds what nobody holds, and no term with it', () => {
    const small = { ...settings, resources: 2 };
    let state = voter();
    for (const [index, resource] of ['one', 'two', 'three'].entries()) {
      const votes = [{ resource, pod: 'p', term: index + 5 }];
      state = vote(state, { from: 'b', version: 3, incarnation: 1, dry: false, votes }, index * 20_000, small, nobody).state;
    }
    expect([...state.grants.keys()]).toEqual(['two', 'three']);
    const again = vote(
      state,
      { from: 'c', version: 3, incarnation: 1, dry: false, votes: [{ resource: 'one', pod: 'q', term: 5 }] },
      50_000,
      small,
      nobody,
    );
    expect(again.answer).toMatchObject({ verdicts: [{ granted: false, term: 5, why: 'term' }] });
  });
});

describe('an elector', () => {
  const ballot = { round: 1, peer: 'b', incarnation: 1 };

  it('takes part in the next change only when leases of the electorate before last are over', () => {
    const state = learn(voter(), { version: 4, members: ['a', 'b'] }, 0).state;
    expect(prepare(state, 5, ballot, settings.settleMs - 1, settings).answer).toEqual({ type: 'settling', leftMs: 1 });
    expect(prepare(state, 5, ballot, settings.settleMs, settings).answer).toEqual({ type: 'promised' });
  });

  it('keeps what it promised and accepted, and tells it', () => {
    const later = settings.settleMs;
    const accepted = accept(voter(), 4, ballot, ['a', 'b'], later, settings).state;
    const greater = { round: 2, peer: 'c', incarnation: 1 };
    expect(prepare(accepted, 4, greater, later, settings).answer).toEqual({ type: 'promised', accepted: { ballot, members: ['a', 'b'] } });
    const promised = prepare(accepted, 4, greater, later, settings).state;
    expect(accept(promised, 4, ballot, ['a', 'b'], later, settings).answer).toEqual({ type: 'outbid', ballot: greater });
  });

  it('accepts one step only', () => {
    expect(accept(voter(), 4, ballot, ['a'], settings.settleMs, settings).answer.type).toBe('outbid');
  });
});

describe('the next electorate', () => {
  const alive = (...peers: string[]): Elector[] => peers.map((peer) => ({ peer, alive: true }));

  it('takes in who lives, one at a time, and lets go of who is no member', () => {
    const current = { version: 1, members: ['a'] };
    expect(nextElectorate(current, alive('a', 'c', 'b'), settings)).toEqual(['a', 'b']);
    expect(nextElectorate({ version: 2, members: ['a', 'b'] }, alive('a'), settings)).toEqual(['a']);
    expect(nextElectorate({ version: 2, members: ['a', 'b'] }, [...alive('a'), { peer: 'b', alive: false }], settings)).toBeUndefined();
  });

  it('is bounded, and has the living in it', () => {
    const small = { ...settings, electors: 2 };
    const current = { version: 5, members: ['a', 'b'] };
    expect(nextElectorate(current, alive('a', 'b', 'c'), small)).toBeUndefined();
    expect(nextElectorate(current, [...alive('a', 'c'), { peer: 'b', alive: false }], small)).toEqual(['a']);
  });
});

describe('one of two electors', () => {
  const two = (more: Partial<VoterState> = {}): VoterState => ({
    ...initialVoter('a', 0),
    electorate: { version: 2, members: ['a', 'b'] },
    ...more,
  });
  const at = settings.settleMs;
  const b = answeredInVersion(heard(undefined, 'b', 4), 2, 0);
  const isOff: IsConfirmedDead = (node, incarnation) => node === 'b' && incarnation <= 4;

  it('goes on alone when a person says that the other is off', () => {
    expect(bereave(two(), b, isOff, at, settings)).toMatchObject({ state: { electorate: { version: 3, members: ['a'] } }, persist: true });
  });

  it.each<[string, VoterState, Company | undefined, IsConfirmedDead]>([
    ['nobody says so', two(), b, nobody],
    ['the word is about an earlier incarnation of it than was heard since', two(), heard(b, 'b', 5), isOff],
    ['it may not know that there are two', two(), heard(undefined, 'b', 4), isOff],
    ['it has not been heard in this run', two(), undefined, isOff],
    ['leases of the electorate before may run', two(), answeredInVersion(heard(undefined, 'b', 4), 2, 1), isOff],
    ['something else may be decided', two({ accepted: { ballot: { round: 1, peer: 'b', incarnation: 1 }, members: ['b'] } }), b, isOff],
    ['there are three', two({ electorate: { version: 2, members: ['a', 'b', 'c'] } }), b, isOff],
  ])('waits where %s', (_why, state, company, isDead) => {
    expect(bereave(state, company, isDead, at, settings)).toBeUndefined();
  });
});
