import { describe, expect, it } from 'vitest';
import { livenessSettings as settings } from '../../protocol/liveness.ts';

describe('the settings of liveness', () => {
  it('call a beat missed only after the beat is due, and before the second one is', () => {
    expect(settings.missedAfterMs).toBeGreaterThanOrEqual(settings.beatIntervalMs + settings.beatBatchMs + 50);
    expect(settings.missedAfterMs).toBeLessThan(2 * settings.beatIntervalMs);
  });

  it('leave room for direct probes before indirect ones, and for those before the suspicion', () => {
    expect(settings.indirectAfterMs - settings.missedAfterMs).toBeGreaterThanOrEqual(settings.tickIntervalMs);
    expect(settings.suspectAfterMs - settings.indirectAfterMs).toBeGreaterThanOrEqual(settings.indirectWaitMs);
  });

  it('let a suspect refute, and its observers answer, before it is dead', () => {
    expect(settings.silentDeadMs - settings.suspectAfterMs).toBeGreaterThanOrEqual(
      settings.opinionTimeoutMs + 2 * settings.alertTickIntervalMs,
    );
    expect(settings.silentDeadMs - settings.suspectAfterMs).toBeGreaterThanOrEqual(2 * settings.beatIntervalMs);
    expect(settings.opinionFreshMs).toBeGreaterThan(settings.opinionTimeoutMs + settings.alertTickIntervalMs);
    expect(settings.opinionFreshMs).toBeLessThan(settings.silentDeadMs - settings.suspectAfterMs);
  });

  it('hasten a death that all observers agree on no further than the suspect has time to answer', () => {
    expect(settings.agreedDeadMs - settings.agreedLeadMs).toBeGreaterThanOrEqual(settings.suspectAfterMs + settings.indirectWaitMs);
    expect(settings.agreedLeadMs).toBeGreaterThan(2 * settings.alertTickIntervalMs);
    // By then each of them has missed three beats and has asked its kernel.
    expect(settings.agreedDeadMs).toBeGreaterThanOrEqual(3 * settings.beatIntervalMs + settings.beatBatchMs);
    expect(settings.agreedDeadMs - settings.agreedLeadMs).toBeGreaterThanOrEqual(settings.indirectAfterMs + settings.connectTimeoutMs);
    expect(settings.agreeingObservers).toBeGreaterThanOrEqual(2);
  });

  it('order the silences by what most likely still runs', () => {
    const { silentDeadMs, refusedDeadMs, muteDeadMs, unseenDeadMs } = settings;
    expect([silentDeadMs, refusedDeadMs, muteDeadMs, unseenDeadMs]).toEqual(
      [...[silentDeadMs, refusedDeadMs, muteDeadMs, unseenDeadMs]].sort((a, b) => a - b),
    );
    expect(silentDeadMs).toBeGreaterThanOrEqual(4 * settings.beatIntervalMs);
  });

  it('connect to a silent kernel several times before calling the host silent', () => {
    expect(Math.floor((settings.silentDeadMs - settings.indirectAfterMs) / settings.connectIntervalMs)).toBeGreaterThanOrEqual(2);
    expect(settings.connectTimeoutMs).toBeLessThanOrEqual(settings.connectIntervalMs);
  });

  it('know a silent peer dead everywhere within 1.5 s, lateness of ticks included', () => {
    expect(settings.silentDeadMs + settings.opinionTimeoutMs + settings.alertTickIntervalMs).toBeLessThanOrEqual(1_500);
  });

  it('replace a leader within a second of its being suspected', () => {
    const candidates = settings.candidateStepMs * settings.maxCandidateSteps;
    expect(settings.leaderLostMs).toBeGreaterThan(settings.suspectAfterMs);
    expect(settings.leaderLostMs - settings.suspectAfterMs + candidates + settings.tickIntervalMs).toBeLessThan(1_000);
    expect(settings.candidateStepMs).toBeGreaterThan(settings.alertTickIntervalMs);
    expect(settings.electionListenMs).toBeGreaterThan(2 * settings.beatIntervalMs);
  });

  it('believe a contested death only after its peer had time to refute twice', () => {
    expect(settings.contestedMs).toBeGreaterThanOrEqual(2 * settings.refuteIntervalMs + settings.beatIntervalMs);
  });

  it('notice a stall of their own before they would suspect others for it', () => {
    expect(settings.stalledLagMs).toBeLessThan(settings.suspectAfterMs);
    expect(settings.stalledGraceMs).toBeGreaterThan(settings.suspectAfterMs);
    expect(settings.isolatedStretch * settings.silentDeadMs).toBeLessThan(settings.refusedDeadMs);
  });
});
