import { describe, expect, it } from 'vitest';
import { compareHosts, type Told } from '../../../daemon/core/doctor/compare.ts';
import type { Examination } from '../../../protocol/doctor.ts';

const subnets = { a: '10.42.1.0/24', b: '10.42.2.0/24', c: '10.42.3.0/24' };
const told = (node: string, more: Partial<Examination> = {}, of: Partial<Told> = {}): Told => ({
  examination: { node, version: 'kith 1', complete: true, subnets, findings: [], checked: [], skipped: [], ...more },
  clock: { differenceMs: 0, uncertainMs: 5 },
  differingBuckets: 0,
  ...of,
});
const found = (...all: Told[]): string[] => compareHosts('a', all).map(({ node, check, what }) => `${node} ${check}: ${what}`);

describe('what is wrong between hosts', () => {
  it('is nothing where they tell the same', () => {
    expect(found(told('a'), told('b', {}, { clock: { differenceMs: 900, uncertainMs: 0 } }), told('c'))).toEqual([]);
  });

  it('is a clock that is far from the middle one, even when it is that of who asks', () => {
    const clock = (differenceMs: number, uncertainMs = 5): Partial<Told> => ({ clock: { differenceMs, uncertainMs } });
    expect(found(told('a'), told('b'), told('c', {}, clock(-65_000)))).toEqual(["c clock: its clock is 65.0 s behind the other hosts'"]);
    expect(found(told('a'), told('b', {}, clock(65_000)), told('c', {}, clock(65_001)))).toEqual([
      "a clock: its clock is 65.0 s behind the other hosts'",
    ]);
    expect(found(told('a'), told('b', {}, clock(5_000)))).toEqual(['b clock: its clock is 5.0 s ahead of that of a']);
    expect(found(told('a'), told('b', {}, clock(1_500, 600)))).toEqual([]);
  });

  it('is a release that most do not run', () => {
    expect(found(told('a', { version: 'kith 0' }), told('b'), told('c'))).toEqual(['a version: it runs kith 0, most others kith 1']);
  });

  it('is desired state that stays different, but not that of a peer that still fetches it', () => {
    const behind = { differingBuckets: 3 };
    expect(found(told('a'), told('b', {}, behind))).toEqual([
      'b state: its desired state stays different from that of a in 3 of 256 parts',
    ]);
    expect(found(told('a'), told('b', { complete: false }, behind))).toEqual([]);
  });

  it('is a belief in other subnets, where desired states are equal', () => {
    const other = { subnets: { ...subnets, c: '10.42.9.0/24' } };
    expect(found(told('a'), told('b', other))).toEqual(['b network: it believes in other pod subnets than a, of c']);
    expect(found(told('a'), told('b', other, { differingBuckets: 1 })).some((text) => text.includes('subnets'))).toBe(false);
  });
});
