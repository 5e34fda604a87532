import { describe, expect, it } from 'vitest';
import type { MemberState } from '../../../daemon/core/cluster/view.ts';
import { accusations, accusedIncarnation, firstHand, memberStates } from '../../../daemon/core/membership/detector.ts';
import { livenessSettings as settings } from '../../../protocol/liveness.ts';
import { death, Observer } from '../../support/detector-observer.ts';

describe('the failure detector', () => {
  it('does nothing while beats come', () => {
    const observer = new Observer('b');
    for (let now = 250; now < 5_000; now += 250) observer.hear(now, 'b').tickUntil(now, now + 200);
    expect(observer.decisions).toEqual([]);
  });

  it('probes first, then suspects and tells the suspect, and only then declares', () => {
    const observer = new Observer('b').tickUntil(0, 1_400);
    const firsts = [...new Set(observer.decisions.map((decision) => (decision.do === 'probe' ? `probe ${decision.via}` : decision.do)))];
    expect(firsts).toEqual(['probe datagram', 'probe stream', 'probe connect', 'accuse', 'reconnect', 'changed', 'declare']);
    const [declared] = observer.of('declare');
    expect(declared).toMatchObject({
      record: { peerId: 'b', node: 'node-b', incarnation: 1, how: 'silent', lastSeen: '2026-01-01T00:00:00.000Z', membersKnown: 2 },
    });
    expect(declared!.reason).toContain('no sign of life since');
  });

  it('gives everybody a new chance after it stood still itself', () => {
    const observer = new Observer('b').at(6_000, { type: 'tick', lagMs: 5_900 });
    observer.tickUntil(6_040, 6_000 + settings.stalledGraceMs - 1);
    expect(observer.of('changed')).toEqual([]);
    expect(observer.of('probe')).not.toEqual([]);
    observer.tickUntil(6_000 + settings.stalledGraceMs, 6_000 + settings.silentDeadMs + 200);
    expect(observer.believes('b')).toBe('dead');
  });

  it('waits for observers that may speak, but not longer than they have time', () => {
    const observer = new Observer('b', 'c');
    const beat = (from: number, to: number, answered: boolean): void => {
      for (let now = from; now <= to; now += settings.alertTickIntervalMs) {
        const before = observer.of('ask').length;
        observer.hear(now, 'c').at(now, { type: 'tick', lagMs: 0 });
        if (answered && observer.of('ask').length > before) {
          observer.at(now, {
            type: 'opinion',
            from: 'c',
            about: 'b',
            answer: { type: 'about', incarnation: 1, heardAgoMs: null, kernel: null },
          });
        }
      }
    };
    beat(0, settings.silentDeadMs - 40, false);
    expect(observer.believes('b')).toBe('suspected');
    beat(settings.silentDeadMs, settings.silentDeadMs + settings.opinionTimeoutMs, false);
    expect(observer.believes('b')).toBe('dead');
  });

  describe('where other observers watch the silent peer, too', () => {
    /** Others are heard all the time; those of `answering` say what they know of b, 10 ms after they are asked. @returns ms from its last sign of life to its death */
    const diesAfter = (others: readonly string[], answering: readonly string[], answerUntil = Infinity): number => {
      const observer = new Observer('b', ...others);
      let now = 0;
      for (; observer.believes('b') !== 'dead' && now < 3_000; now += settings.alertTickIntervalMs) {
        const before = observer.of('ask').length;
        for (const other of others) observer.hear(now, other);
        observer.at(now, { type: 'tick', lagMs: 0 });
        for (const ask of observer.of('ask').slice(before)) {
          if (ask.do !== 'ask' || ask.probe || !answering.includes(ask.helper) || now > answerUntil) continue;
          const answer = { type: 'about', incarnation: 1, heardAgoMs: now, kernel: null } as const;
          observer.at(now + 10, { type: 'opinion', from: ask.helper, about: 'b', answer });
        }
      }
      return now - settings.alertTickIntervalMs;
    };
    const soon = settings.agreedDeadMs + settings.alertTickIntervalMs;

    it('declares sooner when all of them answer that they do not hear it', () => {
      expect(diesAfter(['c', 'd'], ['c', 'd'])).toBeGreaterThanOrEqual(settings.agreedDeadMs);
      expect(diesAfter(['c', 'd'], ['c', 'd'])).toBeLessThanOrEqual(soon);
    });

    it('takes its whole time when one of them does not answer, or there is but one', () => {
      expect(diesAfter(['c', 'd'], ['c'])).toBeGreaterThanOrEqual(settings.silentDeadMs);
      expect(diesAfter(['c'], ['c'])).toBeGreaterThanOrEqual(settings.silentDeadMs);
    });

    it('does not take an early answer for one of the end', () => {
      const early = settings.agreedDeadMs - settings.agreedLeadMs - settings.alertTickIntervalMs;
      expect(diesAfter(['c', 'd'], ['c', 'd'], early)).toBeGreaterThanOrEqual(settings.silentDeadMs);
    });
  });

  it('takes the word of an observer that heard the peer, but not what is older than the window', () => {
    const heardAgo = (heardAgoMs: number): string => {
      const observer = new Observer('b', 'c').tickUntil(0, 400).hear(400, 'c').tickUntil(440, 800);
      expect(observer.believes('b')).toBe('suspected');
      observer.at(800, { type: 'opinion', from: 'c', about: 'b', answer: { type: 'about', incarnation: 1, heardAgoMs, kernel: null } });
      return observer.believes('b');
    };
    expect(heardAgo(50)).toBe('alive');
    expect(heardAgo(790)).toBe('suspected');
  });

  it('passes on only what it heard itself', () => {
    const observer = new Observer('b', 'c').tickUntil(0, 800);
    observer.at(800, { type: 'opinion', from: 'c', about: 'b', answer: { type: 'about', incarnation: 1, heardAgoMs: 0, kernel: null } });
    expect(firstHand(observer.state, 'b', 900).heardAgoMs).toBe(900);
  });

  it('believes a death until a higher incarnation refutes it, and withdraws what it declared itself', () => {
    const observer = new Observer('b').tickUntil(0, 1_400);
    expect(observer.hear(1_500, 'b', 1).believes('b')).toBe('dead');
    expect(observer.of('accuse').at(-1)).toMatchObject({ peer: 'b', incarnation: 1 });
    expect(accusations(observer.state, 1_500, 8)).toEqual([{ peer: 'b', incarnation: 1 }]);
    expect(observer.hear(1_600, 'b', 2).believes('b')).toBe('alive');
    expect(observer.of('withdraw')).toHaveLength(1);
    expect(observer.at(1_700, { type: 'death', record: death('b', 1) }).believes('b')).toBe('alive');
    expect(observer.at(2_400, { type: 'death', record: death('b', 2) }).believes('b')).toBe('dead');
    expect(observer.at(2_500, { type: 'incarnation', peer: 'b', incarnation: 3 }).believes('b')).toBe('alive');
  });

  it('connects at once to who is heard again after it was dead, and not to who was suspected only', () => {
    const observer = new Observer('b').tickUntil(0, 900).hear(900, 'b', 1);
    expect(observer.of('changed')).toMatchObject([{ state: 'suspected' }, { state: 'alive' }]);
    expect(observer.of('dial')).toEqual([]);
    observer.tickUntil(940, 2_500);
    expect(observer.believes('b')).toBe('dead');
    observer.hear(2_600, 'b', 2);
    expect(observer.of('dial')).toMatchObject([{ peer: 'b' }]);
  });

  it('says of a death whether it is the word of others alone', () => {
    const peers = Array.from({ length: 14 }, (_, index) => `p${index}`);
    const observer = new Observer(...peers);
    const observed = new Set([...observer.state.peers.values()].filter((track) => track.observed).map(({ peer }) => peer));
    expect(observed.size).toBeGreaterThan(0);
    expect(observed.size).toBeLessThan(peers.length);
    for (const peer of peers) {
      const told = new Observer(...peers).at(5_000, { type: 'death', record: death(peer, 1) });
      const member = (): MemberState | undefined => memberStates(told.state, 0).find((each) => each.peer === peer);
      expect([peer, member()?.state, member()?.hearsay === true]).toEqual([peer, 'dead', !observed.has(peer)]);
      // Another record of the same death makes no difference: nobody observes the dead.
      told.at(5_100, { type: 'death', record: { ...death(peer, 1), at: '2025-12-31T00:00:00.000Z' } });
      expect(member()?.hearsay === true).toBe(!observed.has(peer));
      told.hear(5_200, peer, 2);
      expect(member()).toMatchObject({ state: 'alive' });
      expect(member()?.hearsay).toBeUndefined();
    }
  });

  it('does not believe the death of a peer that it hears, but tells that peer, until it had time to refute', () => {
    const observer = new Observer('b', 'c').hear(100, 'b');
    observer.at(200, { type: 'death', record: death('b', 1) }).at(250, { type: 'death', record: death('b', 1) });
    expect(observer.believes('b')).toBe('alive');
    expect(observer.of('accuse')).toMatchObject([{ peer: 'b', incarnation: 1 }]);
    expect(accusedIncarnation(observer.state, 'b')).toBe(1);
    expect(observer.hear(300, 'b', 2).believes('b')).toBe('alive');
    expect(accusedIncarnation(observer.state, 'b')).toBeUndefined();
    observer.tickUntil(320, 320 + settings.contestedMs);
    expect(observer.of('changed').filter((each) => each.do === 'changed' && each.peer === 'b' && each.state === 'dead')).toEqual([]);
    observer.hear(3_000, 'b', 2).at(3_000, { type: 'death', record: death('b', 2) });
    for (let now = 3_000; now < 3_000 + settings.contestedMs; now += 100)
      expect(observer.hear(now, 'b', 2).tickUntil(now, now).believes('b')).toBe('alive');
    // It had its time: all peers decide the same again.
    expect(observer.tickUntil(3_000 + settings.contestedMs, 3_000 + settings.contestedMs).believes('b')).toBe('dead');
    expect(observer.hear(6_000, 'b', 3).believes('b')).toBe('alive');
  });

  it('refutes what is said of it, not too often, and never what is said of its past', () => {
    const observer = new Observer('b');
    expect(observer.at(10, { type: 'accused', by: 'b', incarnation: 4 }).of('refute')).toEqual([]);
    observer.at(20, { type: 'accused', by: 'b', incarnation: 5 }).at(30, { type: 'accused', by: 'b', incarnation: 6 });
    expect(observer.of('refute')).toMatchObject([{ incarnation: 6 }]);
    observer.at(40 + settings.refuteIntervalMs, { type: 'death', record: death('self', 6) });
    expect(observer.of('refute')).toMatchObject([{ incarnation: 6 }, { incarnation: 7 }]);
  });

  it('doubts itself when plainly live peers do not answer, and takes longer', () => {
    const observer = new Observer('b', 'c');
    for (let times = 0; times < 4; times += 1) observer.at(10, { type: 'unanswered', from: 'c', about: 'b' });
    for (let now = 0; now <= 1_300; now += 40) observer.hear(now, 'c').at(now, { type: 'tick', lagMs: 0 });
    expect(observer.believes('b')).not.toBe('dead');
  });

  it('doubts itself when it hears nobody at all', () => {
    const observer = new Observer('b', 'c').tickUntil(0, settings.silentDeadMs + 400);
    expect([observer.believes('b'), observer.believes('c')]).not.toContain('dead');
    observer.tickUntil(settings.silentDeadMs + 440, settings.isolatedStretch * settings.silentDeadMs + 400);
    expect([observer.believes('b'), observer.believes('c')]).toContain('dead');
  });

  it('forgets members that were removed', () => {
    const observer = new Observer('b', 'c').at(100, { type: 'members', members: [{ peer: 'b', node: 'node-b' }] });
    expect(memberStates(observer.state, 0).map(({ peer }) => peer)).toEqual(['self', 'b']);
    expect(observer.of('changed')).toMatchObject([{ peer: 'c', state: 'removed' }]);
  });
});
