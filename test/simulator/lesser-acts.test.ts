import { expect, it } from 'vitest';
import { actWithout } from './lesser-acts.ts';
import type { Act, Scenario } from './scenario.ts';
import { withoutHost } from './shrink.ts';

it('an act in a world without one host: the hosts after it move up, and what was about it is left out', () => {
  const bound = (node: string): Act => ({ do: 'request', host: 1, method: 'POST', target: '/', body: { nodeName: node }, what: 'create' });
  expect(actWithout({ do: 'restart', host: 4 }, 2)).toEqual({ do: 'restart', host: 3 });
  expect(actWithout({ do: 'restart', host: 2 }, 2)).toBeUndefined();
  expect(actWithout({ do: 'remove', host: 1, by: 2 }, 2)).toBeUndefined();
  expect(actWithout(bound('node-3'), 2)).toEqual(bound('node-2'));
  expect(actWithout(bound('node-2'), 2)).toBeUndefined();
  const remove = (node: string): Act => ({
    do: 'request',
    host: 1,
    method: 'DELETE',
    target: `/api/v1/nodes/${node}`,
    what: `remove ${node}`,
  });
  expect(actWithout(remove('node-12'), 2)).toEqual(remove('node-11'));
  expect(actWithout(remove('node-2'), 2)).toBeUndefined();
  const filed = (node: string): Act => ({ do: 'file', host: 1, file: 'a.yaml', text: `spec:\n  nodeName: ${node}\n` });
  expect(actWithout(filed('node-3'), 2)).toEqual(filed('node-2'));
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

it('a scenario without one host: the releases of the others move up with them', () => {
  const network = { delayMs: 1, jitterMs: 0, loss: 0, duplicate: 0 };
  const about: Scenario = { seed: 1, plot: 'storm', peers: 4, cpu: '4', network, documents: 'light', stormMs: 1, steps: [] };
  const releases = { 1: 'older', 2: 'newer', 4: 'newer' } as const;
  expect(withoutHost({ ...about, releases }, 2)).toEqual({ ...about, peers: 3, releases: { 1: 'older', 3: 'newer' } });
  expect(withoutHost(about, 2)).not.toHaveProperty('releases');
});
