import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, BucketDigests, versionHash } from '../../../daemon/core/desired/digest.ts';
import { editsBetween, touchesSpec } from '../../../daemon/core/desired/edits.ts';
import { joinObject, splitObject } from '../../../daemon/core/desired/fields.ts';
import { bury, judgeChanges, lifeToOpen } from '../../../daemon/core/desired/lives.ts';
import { planSync } from '../../../daemon/core/desired/sync.ts';
import { compareBindings, compareSlots, decideFields } from '../../../daemon/core/desired/winners.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import type { Json } from '../../../protocol/json.ts';
import type { Binding, StoredObject } from '../../../protocol/objects.ts';

const KEY = 'deployments.apps/default/web';
const UNITS = { members: ['/spec', '/data'] };

function object(extra: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): StoredObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    ...extra,
  };
}

function roundTrip(source: StoredObject): StoredObject {
  const values = new Map([...splitObject(KEY, source, UNITS)].map(([path, text]) => [path, JSON.parse(text) as Json]));
  return joinObject(KEY, 'u', values, 4);
}

describe('fields of an object', () => {
  it('cut labels, specs and slots into members, and a template into none', () => {
    const fields = splitObject(
      KEY,
      object(
        { spec: { replicas: 2, template: { a: { b: 1 } } }, kith: { slots: { 0: { epoch: 1, generation: 1 } }, retired: [3] } },
        { labels: { 'a/b': 'c' } },
      ),
      UNITS,
    );
    expect(Object.fromEntries(fields)).toEqual({
      '/apiVersion': '"apps/v1"',
      '/kind': '"Deployment"',
      '/metadata/creationTimestamp': '"2026-01-01T00:00:00Z"',
      '/metadata/labels/a~1b': '"c"',
      '/spec': '{}',
      '/spec/replicas': '2',
      '/spec/template': '{"a":{"b":1}}',
      '/kith/slots/0': '{"epoch":1,"generation":1}',
      '/kith/retired': '[3]',
    });
  });

  it('come together again as the same object, but for what the replica sets', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => text !== '__proto__');
    const seed = Date.now() & 0xffff;
    console.log(`seed ${seed}`);
    const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
    const source = fc.record({
      labels: fc.dictionary(name, fc.string(), { minKeys: 1 }),
      spec: fc.dictionary(name, json),
      data: fc.dictionary(name, fc.string()),
    });
    fc.assert(
      fc.property(source, ({ labels, spec, data }) => {
        const clean = JSON.parse(canonicalJson({ labels, spec, data }).replaceAll('__proto__', 'proto')) as typeof spec & {
          labels: object;
          spec: object;
          data: object;
        };
        const whole = object({ spec: clean.spec, data: clean.data }, { labels: clean.labels, finalizers: ['b', 'a'] });
        expect(canonicalJson(roundTrip(whole))).toBe(
          canonicalJson({ ...whole, metadata: { ...whole.metadata, finalizers: ['a', 'b'], generation: 4 } }),
        );
      }),
      { seed },
    );
  });

  it('tell an empty spec from none', () => {
    expect(roundTrip(object({ spec: {} }))['spec']).toEqual({});
    expect(roundTrip(object())).not.toHaveProperty('spec');
  });

  it('survive any paths that a peer could send, and reach no prototype', () => {
    const values = new Map<string, Json>([
      ['', 1],
      ['x', 2],
      ['/__proto__/polluted', true],
      ['/spec/__proto__/polluted', true],
      ['/constructor/prototype/polluted', true],
      ['/metadata', 'text'],
      ['/metadata/labels', 7],
      ['/metadata/labels/a', 'b'],
      ['/metadata/name', 'forged'],
      ['/metadata/uid', 'forged'],
      ['/metadata/finalizers/x', 'x'],
    ]);
    const joined = joinObject(KEY, 'u', values, 1);
    expect(joined.metadata).toMatchObject({ name: 'web', uid: 'u', labels: { a: 'b' }, finalizers: ['x'] });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((Object as unknown as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('make a list of as many entries as an object has room for in a moment', () => {
    const names = Array.from({ length: 40_000 }, (_, index) => `a.b/${index}`);
    const begun = performance.now();
    expect(roundTrip(object({}, { finalizers: names })).metadata.finalizers).toHaveLength(names.length);
    // It was some ten seconds when each entry had the list copied.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('differ only where the author changed something', () => {
    const base = splitObject(KEY, object({ spec: { replicas: 1, paused: true } }), UNITS);
    const next = splitObject(KEY, object({ spec: { replicas: 2 } }, { labels: { a: 'b' } }), UNITS);
    const edits = editsBetween(base, next);
    expect(edits).toEqual([
      { path: '/metadata/labels/a', value: '"b"' },
      { path: '/spec/replicas', value: '2' },
      { path: '/spec/paused', value: undefined },
    ]);
    expect(touchesSpec(edits)).toBe(true);
    expect(
      touchesSpec([
        { path: '/metadata/labels/a', value: '"b"' },
        { path: '/specification', value: '1' },
      ]),
    ).toBe(false);
  });
});

describe('winners', () => {
  const binding = (change: Partial<Binding>): Binding => ({
    node: 'n',
    membersSeen: 2,
    membersKnown: 3,
    term: 1,
    by: 'leader',
    rank: 1,
    at: '',
    ...change,
  });

  it('of bindings: more members seen, later term, heir before leader before user, lower rank, smaller node', () => {
    const order = [
      binding({ membersSeen: 3, term: 0, by: 'user' }),
      binding({ term: 2, by: 'user' }),
      binding({ by: 'heir', rank: 0 }),
      binding({ by: 'heir', rank: 5 }),
      binding({ rank: 0 }),
      binding({ node: 'a' }),
      binding({ node: 'b' }),
      binding({ by: 'user', rank: 0 }),
    ];
    expect([...order].reverse().sort(compareBindings)).toEqual(order);
  });

  it('of slots: the greatest epoch, then generation', () => {
    const order = [
      { epoch: 3, generation: 1 },
      { epoch: 2, generation: 2 },
      { epoch: 2, generation: 1 },
    ];
    expect([...order].reverse().sort(compareSlots)).toEqual(order);
  });

  it('do not depend on the order in which values come, where a rule of ours decides', () => {
    const texts = [binding({ node: 'a' }), binding({ node: 'b' }), { nonsense: true }, null].map((value) => canonicalJson(value));
    const forward = decideFields(new Map([['/kith/binding', texts]]));
    const backward = decideFields(new Map([['/kith/binding', texts.toReversed()]]));
    expect(forward).toEqual(backward);
    expect(forward.values.get('/kith/binding')).toMatchObject({ node: 'a' });
  });

  it('are the last writer elsewhere; equal values are no conflict, and what is no JSON counts for nothing', () => {
    const decided = decideFields(
      new Map([
        ['/spec/replicas', ['1', '2']],
        ['/spec/same', ['{"a":1,"b":2}', '{"b":2,"a":1}']],
        ['/spec/broken', ['{', '3']],
        ['/metadata/creationTimestamp', ['"2026-01-02T00:00:00Z"', '"2026-01-01T00:00:00Z"']],
        ['/kith/retired', ['[1,2]', '[2]']],
      ]),
    );
    expect(Object.fromEntries(decided.values)).toEqual({
      '/spec/replicas': 2,
      '/spec/same': { a: 1, b: 2 },
      '/spec/broken': 3,
      '/metadata/creationTimestamp': '2026-01-01T00:00:00Z',
      '/kith/retired': [2],
    });
    expect(decided.conflicts.map(({ path }) => path)).toEqual(['/kith/retired', '/spec/replicas']);
  });
});

describe('lives', () => {
  it('open above everything buried and above the floor, unless the name is never used again', () => {
    expect(lifeToOpen({ life: 0, buried: 0 }, 0, false)).toBe(1);
    expect(lifeToOpen({ life: 0, buried: 3 }, 2, false)).toBe(4);
    expect(lifeToOpen({ life: 0, buried: 1 }, 7, false)).toBe(8);
    expect(lifeToOpen({ life: 0, buried: 0 }, 7, true)).toBe(1);
  });

  it('are judged by what is buried and open', () => {
    const state = { life: 3, buried: 2 };
    expect([1, 2, 3, 4].map((life) => judgeChanges(state, life))).toEqual(['buried', 'buried', 'merge', 'supersede']);
    expect(bury(state, 2)).toBeUndefined();
    expect(bury(state, 3)).toEqual({ life: 0, buried: 3 });
    expect(bury({ life: 0, buried: 0 }, 2)).toEqual({ life: 0, buried: 2 });
  });
});

describe('digests and plans', () => {
  const version = (key: string, life: number, buried: number, heads: string[] = []) => ({ key, life, buried, heads });

  it('are the same whatever the order, and differ by every part of a version', () => {
    const sum = (...versions: ReturnType<typeof version>[]): string => {
      const digests = new BucketDigests();
      for (const item of versions) digests.toggle(0, versionHash(item));
      return digests.texts()[0]!;
    };
    const [a, b] = [version('a', 1, 0, ['x']), version('b', 0, 1)];
    expect(sum(a, b)).toBe(sum(b, a));
    expect(sum(a, b, b)).toBe(sum(a));
    expect(
      new Set([a, version('a', 2, 0, ['x']), version('a', 1, 1, ['x']), version('a', 1, 0, ['y'])].map((item) => sum(item))).size,
    ).toBe(4);
    expect(sum({ ...b, ...{ settled: true } })).toBe('0'.repeat(16));
  });

  it('spread keys over all buckets', () => {
    const used = new Set(Array.from({ length: 4_000 }, (_, index) => bucketOf(`pods/default/web-${index}`)));
    expect(used.size).toBe(256);
  });

  it('pull what the other has more, push what we have more, both where heads differ', () => {
    const ours = [
      version('same', 1, 0, ['a']),
      version('diff', 1, 0, ['a']),
      version('mine', 1, 0, ['a']),
      version('dead', 0, 2),
      version('old', 1, 0, ['a']),
    ];
    const theirs = [
      version('same', 1, 0, ['a']),
      version('diff', 1, 0, ['b']),
      version('theirs', 1, 0, ['a']),
      version('dead', 1, 0, ['z']),
      version('old', 2, 1, ['c']),
    ];
    const plan = planSync(ours, theirs);
    expect(plan.pull.map(({ key }) => key)).toEqual(['diff', 'old', 'theirs']);
    expect(plan.push.map(({ key }) => key)).toEqual(['diff', 'mine', 'dead']);
    expect(plan.acknowledged).toEqual([]);
  });

  it('teach nobody a grave that all members held and that may be forgotten', () => {
    const settled = { ...version('k', 0, 2), settled: true };
    expect(planSync([settled], [])).toMatchObject({ pull: [], push: [] });
    expect(planSync([], [settled])).toMatchObject({ pull: [], push: [] });
    expect(planSync([version('k', 0, 2)], [settled])).toMatchObject({
      pull: [],
      push: [],
      acknowledged: [version('k', 0, 2)],
      settled: ['k'],
    });
    expect(planSync([settled], [version('k', 1, 0, ['a'])]).push).toHaveLength(1);
  });
});
