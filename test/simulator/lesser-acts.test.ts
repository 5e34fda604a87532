import { expect, it } from 'vitest';
import { actWithout } from './lesser-acts.ts';
import type { Act } from './scenario.ts';

it('an act in a world without one host: the hosts after it move up, and what was about it is left out', () => {
  const bound = (node: string): Act => ({ do: 'request', host: 1, method: 'POST', target: '/', body: { nodeName: node }, what: 'create' });
  expect(actWithout({ do: 'restart', host: 4 }, 2)).toEqual({ do: 'restart', host: 3 });
  expect(actWithout({ do: 'restart', host: 2 }, 2)).toBeUndefined();
  expect(actWithout({ do: 'remove', host: 1, by: 2 }, 2)).toBeUndefined();
  expect(actWithout(bound('node-3'), 2)).toEqual(bound('node-2'));
  expect(actWithout(bound('node-2'), 2)).toBeUndefined();
  const cut = (ways: [number, number][]): Act => ({ do: 'block', ways, how: 'a cut', forMs: 1_000 });
  expect(
    actWithout(
      cut([
        [1, 2],
        [2, 3],
        [1, 3],
      ]),
      2,
    ),
  ).toMatchObject({ ways: [[1, 2]] });
  expect(actWithout(cut([[1, 2]]), 2)).toBeUndefined();
});
