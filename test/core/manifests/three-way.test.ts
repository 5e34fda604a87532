import { describe, expect, it } from 'vitest';
import { mergeThreeWay } from '../../../daemon/core/manifests/three-way.ts';

describe('a three-way merge', () => {
  it('keeps what others set, unless the file changed it', () => {
    const base = { spec: { replicas: 2, paused: false } };
    const current = { spec: { replicas: 5, paused: false, minReadySeconds: 3 } };
    expect(mergeThreeWay(base, { spec: { replicas: 2, paused: true } }, current)).toEqual({
      spec: { replicas: 5, paused: true, minReadySeconds: 3 },
    });
    expect(mergeThreeWay(base, { spec: { replicas: 3, paused: false } }, current)).toEqual({
      spec: { replicas: 3, paused: false, minReadySeconds: 3 },
    });
  });

  it('removes what the file no longer says, and nothing else', () => {
    const base = { metadata: { labels: { a: '1', b: '2' } } };
    const current = { metadata: { labels: { a: '1', b: '2', c: '3' } } };
    expect(mergeThreeWay(base, { metadata: { labels: { a: '1' } } }, current)).toEqual({ metadata: { labels: { a: '1', c: '3' } } });
  });

  it('takes a list as one value', () => {
    const base = { args: ['a'] };
    expect(mergeThreeWay(base, { args: ['a', 'b'] }, { args: ['x'] })).toEqual({ args: ['a', 'b'] });
    expect(mergeThreeWay(base, { args: ['a'] }, { args: ['x'] })).toEqual({ args: ['x'] });
  });
});
