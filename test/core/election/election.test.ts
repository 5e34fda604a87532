import { describe, expect, it } from 'vitest';
import { initialElection, leaderView, reduceElection } from '../../../daemon/core/election/election.ts';
import type { Candidates, ElectionDecision, ElectionEvent, ElectionState } from '../../../daemon/core/election/election.ts';
import { rankByRendezvous } from '../../../daemon/core/membership/rendezvous.ts';
import { livenessSettings as settings } from '../../../protocol/liveness.ts';

/** One peer's election at its own pace. */
class Voter {
  state: ElectionState;
  decisions: ElectionDecision[] = [];
  constructor(self: string, eligible = true, startedAt = 0) {
    this.state = initialElection(self, settings, startedAt);
    this.send({ type: 'eligible', eligible }, 0);
  }
  send(event: ElectionEvent, now: number): this {
    const step = reduceElection(this.state, event, now);
    this.state = step.state;
    this.decisions.push(...step.decisions);
    return this;
  }
  hear(from: string, term: number, leader: string, now: number): this {
    return this.send({ type: 'heard', from, relayed: false, announcement: { term, leader } }, now);
  }
  get view() {
    return leaderView(this.state);
  }
}
const believe = (live: string[], options: Partial<Candidates> = {}): ElectionEvent => ({
  type: 'candidates',
  candidates: { live: () => live, silentSince: new Map(), gone: new Set(), alone: false, ...options },
});
const LISTENED = settings.electionListenMs + 1;
const LAST_RANK = LISTENED + settings.candidateStepMs * settings.maxCandidateSteps + 1;

describe('the election', () => {
  it('listens before it stands', () => {
    const voter = new Voter('a').send({ type: 'tick' }, settings.electionListenMs - 1);
    expect(voter.view).toEqual({ term: 0, peer: '', isSelf: false });
    expect(voter.send({ type: 'tick' }, LISTENED).view).toEqual({ term: 1, peer: 'a', isSelf: true });
    expect(voter.decisions.map((decision) => decision.do)).toEqual(['follow', 'announce']);
  });

  it('does not listen when there is no other member', () => {
    expect(new Voter('a').send(believe(['a'], { alone: true }), 1).view).toEqual({ term: 1, peer: 'a', isSelf: true });
  });

  it('has not listened before it was started', () => {
    expect(new Voter('a', true, Infinity).send({ type: 'tick' }, LAST_RANK * 10).view.isSelf).toBe(false);
  });

  it('lets the first in rank stand at once, and the next ones a little later', () => {
    const live = ['a', 'b', 'c'];
    const [first, second] = rankByRendezvous('term 1', live);
    expect(new Voter(first!).send(believe(live), LISTENED).view.isSelf).toBe(true);
    const next = new Voter(second!).send(believe(live), LISTENED);
    expect(next.view.peer).toBe('');
    expect(next.send({ type: 'tick' }, LISTENED + settings.candidateStepMs).view.isSelf).toBe(true);
  });

  it('never lets an incomplete peer lead', () => {
    const voter = new Voter('a', false).send(believe(['a']), LAST_RANK * 10);
    expect(voter.view.peer).toBe('');
    expect(voter.send({ type: 'eligible', eligible: true }, LAST_RANK * 10).view.isSelf).toBe(true);
  });

  it('follows the greatest term, and of one term the lowest peer id', () => {
    const voter = new Voter('m').hear('x', 3, 'x', 1);
    expect(voter.hear('y', 2, 'a', 2).view.peer).toBe('x');
    expect(voter.hear('y', 3, 'y', 2).view.peer).toBe('x');
    expect(voter.hear('b', 3, 'b', 2).view.peer).toBe('b');
    expect(voter.hear('z', 4, 'z', 2).view).toEqual({ term: 4, peer: 'z', isSelf: false });
  });

  it('steps down for a greater term', () => {
    const voter = new Voter('a').send({ type: 'tick' }, LISTENED);
    expect(voter.view.isSelf).toBe(true);
    expect(voter.hear('z', 2, 'z', LISTENED).view).toEqual({ term: 2, peer: 'z', isSelf: false });
  });

  it('replaces a leader that is dead at once, and a silent one in its time', () => {
    const dead = new Voter('a').hear('z', 1, 'z', 1).send(believe(['a'], { gone: new Set(['z']) }), LISTENED);
    expect(dead.view).toEqual({ term: 2, peer: 'a', isSelf: true });
    const silent = new Voter('a').hear('z', 1, 'z', 1);
    const silentSince = new Map([['z', LISTENED]]);
    expect(silent.send(believe(['a'], { silentSince }), LISTENED + settings.leaderLostMs - 1).view.peer).toBe('z');
    expect(silent.send(believe(['a'], { silentSince }), LISTENED + settings.leaderLostMs).view.peer).toBe('a');
  });

  it('gives up standing when the leader is heard after all', () => {
    const live = ['a', 'b', 'c'];
    const last = rankByRendezvous('term 2', live)[2]!;
    const voter = new Voter(last).hear('z', 1, 'z', 1);
    voter.send(believe(live, { silentSince: new Map([['z', 0]]) }), LISTENED);
    voter.send(believe([...live, 'z']), LISTENED + 10);
    expect(voter.send({ type: 'tick' }, LAST_RANK + 1_000).view.peer).toBe('z');
  });

  it('does not lead on the word of others about a life before its restart, but stands anew', () => {
    const voter = new Voter('a').hear('b', 5, 'a', 10);
    expect(voter.view).toEqual({ term: 5, peer: '', isSelf: false });
    expect(voter.send(believe(['a']), LISTENED).view).toEqual({ term: 6, peer: 'a', isSelf: true });
  });

  it('believes a leader that says it does not lead, but not an old announcement passed on by it', () => {
    const voter = new Voter('z').hear('a', 5, 'a', 10);
    voter.send({ type: 'heard', from: 'a', relayed: true, announcement: { term: 4, leader: '' } }, 20);
    expect(voter.view.peer).toBe('a');
    expect(voter.hear('a', 5, '', 30).view.peer).toBe('');
  });

  it('does not take for a step down what its leader said before it stood and what comes after its announcement, but what it goes on to say', () => {
    const voter = new Voter('z').hear('a', 5, 'a', 10).hear('a', 4, '', 11);
    expect(voter.view.peer).toBe('a');
    expect(voter.hear('a', 0, '', 10 + settings.missedAfterMs).view.peer).toBe('');
  });

  it('tells others that it no longer leads when it is no longer complete', () => {
    const voter = new Voter('a').send({ type: 'tick' }, LISTENED);
    voter.decisions = [];
    voter.send({ type: 'eligible', eligible: false }, LISTENED + 1);
    expect(voter.view.isSelf).toBe(false);
    expect(voter.decisions.at(-1)).toMatchObject({ do: 'announce', announcement: { term: 1, leader: '' } });
  });

  it('repeats its announcement', () => {
    const voter = new Voter('a').send({ type: 'tick' }, LISTENED);
    voter.decisions = [];
    voter.send({ type: 'tick' }, LISTENED + settings.announceIntervalMs - 1);
    expect(voter.decisions).toEqual([]);
    voter.send({ type: 'tick' }, LISTENED + settings.announceIntervalMs);
    expect(voter.decisions).toMatchObject([{ do: 'announce', announcement: { term: 1, leader: 'a' } }]);
  });
});
