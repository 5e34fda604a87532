import { expect, it } from 'vitest';
import { benchScheduler } from '../../support/scheduler-bench.ts';

it('places thousands of pods a second at a thousand nodes', () => {
  // CPU time, since tests share their machine. The aim is 5,000 a second on an idle one.
  const { placementsPerSecond } = benchScheduler(1_000, 2_000, () => process.cpuUsage().user / 1_000);
  expect(placementsPerSecond).toBeGreaterThan(3_000);
});

it('places a thousand a second with affinity and spread', () => {
  const { placementsPerSecond } = benchScheduler(1_000, 1_000, () => process.cpuUsage().user / 1_000, true);
  expect(placementsPerSecond).toBeGreaterThan(1_000);
});
