import { expect, it } from 'vitest';
import { type Begun, type Compared, Comparisons, FAILED_WAIT_MS, MAX_WAITING, type OnEnded } from '../../daemon/peer/comparisons.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const TOOK_MS = 50;
const TIMEOUT_MS = 10_000;

/** Compares with a few at once. */
class Part implements Compared {
  readonly begun: string[] = [];
  /** Who does not answer. */
  readonly hanging = new Set<string>();
  stopped = false;
  most: number;
  private readonly clock: VirtualClock;
  private readonly underWay = new Set<string>();
  private readonly compared = new Map<string, number>();
  private ended: OnEnded = () => undefined;

  constructor(clock: VirtualClock, most = 3) {
    this.clock = clock;
    this.most = most;
  }

  compareWith(peer: string): Begun {
    if (this.underWay.has(peer)) return 'underWay';
    if (this.stopped || this.underWay.size >= this.most) return 'full';
    const [hangs, begunAt] = [this.hanging.has(peer), this.clock.monotonic()];
    this.begun.push(peer);
    this.underWay.add(peer);
    this.clock.after(hangs ? TIMEOUT_MS : TOOK_MS, () => {
      this.underWay.delete(peer);
      if (!hangs) this.compared.set(peer, begunAt);
      this.ended(peer, hangs);
    });
    return 'begun';
  }

  comparedAt(peer: string): number | undefined {
    return this.compared.get(peer);
  }

  onEnded(listener: OnEnded): void {
    this.ended = listener;
  }
}

function peersOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}${index}`);
}

/** Asks for all of them as those do who wait for it, until they are compared. Answers after how many ms that was. */
async function compareAll(clock: VirtualClock, comparisons: Comparisons, asked: readonly string[], wanted = asked): Promise<number> {
  const since = clock.monotonic();
  const isDone = (peer: string): boolean => (comparisons.comparedAt(peer) ?? -1) >= since;
  while (!wanted.every(isDone) && clock.monotonic() - since < 300_000) {
    for (const peer of asked) if (!isDone(peer)) comparisons.compareWith(peer, since);
    await clock.pass(250);
  }
  return clock.monotonic() - since;
}

it('compares with a hundred hosts that come back together one after the other, without a pause', async () => {
  const clock = new VirtualClock();
  const [desired, observed] = [new Part(clock), new Part(clock, 32)];
  const comparisons = new Comparisons([desired, observed], clock);
  expect(await compareAll(clock, comparisons, peersOf('back', 100))).toBeLessThanOrEqual((100 / 3) * TOOK_MS + 250);
  // Each once.
  expect([desired.begun.length, observed.begun.length]).toEqual([100, 100]);
});

it('begins as soon as one ends, though nobody asks again', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  for (const peer of peersOf('peer', 9)) comparisons.compareWith(peer, 0);
  await clock.pass(3 * TOOK_MS + 1);
  expect(peersOf('peer', 9).map((peer) => comparisons.comparedAt(peer))).not.toContain(undefined);
});

it('lets those that hang hold up others once, however often they are asked for first', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  const [hanging, well] = [peersOf('hangs', 6), peersOf('well', 60)];
  for (const peer of hanging) part.hanging.add(peer);
  const first = await compareAll(clock, comparisons, [...hanging, ...well], well);
  expect(first).toBeLessThan(3 * TIMEOUT_MS);
  // Two of three are left for those that answer.
  expect(await compareAll(clock, comparisons, [...hanging, ...well], well)).toBeLessThanOrEqual((60 / 2) * TOOK_MS + 250);
  // Each of them is tried again in its turn, and compared when it answers.
  part.hanging.clear();
  expect(await compareAll(clock, comparisons, hanging)).toBeLessThanOrEqual(TIMEOUT_MS + FAILED_WAIT_MS + 1_000);
});

it('compares again at once where what was under way had begun too early', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  part.compareWith('peer');
  await clock.pass(TOOK_MS / 2);
  const since = clock.monotonic();
  comparisons.compareWith('peer', since);
  await clock.pass(2 * TOOK_MS);
  expect(comparisons.comparedAt('peer')).toBeGreaterThanOrEqual(since);
  expect(part.begun).toHaveLength(2);
});

it('begins with one of whom it is asked all the time once a second', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  for (let at = 0; at < 10_000; at += 100) {
    // It can not have been compared since then.
    comparisons.compareWith('peer', Number.POSITIVE_INFINITY);
    await clock.pass(100);
  }
  expect(part.begun).toHaveLength(10);
});

it('keeps a bounded number waiting, and none that nobody asks for any more', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  for (const peer of ['a', 'b', 'c']) {
    part.hanging.add(peer);
    comparisons.compareWith(peer, 0);
  }
  for (const peer of peersOf('left', 2 * MAX_WAITING)) comparisons.compareWith(peer, 0);
  await clock.pass(2_000);
  // There is room again for who asks now.
  comparisons.compareWith('late', 0);
  await clock.pass(TIMEOUT_MS - 2_100);
  comparisons.compareWith('late', 0);
  await clock.pass(1_000);
  expect(part.begun).toEqual(['a', 'b', 'c', 'late']);
  part.most = 0;
  for (const peer of peersOf('more', 2 * MAX_WAITING)) comparisons.compareWith(peer, 0);
  part.most = 2 * MAX_WAITING;
  comparisons.compareWith('more0', 0);
  expect(part.begun.slice(4)).toEqual(peersOf('more', MAX_WAITING));
});

it('begins nothing more with a part that has stopped', async () => {
  const clock = new VirtualClock();
  const part = new Part(clock);
  const comparisons = new Comparisons([part], clock);
  for (const peer of peersOf('peer', 10)) comparisons.compareWith(peer, 0);
  part.stopped = true;
  await clock.pass(TIMEOUT_MS);
  expect(part.begun).toHaveLength(3);
});
