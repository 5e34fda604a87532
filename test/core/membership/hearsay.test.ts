import { describe, expect, it } from 'vitest';
import { HEIR_SETTINGS } from '../../../daemon/core/heirs/claims.ts';
import { accusations, accusedIncarnation } from '../../../daemon/core/membership/detector.ts';
import { livenessSettings as settings } from '../../../protocol/liveness.ts';
import type { DeathRecord } from '../../../protocol/observed.ts';
import { Observer } from '../../support/detector-observer.ts';

const death = (peerId: string, incarnation: number): DeathRecord => ({
  kind: 'death',
  peerId,
  node: `node-${peerId}`,
  incarnation,
  how: 'silent',
  lastSeen: '2026-01-01T00:00:00.000Z',
  at: '2026-01-01T00:00:01.200Z',
  membersSeen: 2,
  membersKnown: 3,
});

/** A member of so many that it does not observe all, and one that it does not. */
function observerOfOthers(): { observer: Observer; peer: string } {
  const observer = new Observer(...Array.from({ length: 14 }, (_, index) => `p${index}`));
  const { peer } = [...observer.state.peers.values()].find((track) => !track.observed)!;
  return { observer, peer };
}

describe('the word of others that a peer is dead', () => {
  it('asks a peer that it does not observe and that others declare dead, for as long as heirs wait', () => {
    const { observer, peer } = observerOfOthers();
    observer
      .tickUntil(4_900, 5_000)
      .at(5_000, { type: 'death', record: death(peer, 1) })
      .tickUntil(5_040, 9_000);
    const asked = [...observer.of('accuse'), ...observer.of('probe')].filter((each) => 'peer' in each && each.peer === peer);
    expect(asked.filter((each) => each.do === 'accuse')).toHaveLength(1);
    const most = settings.hearsayAskMs / settings.hearsayIntervalMs;
    expect(asked.length - 1).toBeGreaterThan(most / 2);
    expect(asked.length - 1).toBeLessThanOrEqual(most + 1);
    expect(settings.hearsayAskMs).toBeGreaterThan(HEIR_SETTINGS.hearsayMs);
    expect(observer.believes(peer)).toBe('dead');
  });

  it('holds who answers for alive, and tells it, until it had time to refute what others declare', () => {
    const { observer, peer } = observerOfOthers();
    const answer = (at: number, incarnation: number): void => void observer.hear(at, peer, incarnation);
    observer.at(5_000, { type: 'death', record: death(peer, 1) });
    answer(5_060, 1);
    expect(observer.believes(peer)).toBe('alive');
    expect(accusedIncarnation(observer.state, peer)).toBe(1);
    expect(accusations(observer.state, 5_060, 8)).toEqual([{ peer, incarnation: 1 }]);
    // It is asked on, and no record of the same death makes a difference while it answers.
    for (let now = 5_100; now < 5_060 + settings.contestedMs; now += 100) {
      answer(now, 1);
      observer.at(now, { type: 'death', record: death(peer, 1) }).tickUntil(now, now);
      expect(observer.believes(peer)).toBe('alive');
    }
    expect(observer.of('probe').filter((each) => 'peer' in each && each.peer === peer).length).toBeGreaterThan(10);
    const end = 5_100 + settings.contestedMs;
    expect(observer.tickUntil(end, end).believes(peer)).toBe('dead');
    // It had its time: what it says in that incarnation counts no more.
    answer(end + 100, 1);
    expect(observer.believes(peer)).toBe('dead');
    answer(end + 200, 2);
    expect(observer.believes(peer)).toBe('alive');
    expect(accusedIncarnation(observer.state, peer)).toBeUndefined();
  });
});
