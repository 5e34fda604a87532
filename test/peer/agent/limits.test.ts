import { describe, expect, it } from 'vitest';
import { Turnstile, bounded } from '../../../daemon/peer/agent/bounded.ts';
import { AGENT_LIMITS as LIMITS, decideGap, listGap, podsAtOnce } from '../../../daemon/peer/agent/limits.ts';
import { AgentClock } from '../../support/agent-clock.ts';

describe('the bounds of the agent', () => {
  it('fit each other', () => {
    expect(LIMITS.decideGapMs).toBeLessThan(LIMITS.listGapMs);
    expect(LIMITS.decideGapMostMs).toBeLessThan(LIMITS.listGapMostMs);
    expect(LIMITS.listGapMs).toBeLessThan(LIMITS.relistBusyMs);
    expect(LIMITS.relistBusyMs).toBeLessThan(LIMITS.relistMs);
    expect(LIMITS.engineRetryMs).toBeLessThanOrEqual(LIMITS.engineRetryMostMs);
    expect(LIMITS.engineRetryMostMs).toBeLessThan(LIMITS.relistMs);
    expect(LIMITS.listGapMostMs).toBeLessThan(LIMITS.relistBusyMs);
    expect(LIMITS.pullsAtOnce).toBeLessThanOrEqual(LIMITS.podsAtOnceLeast);
    expect(LIMITS.podsAtOnceLeast).toBeLessThan(LIMITS.podsAtOnceMost);
    expect(LIMITS.podsAtOnceMost).toBeLessThan(LIMITS.stopsAtOnce);
  });

  it('follow the CPUs of the host and the pace of its engine, within limits', () => {
    expect([500, 2_000, 4_000, 64_000].map(podsAtOnce)).toEqual([4, 4, 8, 32]);
    expect([0, 1, 4, 3_000].map(decideGap)).toEqual([10, 10, 20, 100]);
    expect([0, 10, 40, 3_000].map(listGap)).toEqual([50, 50, 200, 500]);
  });

  it('end a call that ignores its signal', async () => {
    const clock = new AgentClock();
    const call = bounded(clock, 'ask', 1_000, new AbortController().signal, () => new Promise<never>(() => undefined));
    const answer = expect(call).rejects.toMatchObject({ code: 'Timeout', message: 'ask: no answer within 1 s' });
    await clock.advance(1_001);
    await answer;
  });

  it('let as many in as they say, and forget those who give up', async () => {
    const turnstile = new Turnstile(1);
    const never = new AbortController();
    const giveUp = new AbortController();
    let leave: () => void = () => undefined;
    const first = turnstile.run(never.signal, () => new Promise<void>((resolve) => (leave = resolve)));
    const second = turnstile.run(giveUp.signal, async () => undefined);
    const third = turnstile.run(never.signal, async () => 'third');
    giveUp.abort();
    await expect(second).rejects.toMatchObject({ code: 'Aborted' });
    leave();
    await first;
    expect(await third).toBe('third');
  });
});
