import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LayeredMap } from '../../../daemon/core/cluster/layered-map.ts';

type Step =
  { do: 'set'; map: number; key: number; value: string } | { do: 'delete'; map: number; key: number } | { do: 'fork'; map: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('set' as const), map: fc.nat(9), key: fc.nat(7), value: fc.string({ maxLength: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), map: fc.nat(9), key: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fork' as const), map: fc.nat(9) }) },
);

describe('a layered map', () => {
  it('behaves as a Map, and so do its forks and theirs, each on its own', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pairs = [{ layered: new LayeredMap<number, string>(), plain: new Map<number, string>() }];
        for (const one of steps) {
          const { layered, plain } = pairs[one.map % pairs.length]!;
          if (one.do === 'set') {
            layered.set(one.key, one.value);
            plain.set(one.key, one.value);
          } else if (one.do === 'delete') expect(layered.delete(one.key)).toBe(plain.delete(one.key));
          else pairs.push({ layered: layered.fork(), plain: new Map(plain) });
          for (const { layered: left, plain: right } of pairs) {
            expect([...left]).toEqual([...right]);
            expect([...left.keys()]).toEqual([...right.keys()]);
            expect([...left.values()]).toEqual([...right.values()]);
            expect(left.size).toBe(right.size);
            for (let key = 0; key < 8; key += 1) {
              expect(left.get(key)).toBe(right.get(key));
              expect(left.has(key)).toBe(right.has(key));
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('knows what was set since the last fork', () => {
    const map = new LayeredMap<string, number>().set('old', 1);
    const fork = map.fork();
    expect([map.owns('old'), fork.owns('old')]).toEqual([false, false]);
    fork.set('old', 2);
    expect([map.owns('old'), fork.owns('old')]).toEqual([false, true]);
    expect(map.get('old')).toBe(1);
  });
});
