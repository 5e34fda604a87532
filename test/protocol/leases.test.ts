import { describe, expect, it } from 'vitest';
import { leaseSettings as settings } from '../../protocol/leases.ts';

describe('the settings of leases', () => {
  it('withhold a vote, on a clock that runs fast, longer than a lease with its kill lasts on one that runs slow', () => {
    const withheld = settings.withholdMs / (1 + settings.drift);
    const held = settings.leaseMs / (1 - settings.drift) + settings.killMs;
    expect(withheld).toBeGreaterThan(held + 2 * settings.clockStepMs);
  });

  it('have the electorate settle as long', () => {
    expect(settings.settleMs).toBeGreaterThanOrEqual(settings.withholdMs);
  });

  it('let a lease outlive three lost rounds, and leave room to start', () => {
    expect(3 * settings.renewMs + settings.roundMs).toBeLessThan(settings.leaseMs);
    expect(settings.renewMs + settings.roundMs + settings.startRoomMs).toBeLessThan(settings.leaseMs);
    expect(settings.roundMs).toBeLessThan(settings.renewMs);
  });

  it('have the guard look often enough to kill in time, and a frozen copy within 100 ms of the thaw', () => {
    expect(2 * settings.guardCheckMs + settings.clockStepMs).toBeLessThan(settings.killMs);
    expect(settings.guardCheckMs + settings.clockStepMs).toBeLessThan(100);
  });
});
