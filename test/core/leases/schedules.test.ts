import { describe, expect, it } from 'vitest';
import { LeaseWorld, type Bug, type Size } from './world.ts';

const SCHEDULES = Number(process.env['KITH_LEASE_SCHEDULES'] ?? 20);
const SIZES: readonly Size[] = [5, 2, 5, 3];
const SCHEDULE_MS = 240_000;
const FIRST_SEED = Number(process.env['KITH_TEST_SEED'] ?? Math.floor(Math.random() * 1e9));

function firstViolation(
  bug: Bug | undefined,
  schedules: number,
  from: number,
  sizes = SIZES,
): { seed: number; violation: string } | undefined {
  for (let seed = from; seed < from + schedules; seed += 1) {
    const world = new LeaseWorld(seed, bug, sizes[seed % sizes.length]);
    world.run(SCHEDULE_MS);
    const [violation] = world.violations;
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}

describe(`leases under random schedules, seeds from ${FIRST_SEED}`, () => {
  it('never let two copies run at once, nor a token fall', () => {
    expect(firstViolation(undefined, SCHEDULES, FIRST_SEED)).toBeUndefined();
  });

  it('do run copies, move them, lose them and change the electorate', () => {
    const sum = { starts: 0, takeovers: 0, kills: 0, electorates: 0, words: 0, alone: 0 };
    for (let seed = 1; seed <= 12; seed += 1) {
      const world = new LeaseWorld(seed, undefined, SIZES[seed % SIZES.length]);
      world.run(SCHEDULE_MS);
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += world[name];
    }
    expect(sum.takeovers).toBeGreaterThan(10);
    expect(sum.electorates).toBeGreaterThan(40);
    expect(sum.words).toBeGreaterThan(10);
    expect(sum.alone).toBeGreaterThan(0);
  });

  it.each<Bug>([
    'no-margin',
    'counts-from-answer',
    'forgets-at-restart',
    'rash-electorates',
    'old-electorates',
    'hasty-release',
    'no-guard',
    'false-word',
  ])('are seen to break with a planted bug: %s', (bug) => {
    expect(firstViolation(bug, 1_000, 1, bug === 'false-word' ? SIZES : [5])).toBeDefined();
  });
});
