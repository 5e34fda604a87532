import { describe, expect, it } from 'vitest';
import { HEIR_SETTINGS } from '../../../daemon/core/heirs/claims.ts';
import { accusations, accusedIncarnation } from '../../../daemon/core/membership/detector.ts';
import { livenessSettings as settings } from '../../../protocol/liveness.ts';
import { death, Observer } from '../../support/detector-observer.ts';

/** A member of so many that it does not observe all, and one that it does not. */
function observerOfOthers(): { observer: Observer; peer: string } {
  const observer = new Observer(...Array.from({ length: 14 }, (_, index) => `p${index}`));
  const { peer } = [...observer.state.peers.values()].find((track) => !track.observed)!;
  return { observer, peer };
}

describe('the word of others that a peer is dead', () => {
  it('has it asked once, for as long as heirs wait, where somebody would act on it', () => {
    const { observer, peer } = observerOfOthers();
    const of = (kind: 'accuse' | 'probe'): number => observer.of(kind).filter((each) => 'peer' in each && each.peer === peer).length;
    observer.at(5_000, { type: 'death', record: death(peer, 1) });
    observer.tickUntil(5_040, 5_100);
    expect(of('probe') + of('accuse')).toBe(0);
    observer.at(5_120, { type: 'doubted', peer }).tickUntil(5_120, 5_120);
    expect([of('probe'), of('accuse')]).toEqual([1, 1]);
    for (let now = 5_160; now <= 9_000; now += 40) observer.at(now, { type: 'doubted', peer }).tickUntil(now, now);
    const most = settings.hearsayAskMs / settings.hearsayIntervalMs;
    expect(of('probe')).toBeGreaterThan(most / 2);
    expect(of('probe')).toBeLessThanOrEqual(most + 1);
    expect(of('accuse')).toBeLessThanOrEqual(1 + settings.hearsayAskMs / settings.connectIntervalMs);
    expect(settings.hearsayAskMs).toBeGreaterThan(HEIR_SETTINGS.hearsayMs);
    expect(observer.believes(peer)).toBe('dead');
  });

  it('is not doubted where there is none: of one that lives, or that it observes itself', () => {
    const { observer, peer } = observerOfOthers();
    observer.at(5_000, { type: 'doubted', peer });
    const { peer: observed } = [...observer.state.peers.values()].find((track) => track.observed)!;
    observer.at(5_000, { type: 'death', record: death(observed, 1) }).at(5_001, { type: 'doubted', peer: observed });
    expect(observer.of('probe')).toEqual([]);
  });

  it('is doubted, too, of one that it observes since a moment ago', () => {
    const observer = new Observer('b', 'c').hear(5_000, 'c');
    const since = observer.state.peers.get('b')!;
    observer.state = { ...observer.state, peers: observer.state.peers.with({ ...since, countFrom: 5_000 }) };
    observer
      .at(5_100, { type: 'death', record: death('b') })
      .at(5_100, { type: 'doubted', peer: 'b' })
      .tickUntil(5_100, 5_100);
    expect(observer.of('probe')).toContainEqual(expect.objectContaining({ peer: 'b', via: 'datagram' }));
    observer.hear(5_120, 'b', 2);
    expect(observer.believes('b')).toBe('alive');
  });

  it('asks some at once of many, and all in turn', () => {
    const observer = new Observer(...Array.from({ length: 200 }, (_, index) => `p${index}`));
    const peers = observer.state.peers.values().filter((track) => !track.observed);
    for (const { peer } of peers) observer.at(5_000, { type: 'death', record: death(peer) }).at(5_000, { type: 'doubted', peer });
    const asked = new Set<string>();
    for (let now = 5_000; now < 5_000 + settings.hearsayAskMs; now += settings.tickIntervalMs) {
      const before = observer.decisions.length;
      observer.tickUntil(now, now);
      const probes = observer.decisions.slice(before).filter((each) => each.do === 'probe' && each.reason.startsWith('others declared'));
      expect(probes.length).toBeLessThanOrEqual(32);
      for (const each of probes) if ('peer' in each) asked.add(each.peer);
    }
    expect(asked.size).toBeGreaterThan(150);
  });

  it('holds who answers for alive, and tells it, until it had time to refute what others declare', () => {
    const { observer, peer } = observerOfOthers();
    const answer = (at: number, incarnation: number): void => void observer.hear(at, peer, incarnation);
    observer.at(5_000, { type: 'death', record: death(peer, 1) });
    answer(5_060, 1);
    expect(observer.believes(peer)).toBe('alive');
    expect(observer.of('dial')).toMatchObject([{ peer }]);
    expect(accusedIncarnation(observer.state, peer)).toBe(1);
    expect(accusations(observer.state, 5_060, 8)).toEqual([{ peer, incarnation: 1 }]);
    // It is asked on, and no record of the same death makes a difference while it answers.
    for (let now = 5_100; now < 5_060 + settings.contestedMs; now += 100) {
      answer(now, 1);
      observer.at(now, { type: 'death', record: death(peer, 1) }).tickUntil(now, now);
      expect(observer.believes(peer)).toBe('alive');
    }
    for (const kind of ['probe', 'accuse'] as const)
      expect(observer.of(kind).filter((each) => 'peer' in each && each.peer === peer).length).toBeGreaterThan(5);
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
