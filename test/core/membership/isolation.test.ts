import { describe, expect, it } from 'vitest';
import { accusedIncarnation, memberStates, ownObservers } from '../../../daemon/core/membership/detector.ts';
import { livenessSettings as settings } from '../../../protocol/liveness.ts';
import { death, Observer } from '../../support/detector-observer.ts';
import type { Random } from '../../../daemon/ports/clock.ts';
import { seededRandom, testSeed } from '../../support/virtual-clock.ts';

const CUTS = 200;
const ISOLATED_DEAD_MS = settings.isolatedStretch * settings.silentDeadMs;
/** What a verdict takes at most once it is due: a look, and the others' answers. */
const VERDICT_MS = settings.opinionTimeoutMs + 3 * settings.alertTickIntervalMs;

describe('a peer that hears nobody', () => {
  it('presumes the others dead, later than it would declare one of them, and tells nobody', () => {
    const observer = new Observer('b', 'c').tickUntil(0, ISOLATED_DEAD_MS - 1);
    expect([observer.believes('b'), observer.believes('c')]).toEqual(['suspected', 'suspected']);
    observer.tickUntil(ISOLATED_DEAD_MS, ISOLATED_DEAD_MS + VERDICT_MS);
    expect([observer.believes('b'), observer.believes('c')]).toEqual(['dead', 'dead']);
    expect(memberStates(observer.state, 0)).toMatchObject([{}, { death: { peerId: 'b' } }, { death: { peerId: 'c' } }]);
    observer.tickUntil(ISOLATED_DEAD_MS + VERDICT_MS, 100_000);
    expect(observer.of('declare')).toEqual([]);
    // They get beats still, so that they know at once when we are back; and there is no incarnation that they would have to refute.
    expect(ownObservers(observer.state).sort()).toEqual(['b', 'c']);
    expect(accusedIncarnation(observer.state, 'b')).toBeUndefined();
  });

  it('takes whom it hears for alive at once, and the others after they had time, unless they are silent', () => {
    const observer = new Observer('b', 'c', 'd').tickUntil(0, 10_000);
    for (let now = 10_000; now < 10_000 + settings.silentDeadMs; now += 40) observer.hear(now, 'b').at(now, { type: 'tick', lagMs: 0 });
    expect(['b', 'c', 'd'].map((peer) => observer.believes(peer))).toEqual(['alive', 'dead', 'dead']);
    expect(observer.hear(11_190, 'c').believes('c')).toBe('alive');
    expect(observer.of('declare')).toEqual([]);
    for (let now = 10_000 + settings.silentDeadMs; now < 10_000 + settings.silentDeadMs + VERDICT_MS; now += 40)
      observer.hear(now, 'b').hear(now, 'c').at(now, { type: 'tick', lagMs: 0 });
    expect(observer.of('declare')).toMatchObject([{ record: { peerId: 'd', how: 'silent' } }]);
    // Its pods are not taken for lost a second time.
    expect(memberStates(observer.state, 0).find(({ peer }) => peer === 'd')!.since).toBeLessThan(ISOLATED_DEAD_MS + VERDICT_MS);
  });

  it('believes what others declare of those that it presumes dead', () => {
    const observer = new Observer('b', 'c').tickUntil(0, 10_000).hear(10_000, 'b');
    const at = '2026-01-01T00:00:02.000Z';
    observer.at(10_100, { type: 'death', record: { ...death('c'), lastSeen: at, at } });
    expect(memberStates(observer.state, 0).find(({ peer }) => peer === 'c')).toMatchObject({ state: 'dead', death: { at } });
    expect(observer.hear(10_200, 'c').believes('c')).toBe('dead');
    expect(observer.hear(10_300, 'c', 2).believes('c')).toBe('alive');
  });

  it('declares at the usual time when there is only one other: then either may be the one that is cut off', () => {
    expect(new Observer('b').tickUntil(0, settings.silentDeadMs + VERDICT_MS).of('declare')).toHaveLength(1);
  });

  it('holds those that others observe for lost as well, until it hears somebody', () => {
    const members = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const observer = new Observer(...members).tickUntil(0, ISOLATED_DEAD_MS + VERDICT_MS);
    expect(members.filter((peer) => observer.believes(peer) !== 'dead')).toEqual([]);
    const first = observer.state.peers.values().find(({ observed }) => observed)?.peer ?? '';
    observer.hear(9_000, first).tickUntil(9_000, 9_000);
    expect(members.filter((peer) => observer.believes(peer) === 'dead').length).toBeLessThanOrEqual(settings.maxObservers);
    expect(observer.of('declare')).toEqual([]);
  });

  it('knows by calling who is on its side of a cut, though it does not observe them, and presumes the others dead alone', () => {
    const { observer, unobserved, asked } = calling((peers) => peers.slice(0, 4));
    const mates = unobserved.slice(0, 4);
    expect(mates.map((peer) => observer.believes(peer))).toEqual(mates.map(() => 'alive'));
    expect(unobserved.slice(4).map((peer) => observer.believes(peer))).toEqual(unobserved.slice(4).map(() => 'dead'));
    expect(memberStates(observer.state, 0).filter(({ state }) => state === 'alive')).toHaveLength(1 + mates.length);
    expect(observer.of('declare')).toEqual([]);
    // All are called at first, and seldom later.
    expect(asked(unobserved.at(-1)!)).toBeGreaterThanOrEqual(settings.wideCalls);
    expect(asked(unobserved.at(-1)!)).toBeLessThan(settings.wideCalls + 5);
    expect(asked(mates[0]!)).toBeGreaterThan(40);
  });

  it('declares nobody, either, where others said of one on its side that it is dead', () => {
    const { observer, unobserved } = calling(
      (peers) => peers.slice(0, 4),
      (told, now, [peer = '']) => {
        if (now === 800) told.at(now, { type: 'death', record: death(peer) });
      },
    );
    expect(observer.of('declare')).toEqual([]);
    expect(unobserved.slice(1, 4).map((peer) => observer.believes(peer))).toEqual(['alive', 'alive', 'alive']);
  });

  it('is not the one that is cut off where most answer its calls: those that it observes have died', () => {
    const { observer, unobserved } = calling((peers) => peers);
    const lost = observer.state.peers.values().filter(({ peer }) => !unobserved.includes(peer));
    expect(observer.of('declare').length).toBe(lost.length);
    expect(unobserved.map((peer) => observer.believes(peer))).toEqual(unobserved.map(() => 'alive'));
  });

  it('presumes only, too, when it observes just one of many: the chance of the draw', () => {
    const observer = inWideCluster((observed) => observed === 1);
    observer.tickUntil(settings.suspectAfterMs, settings.suspectAfterMs + ISOLATED_DEAD_MS + VERDICT_MS);
    expect(observer.of('declare')).toEqual([]);
    expect(new Set(memberStates(observer.state, 0).map(({ state }) => state))).toEqual(new Set(['alive', 'dead']));
  });

  it('does not take what others have kept of a member that it never heard for a sign of life', () => {
    const observer = new Observer();
    const members = ['self', 'b', 'c'].map((peer) => ({ peer, node: `node-${peer}` }));
    observer.at(0, { type: 'members', members }).tickUntil(0, settings.unseenDeadMs + VERDICT_MS);
    expect([observer.believes('b'), observer.believes('c')]).toEqual(['dead', 'dead']);
    observer.hear(70_000, 'b').at(70_010, { type: 'incarnation', peer: 'c', incarnation: 7 });
    expect([observer.believes('b'), observer.believes('c')]).toEqual(['alive', 'dead']);
  });

  it('does not keep a dead peer for ever when its only path to the others comes and goes', () => {
    const observer = new Observer('b', 'c');
    for (let now = 0; now < 20_000; now += 40) {
      if (now % 800 === 0) observer.hear(now, 'c');
      observer.at(now, { type: 'tick', lagMs: 0 });
    }
    expect(observer.believes('b')).toBe('dead');
  });

  it('declares no living peer when it is cut off and back', () => {
    const random = seededRandom(testSeed('cut off and back'));
    for (let count = 0; count < CUTS; count += 1) cutOffAndBack(random);
  });
});

/** Members that leave an observer so many to observe itself; all were heard a little while ago. */
function inWideCluster(fits: (observed: number) => boolean): Observer {
  for (let draw = 0; ; draw += 1) {
    const observer = new Observer(...Array.from({ length: 30 }, (_, index) => `p${draw}-${index}`));
    if (fits(observer.state.peers.values().filter(({ observed }) => observed).length)) return observer;
  }
}

/** An observer among thirty that hears none of those that it observes for 20 s; of the others some answer its calls. */
function calling(
  answering: (unobserved: string[]) => string[],
  tell: (observer: Observer, now: number, there: readonly string[]) => void = () => undefined,
): { observer: Observer; unobserved: string[]; asked(peer: string): number } {
  const observer = inWideCluster((observed) => observed >= 4 && observed <= 10);
  const unobserved = observer.state.peers
    .values()
    .filter(({ observed }) => !observed)
    .map(({ peer }) => peer);
  const there = new Set(answering(unobserved));
  const asked = (peer: string): number => observer.of('probe').filter((each) => each.do === 'probe' && each.peer === peer).length;
  for (let now = 0; now < 20_000; now += settings.alertTickIntervalMs) {
    const before = observer.decisions.length;
    tell(observer, now, [...there]);
    observer.at(now, { type: 'tick', lagMs: 0 });
    for (const decision of observer.decisions.slice(before))
      if (decision.do === 'probe' && decision.via === 'datagram' && there.has(decision.peer)) observer.hear(now + 5, decision.peer);
  }
  return { observer, unobserved, asked };
}

/** Cuts the observer off for a while; the others are heard again one after the other, but for one that died meanwhile. */
function cutOffAndBack(random: Random): void {
  const draw = (least: number, most: number): number => least + random.next() * (most - least);
  const members = Array.from({ length: Math.floor(draw(2, 9)) }, (_, number) => `p${number}`);
  const dead = random.next() < 0.3 ? members.at(-1) : undefined;
  const observer = new Observer(...members);
  const cut = { from: draw(1_000, 2_000), to: 0 };
  cut.to = cut.from + draw(0, 6_000);
  // Each is heard again at another moment, some only after a second.
  const next = new Map(members.map((peer) => [peer, { beat: draw(0, 250), back: cut.to + draw(0, 900) }]));
  let questions = 0;
  for (let now = 0; now < cut.to + 4_000; now += settings.alertTickIntervalMs) {
    for (const [peer, times] of next) {
      for (; times.beat <= now; times.beat += settings.beatIntervalMs) {
        const isCut = times.beat >= cut.from && (times.beat < times.back || peer === dead);
        if (!isCut) observer.at(now, { type: 'heard', peer, at: times.beat, incarnation: 1 });
      }
    }
    // The others hear each other all the while; who can be reached says so.
    for (const asked of observer.of('ask').slice(questions)) {
      questions += 1;
      if (asked.do !== 'ask' || asked.helper === dead || (now >= cut.from && now < (next.get(asked.helper)?.back ?? 0))) continue;
      const heardAgoMs = asked.about === dead ? Math.round(now - cut.from) : 100;
      const answer = { type: 'about', incarnation: 1, heardAgoMs, kernel: null } as const;
      observer.at(now, { type: 'opinion', from: asked.helper, about: asked.about, answer });
    }
    observer.at(now, { type: 'tick', lagMs: 0 });
  }
  const declared = observer.of('declare').map((decision) => decision.do === 'declare' && decision.record.peerId);
  expect(declared).toEqual(dead === undefined ? [] : [dead]);
  expect(members.filter((peer) => observer.believes(peer) !== 'alive')).toEqual(dead === undefined ? [] : [dead]);
}
