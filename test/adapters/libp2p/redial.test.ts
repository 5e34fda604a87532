import { describe, expect, it } from 'vitest';
import { MAX_PARALLEL_DIALS, REDIAL_LONGEST_MS, STABLE_CONNECTION_MS, YIELD_MS } from '../../../daemon/adapters/libp2p/limits.ts';
import { Redialer, redialDelayMs } from '../../../daemon/adapters/libp2p/redial.ts';
import type { Clock } from '../../../daemon/ports/clock.ts';

/** Time that stands still until told. */
function handClock() {
  let time = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    after(delayMs, run) {
      const timer = { at: time + delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  };
  const advance = async (ms: number) => {
    const end = time + ms;
    for (;;) {
      await settle();
      const next = [...timers].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (!next) break;
      timers.delete(next);
      time = next.at;
      next.run();
    }
    time = end;
  };
  return { clock, advance };
}

function setUp(options: { yields?: boolean } = {}) {
  const { clock, advance } = handClock();
  const dials: { at: number; peer: string; addresses: readonly string[]; signal: AbortSignal; finish: (error?: Error) => void }[] = [];
  const connected = new Set<string>();
  let answer: 'fails' | 'hangs' = 'fails';
  const redialer = new Redialer({
    clock,
    random: { next: () => 0.999, bytes: (length) => new Uint8Array(length) },
    dial: (peer, addresses, signal) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error) => (error ? reject(error) : resolve());
        dials.push({ at: clock.monotonic(), peer, addresses, signal, finish });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        if (answer === 'fails') reject(new Error('refused'));
      }),
    isConnected: (peer) => connected.has(peer),
    yieldsTo: () => options.yields ?? false,
  });
  return { redialer, advance, dials, connected, hang: () => (answer = 'hangs') };
}

describe('redialling', () => {
  it('goes on for ever, ever slower up to the longest delay', async () => {
    const { redialer, advance, dials } = setUp();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    await advance(3_600_000);
    expect(dials.length).toBeGreaterThan(230);
    const gaps = dials.slice(1).map(({ at }, index) => at - (dials[index]?.at ?? 0));
    expect(gaps[0]).toBeLessThanOrEqual(100);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(REDIAL_LONGEST_MS);
    expect(gaps.at(-1)).toBeGreaterThan(REDIAL_LONGEST_MS * 0.99);
  });

  it('draws each delay between half and all of the backoff', () => {
    expect(redialDelayMs(0, 0)).toBe(50);
    expect(redialDelayMs(3, 0.5)).toBe(600);
    expect(redialDelayMs(1_000_000, 0.999999)).toBeLessThanOrEqual(REDIAL_LONGEST_MS);
  });

  it('dials at once when addresses change, with the new ones', async () => {
    const { redialer, advance, dials } = setUp();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/old'] }]);
    await advance(120_000);
    const before = dials.length;
    redialer.setMembers([{ peer: 'b', addresses: ['/new'] }]);
    expect(dials.length).toBe(before + 1);
    expect(dials.at(-1)?.addresses).toEqual(['/new']);
    await advance(0);
    redialer.setMembers([{ peer: 'b', addresses: ['/new'] }]);
    expect(dials.length).toBe(before + 1);
  });

  it('makes one attempt at a time, gives up one that hangs, and tries again when asked meanwhile', async () => {
    const { redialer, advance, dials, hang } = setUp();
    hang();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    redialer.now('b');
    redialer.now('b');
    expect(dials.length).toBe(1);
    await advance(60_000);
    expect(dials[0]?.signal.aborted).toBe(true);
    expect(dials.length).toBeGreaterThan(3);
  });

  it('dials one that is heard at once, and in place of an attempt that hangs since before that', async () => {
    const { redialer, advance, dials, hang } = setUp();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    await advance(120_000);
    const before = dials.length;
    hang();
    redialer.heard('b');
    expect(dials.length).toBe(before + 1);
    await advance(5_000);
    redialer.heard('b');
    expect(dials.at(-1)?.signal.aborted).toBe(true);
    await advance(0);
    expect(dials.length).toBe(before + 2);
  });

  it('lets the other side dial first where both are heard', async () => {
    const { redialer, advance, dials, connected } = setUp({ yields: true });
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    await advance(120_000);
    const before = dials.length;
    redialer.heard('b');
    connected.add('b');
    redialer.connected('b');
    await advance(1_000);
    expect(dials.length).toBe(before);
  });

  it('rests while connected and starts over after a connection that lasted', async () => {
    const { redialer, advance, dials, connected } = setUp();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    await advance(60_000);
    connected.add('b');
    redialer.connected('b');
    const before = dials.length;
    await advance(STABLE_CONNECTION_MS + 60_000);
    expect(dials.length).toBe(before);
    connected.delete('b');
    redialer.disconnected('b');
    await advance(100);
    expect(dials.length).toBe(before + 1);
  });

  it('does not hammer a peer that hangs up at once', async () => {
    const { redialer, advance, dials, connected, hang } = setUp();
    hang();
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    for (let round = 0; round < 30; round++) {
      const before = dials.length;
      connected.add('b');
      redialer.connected('b');
      dials.at(-1)?.finish();
      await advance(10);
      connected.delete('b');
      redialer.disconnected('b');
      await advance(REDIAL_LONGEST_MS);
      expect(dials.length).toBeGreaterThanOrEqual(before);
    }
    expect(dials.length).toBeLessThan(40);
  });

  it('lets the other side dial first when both learn of each other', async () => {
    const { redialer, advance, dials } = setUp({ yields: true });
    redialer.start();
    redialer.setMembers([{ peer: 'b', addresses: ['/b'] }]);
    expect(dials.length).toBe(0);
    await advance(YIELD_MS);
    expect(dials.length).toBe(1);
  });

  it('dials no more than so many at a time, and the others in their turn', async () => {
    const { redialer, dials, hang, advance } = setUp();
    hang();
    redialer.start();
    redialer.setMembers(Array.from({ length: MAX_PARALLEL_DIALS + 3 }, (_, index) => ({ peer: `${index}`, addresses: ['/x'] })));
    expect(dials.length).toBe(MAX_PARALLEL_DIALS);
    dials[0]!.finish(new Error('refused'));
    dials[1]!.finish(new Error('refused'));
    await advance(0);
    expect(dials.slice(MAX_PARALLEL_DIALS).map(({ peer }) => peer)).toEqual([`${MAX_PARALLEL_DIALS}`, `${MAX_PARALLEL_DIALS + 1}`]);
    await advance(60_000);
    const last = dials.filter(({ peer }) => peer === `${MAX_PARALLEL_DIALS + 2}`);
    expect(last.length).toBeGreaterThan(0);
    expect(last[0]?.signal.aborted).toBe(true);
  });

  it('leaves alone who is no member any more, has no address, or when stopped', async () => {
    const { redialer, advance, dials, hang } = setUp();
    hang();
    redialer.setMembers([
      { peer: 'b', addresses: ['/b'] },
      { peer: 'c', addresses: [] },
    ]);
    expect(dials.length).toBe(0);
    redialer.start();
    expect(dials.map(({ peer }) => peer)).toEqual(['b']);
    redialer.setMembers([]);
    expect(dials[0]?.signal.aborted).toBe(true);
    await advance(600_000);
    expect(dials.length).toBe(1);
    redialer.setMembers([{ peer: 'd', addresses: ['/d'] }]);
    redialer.stop();
    await advance(600_000);
    expect(dials.length).toBe(2);
  });
});
