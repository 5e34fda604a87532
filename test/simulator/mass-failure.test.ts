import { expect, it } from 'vitest';
import { measureMassFailure } from './mass-failure.ts';

it('moves the pods of hosts that lose their power together once each, without a storm of claims', async () => {
  const report = await measureMassFailure({ peers: 7, pods: 112, lost: 3 }, 1, () => undefined);
  expect(report.orphans).toBe(48);
  expect(report.detectionMs).toBeLessThan(2_000);
  // Each survivor has twelve to start, and may not claim them all before some have started.
  expect(report.mostInFlight).toBe(10);
  expect(report.claimedTwice).toBe(0);
  expect(report.needlessStarts).toBe(0);
  expect(report.failoverMs).toBeLessThan(10_000);
}, 1_200_000);
