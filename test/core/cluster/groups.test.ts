import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Groups } from '../../../daemon/core/cluster/groups.ts';

interface Member {
  key: string;
  number: number;
}

type Plain = Map<string, Map<string, Member>>;

interface Step {
  do: string;
  which: number;
  group: string;
  from: number;
  many: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('set', 'set', 'set', 'delete', 'fork'),
  which: fc.nat(3),
  group: fc.constantFrom('left', 'right'),
  // More keys than a list holds, so that groups grow beyond it and shrink again.
  from: fc.nat(90),
  many: fc.constantFrom(1, 1, 40, 90),
});

function apply(groups: Groups<Member>, plain: Plain, { do: what, group, from, many }: Step, number: number): void {
  for (let index = from; index < from + many; index += 1) {
    const key = `key-${index % 91}`;
    const members = plain.get(group) ?? new Map<string, Member>();
    plain.set(group, members);
    if (what === 'set') {
      const member = { key, number };
      groups.set(group, member);
      members.set(key, member);
    } else {
      groups.delete(group, key);
      members.delete(key);
    }
    if (members.size === 0) plain.delete(group);
  }
}

describe('groups', () => {
  it('hold what maps of maps would, in that order, and so do forks, each on its own', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const pairs: { groups: Groups<Member>; plain: Plain }[] = [{ groups: new Groups(), plain: new Map() }];
        for (const [number, one] of steps.entries()) {
          const { groups, plain } = pairs[one.which % pairs.length]!;
          if (one.do === 'fork')
            pairs.push({ groups: groups.fork(), plain: new Map([...plain].map(([name, members]) => [name, new Map(members)])) });
          else apply(groups, plain, one, number);
          for (const { groups: left, plain: right } of pairs) {
            for (const name of ['left', 'right']) {
              const members = [...(right.get(name)?.values() ?? [])];
              expect(left.list(name)).toEqual(members);
              expect([...left.values(name)]).toEqual(members);
            }
            expect([...left.all()]).toEqual([...right.values()].flatMap((members) => [...members.values()]));
            expect(left.isEmpty()).toBe(right.size === 0);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('hand out one list until the group changes, and never change what they handed out', () => {
    for (const size of [3, 100]) {
      const groups = new Groups<Member>();
      for (let number = 0; number < size; number += 1) groups.set('all', { key: `key-${number}`, number });
      const list = groups.list('all');
      expect(groups.list('all')).toBe(list);
      groups.set('all', { key: 'key-0', number: -1 });
      groups.delete('all', 'key-1');
      expect(list.map(({ number }) => number)).toEqual(Array.from({ length: size }, (_, number) => number));
      expect(groups.list('all')[0]?.number).toBe(-1);
      expect(groups.list('all')).toHaveLength(size - 1);
    }
  });
});
