import { describe, expect, it } from 'vitest';
import { deploymentKind } from '../../../protocol/kinds/deployment.ts';
import { podKind } from '../../../protocol/kinds/pod.ts';
import { inWantedOrder } from '../../../protocol/patch/order.ts';
import { strategicMerge } from '../../../protocol/patch/strategic.ts';

const pod = {
  metadata: { name: 'web', labels: { app: 'web', tier: 'front' }, finalizers: ['a/b', 'c/d'] },
  spec: {
    containers: [
      {
        name: 'one',
        image: 'a:1',
        args: ['x', 'y'],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
      { name: 'two', image: 'b:1', ports: [{ containerPort: 80, protocol: 'TCP' }] },
    ],
    nodeSelector: { disk: 'ssd' },
  },
};
const merge = (patch: Record<string, unknown>): typeof pod => strategicMerge(podKind.schema, pod, patch) as typeof pod;

describe('a strategic merge patch', () => {
  it('changes one container by its name and leaves the others', () => {
    const { containers } = merge({ spec: { containers: [{ name: 'two', image: 'b:2' }] } }).spec;
    expect(containers).toEqual([pod.spec.containers[0], { ...pod.spec.containers[1], image: 'b:2' }]);
    expect(pod.spec.containers[1]?.image).toBe('b:1');
  });

  it('merges lists in lists, replaces lists without keys, and adds what is new', () => {
    const patched = merge({
      spec: {
        containers: [
          {
            name: 'one',
            args: ['z'],
            env: [
              { name: 'B', value: '3' },
              { name: 'C', value: '4' },
            ],
          },
          { name: 'new', image: 'c' },
        ],
      },
    });
    expect(patched.spec.containers[0]).toMatchObject({
      args: ['z'],
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '3' },
        { name: 'C', value: '4' },
      ],
    });
    expect(patched.spec.containers[2]).toEqual({ name: 'new', image: 'c' });
  });

  it('takes away: members with null, items with $patch: delete, everything with $patch: replace', () => {
    expect(merge({ metadata: { labels: { tier: null } } }).metadata.labels).toEqual({ app: 'web' });
    expect(merge({ spec: { containers: [{ name: 'one', $patch: 'delete' }] } }).spec.containers).toEqual([pod.spec.containers[1]]);
    expect(merge({ spec: { containers: [{ $patch: 'replace' }, { name: 'z', image: 'z' }] } }).spec.containers).toEqual([
      { name: 'z', image: 'z' },
    ]);
    expect(merge({ metadata: { labels: { $patch: 'replace', only: 'this' } } }).metadata.labels).toEqual({ only: 'this' });
    expect(merge({ spec: { nodeSelector: { $patch: 'delete' } } }).spec.nodeSelector).toEqual({});
  });

  it('treats finalizers as a set, and takes some out of it', () => {
    expect(merge({ metadata: { finalizers: ['c/d', 'e/f'] } }).metadata.finalizers).toEqual(['a/b', 'c/d', 'e/f']);
    expect(merge({ metadata: { '$deleteFromPrimitiveList/finalizers': ['a/b'] } }).metadata).toEqual({
      ...pod.metadata,
      finalizers: ['c/d'],
    });
  });

  it('puts items in the order that the patch wants', () => {
    const order = { '$setElementOrder/containers': [{ name: 'two' }, { name: 'new' }, { name: 'one' }] };
    const patched = merge({ spec: { ...order, containers: [{ name: 'new', image: 'n' }] } });
    expect(patched.spec.containers.map(({ name }) => name)).toEqual(['two', 'new', 'one']);
    expect(patched.spec).not.toHaveProperty('$setElementOrder/containers');
  });

  it('keeps only the keys that it retains', () => {
    const deployment = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(strategicMerge(deploymentKind.schema, deployment, patch)).toEqual({ spec: { strategy: { type: 'Recreate' } } });
    const stray = { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } };
    expect(() => strategicMerge(deploymentKind.schema, deployment, stray)).toThrow('$retainKeys does not list "rollingUpdate"');
  });

  it('is refused when it can not be understood', () => {
    expect(() => merge({ spec: { containers: [{ image: 'x' }] } })).toThrow(
      'spec.containers: an item does not contain the declared merge key: name',
    );
    expect(() => merge({ spec: { containers: ['x'] } })).toThrow('spec.containers: expected a list of objects');
    expect(() => merge({ spec: { $patch: 'explode' } })).toThrow('spec: unknown patch type found: "explode"');
    expect(() => merge({ metadata: { '$deleteFromPrimitiveList/finalizers': 'x' } })).toThrow('must be a list');
  });

  it('does not let a key reach into JavaScript', () => {
    const patch = JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}') as Record<string, unknown>;
    const { labels } = merge(patch).metadata;
    expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
    expect(Object.keys(labels)).toContain('__proto__');
  });
});

describe('the order of a merged list', () => {
  it('keeps those that the author did not know between their old neighbours', () => {
    const order = (merged: string[], wanted: string[], before: string[]): string =>
      inWantedOrder(merged, wanted, before, (item) => item).join('');
    expect(order(['a', 'b', 'x'], ['x', 'a'], ['a', 'b'])).toBe('xab');
    expect(order(['a', 's', 'b'], ['a', 'b'], ['a', 's', 'b'])).toBe('asb');
    expect(order(['a', 'b'], [], ['b', 'a'])).toBe('ab');
  });
});
