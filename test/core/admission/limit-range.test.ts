import { describe, expect, it } from 'vitest';
import { claimRefusal, limitsRefusal, withLimitDefaults } from '../../../daemon/core/admission/limit-range.ts';
import type { PodSpec } from '../../../protocol/types.ts';

const spec = (resources?: object, more: Partial<PodSpec> = {}): PodSpec => ({
  containers: [{ name: 'a', image: 'x', ...(resources === undefined ? {} : { resources }) }],
  ...more,
});
const item = (type: string, bounds: object): Parameters<typeof limitsRefusal>[1][number] => ({ type, ...bounds });

describe('a LimitRange', () => {
  it('fills in what containers do not say, of init containers, too', () => {
    const items = [
      item('Container', { default: { cpu: '500m' }, defaultRequest: { cpu: '100m', memory: '64Mi' } }),
      item('Pod', { max: { cpu: '4' } }),
    ];
    const filled = withLimitDefaults(spec({ requests: { cpu: '200m' } }, { initContainers: [{ name: 'i', image: 'x' }] }), items);
    expect(filled.containers[0]?.resources).toEqual({ limits: { cpu: '500m' }, requests: { cpu: '200m', memory: '64Mi' } });
    expect(filled.initContainers?.[0]?.resources).toEqual({ limits: { cpu: '500m' }, requests: { cpu: '100m', memory: '64Mi' } });
    const own = spec();
    expect(withLimitDefaults(own, [item('Pod', { max: { cpu: '4' } })])).toBe(own);
  });

  it.each([
    [{ max: { cpu: '1' } }, { limits: { cpu: '2' } }, 'maximum cpu usage per Container is 1, but limit is 2'],
    [{ max: { cpu: '1' } }, {}, 'maximum cpu usage per Container is 1.  No limit is specified'],
    [
      { max: { cpu: '1' } },
      { limits: { cpu: '1' }, requests: { cpu: '1500m' } },
      'maximum cpu usage per Container is 1, but request is 1500m',
    ],
    [{ min: { memory: '64Mi' } }, { requests: { memory: '32Mi' } }, 'minimum memory usage per Container is 64Mi, but request is 32Mi'],
    [{ min: { memory: '64Mi' } }, {}, 'minimum memory usage per Container is 64Mi.  No request is specified'],
    [
      { maxLimitRequestRatio: { cpu: '2' } },
      { limits: { cpu: '1' }, requests: { cpu: '250m' } },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000',
    ],
    [
      { max: { cpu: '1' }, min: { cpu: '1' } },
      {},
      '[minimum cpu usage per Container is 1.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified]',
    ],
    [{ max: { cpu: '1' }, min: { cpu: '500m' } }, { limits: { cpu: '1' }, requests: { cpu: '0.5' } }, undefined],
    [{ maxLimitRequestRatio: { cpu: '2' } }, { limits: { cpu: '1' }, requests: { cpu: '500m' } }, undefined],
  ])('with %j refuses a container with %j: %s', (bounds, resources, words) => {
    expect(limitsRefusal(spec(resources), [item('Container', bounds)])).toBe(words);
  });

  it('bounds pods as a whole, and claims', () => {
    const two = { containers: [...spec({ limits: { cpu: '600m' } }).containers, ...spec({ limits: { cpu: '600m' } }).containers] };
    expect(limitsRefusal(two, [item('Pod', { max: { cpu: '1' } })])).toBe('maximum cpu usage per Pod is 1, but limit is 1200m');
    const claims = [item('PersistentVolumeClaim', { min: { storage: '1Gi' }, max: { storage: '2Gi' } })];
    const claim = (storage: string): object => ({ resources: { requests: { storage } } });
    expect(claimRefusal(claim('5Gi'), claims)).toBe('maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi');
    expect(claimRefusal(claim('500Mi'), claims)).toBe('minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi');
    expect(claimRefusal(claim('2Gi'), claims)).toBeUndefined();
  });
});
