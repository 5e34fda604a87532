import { describe, expect, it } from 'vitest';
import { observedBy, observersOf, rankByRendezvous } from '../../../daemon/core/membership/rendezvous.ts';

const ids = Array.from({ length: 60 }, (_, index) => `12D3KooW${index}`);

describe('rendezvous ranking', () => {
  it('does not depend on the order of the candidates', () => {
    expect(rankByRendezvous('subject', [...ids].reverse())).toEqual(rankByRendezvous('subject', ids));
  });

  it('moves nobody else when a candidate leaves', () => {
    const ranked = rankByRendezvous('subject', ids);
    const without = ranked.filter((candidate) => candidate !== ids[7]);
    expect(
      rankByRendezvous(
        'subject',
        ids.filter((id) => id !== ids[7]),
      ),
    ).toEqual(without);
  });

  it('spreads first places', () => {
    const first = new Map<string, number>();
    for (let subject = 0; subject < 6_000; subject += 1) {
      const winner = rankByRendezvous(`s${subject}`, ids)[0]!;
      first.set(winner, (first.get(winner) ?? 0) + 1);
    }
    expect(first.size).toBe(ids.length);
    expect(Math.max(...first.values())).toBeLessThan(170);
  });

  it('gives each peer at most so many observers, and all others in a small cluster', () => {
    expect(observersOf(ids[0]!, ids, 8)).toHaveLength(8);
    expect(observersOf(ids[0]!, ids.slice(0, 5), 8)).toEqual(ids.slice(1, 5).sort());
  });

  it('tells an observer the same from its side', () => {
    for (const self of ids) {
      const expected = ids.filter((id) => id !== self && observersOf(id, ids, 8).includes(self)).sort();
      expect([...observedBy(self, ids, 8)].sort()).toEqual(expected);
    }
  });
});
