import { expect, it } from 'vitest';
import { seededRandom } from '../support/virtual-clock.ts';
import { hurtText, planHurts } from './hurts.ts';

const ROUND_MS = 15_000;

it('plans the same hurts for the same seed, within the round, and hurts the processes of a host in one way at a time', () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const plan = planHurts(seededRandom(seed), 5, ROUND_MS);
    expect(planHurts(seededRandom(seed), 5, ROUND_MS)).toEqual(plan);
    expect(plan.length).toBeGreaterThan(0);
    const ofHosts: number[] = [];
    for (const hurt of plan) {
      kinds.add(hurt.what.do);
      expect(hurt.atMs + hurt.forMs).toBeLessThanOrEqual(ROUND_MS);
      expect(hurtText(hurt)).toMatch(/ for \d+\.\d s$/);
      if ('from' in hurt.what) {
        expect(hurt.what.from.some((host) => 'to' in hurt.what && hurt.what.to.includes(host))).toBe(false);
        expect(hurt.what.to.length * hurt.what.from.length).toBeGreaterThan(0);
      } else if (hurt.what.do !== 'unplug' && hurt.what.do !== 'drop') ofHosts.push(hurt.what.host);
    }
    expect(new Set(ofHosts).size).toBe(ofHosts.length);
  }
  expect([...kinds].sort()).toEqual(
    [
      'cut',
      'cut one way',
      'drop',
      'fill disk',
      'freeze',
      'freeze daemon',
      'kill',
      'kill daemon',
      'kill engine',
      'starve',
      'stop engine',
      'unplug',
    ].sort(),
  );
});
