import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalQuantity,
  compareQuantities,
  cpuMillis,
  formatQuantity,
  memoryBytes,
  parseQuantity,
} from '../../../protocol/values/quantity.ts';

describe('quantities', () => {
  it.each([
    ['1000m', '1'],
    ['0.5', '500m'],
    ['1.5Gi', '1536Mi'],
    ['1024Mi', '1Gi'],
    ['1023', '1023'],
    ['1024Ki', '1Mi'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['1e3', '1e3'],
    ['1500e-3', '1500e-3'],
    ['12E6', '12e6'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['1000000', '1M'],
    ['100k', '100k'],
    ['.5', '500m'],
    ['5.', '5'],
    ['-1.5', '-1500m'],
    ['+2', '2'],
    ['0', '0'],
    ['0Gi', '0'],
    ['500n', '500n'],
    ['1u', '1u'],
    ['0.00000000001', '1n'],
  ])('writes %s as %s, as Kubernetes does', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  it.each(['', 'abc', '1x', '1.5.5', '1 Gi', 'Gi', '1KI', '1ki', '1mi', '--1', '1e', '1e1.5', '.', `1${'0'.repeat(200)}`])(
    'refuses %j',
    (text) => {
      expect(parseQuantity(text)).toBeUndefined();
    },
  );

  it('rounds processor time up to thousandths and memory up to bytes', () => {
    expect([cpuMillis('2'), cpuMillis('100m'), cpuMillis(1.5), cpuMillis('100u'), cpuMillis('0')]).toEqual([2000, 100, 1500, 1, 0]);
    expect([memoryBytes('64Mi'), memoryBytes('1k'), memoryBytes('100m'), memoryBytes('1e3')]).toEqual([67108864, 1000, 1, 1000]);
  });

  it('caps what is larger than 2^63-1', () => {
    expect(parseQuantity('1e30')?.nanos).toBe((2n ** 63n - 1n) * 1_000_000_000n);
    expect(parseQuantity('1000000Ei')?.nanos).toBe((2n ** 63n - 1n) * 1_000_000_000n);
  });

  it('compares values, not texts', () => {
    expect(compareQuantities('1000m', '1')).toBe(0);
    expect(compareQuantities('1Gi', '1G')).toBe(1);
    expect(compareQuantities('-1', '0')).toBe(-1);
  });

  it('keeps its value when it is written and read again', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'e3', 'e-3', 'E9');
    const text = fc.tuple(fc.constantFrom('', '-'), fc.nat(99999), fc.option(fc.nat(9999), { nil: undefined }), suffix);
    fc.assert(
      fc.property(text, ([sign, whole, fraction, unit]) => {
        const quantity = parseQuantity(`${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${unit}`);
        expect(quantity).toBeDefined();
        const written = formatQuantity(quantity!);
        expect(parseQuantity(written)?.nanos).toBe(quantity!.nanos);
        expect(canonicalQuantity(written)).toBe(written);
        expect(written).not.toContain('.');
      }),
    );
  });
});
