import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PeerTrack } from '../../../daemon/core/membership/state.ts';
import { PeerTracks } from '../../../daemon/core/membership/tracks.ts';

/** Every third one is far. */
const track = (peer: string, incarnation: number): PeerTrack =>
  ({ peer, incarnation, state: 'alive', observed: incarnation % 3 > 0 }) as PeerTrack;

it('holds what a map would, and a change leaves what was as it was', () => {
  const changes = fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat()), { maxLength: 60 });
  fc.assert(
    fc.property(changes, changes, (first, second) => {
      const expected = new Map(first);
      const tracks = PeerTracks.of(first.map(([peer, incarnation]) => track(peer, incarnation)));
      const held = (of: PeerTracks): [string, number][] => of.values().map(({ peer, incarnation }) => [peer, incarnation]);
      const before = held(tracks);
      expect(new Map(before)).toEqual(expected);
      let changed = tracks;
      for (const [peer, incarnation] of second) {
        changed = changed.with(track(peer, incarnation));
        expected.set(peer, incarnation);
        expect(changed.get(peer)?.incarnation).toBe(incarnation);
        expect([changed.has(peer), changed.size]).toEqual([true, expected.size]);
      }
      expect(new Map(held(changed))).toEqual(expected);
      expect(changed.near()).toEqual(changed.values().filter(({ observed }) => observed));
      expect(held(changed)).toHaveLength(expected.size);
      expect(held(tracks)).toEqual(before);
    }),
  );
});
