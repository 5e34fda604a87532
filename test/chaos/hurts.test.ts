import { expect, it } from 'vitest';
import { seededRandom } from '../support/virtual-clock.ts';
import { hurtText, planHurts } from './hurts.ts';

const ROUND_MS = 15_000;
const HOSTS = [1, 2, 4, 5, 6];
const BUSY = 4;
const OF_SURROUNDINGS = ['unplug', 'drop', 'slow', 'move clock'];

it('plans the same hurts for the same seed, within the round, and hurts the processes of a host in one way at a time', () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const plan = planHurts(seededRandom(seed), HOSTS, ROUND_MS, [BUSY]);
    expect(planHurts(seededRandom(seed), HOSTS, ROUND_MS, [BUSY])).toEqual(plan);
    expect(plan.length).toBeGreaterThan(0);
    const ofHosts: number[] = [];
    for (const hurt of plan) {
      kinds.add(hurt.what.do);
      expect(hurt.atMs + hurt.forMs).toBeLessThanOrEqual(ROUND_MS);
      expect(hurtText(hurt)).toMatch(/ for \d+\.\d s$/);
      if ('from' in hurt.what) {
        expect(hurt.what.from.some((host) => 'to' in hurt.what && hurt.what.to.includes(host))).toBe(false);
        expect(hurt.what.to.length * hurt.what.from.length).toBeGreaterThan(0);
        expect([...hurt.what.from, ...('to' in hurt.what ? hurt.what.to : [])].sort()).toEqual(HOSTS);
      } else {
        expect(HOSTS).toContain(hurt.what.host);
        if (!OF_SURROUNDINGS.includes(hurt.what.do)) ofHosts.push(hurt.what.host);
      }
    }
    expect(new Set(ofHosts).size).toBe(ofHosts.length);
    expect(ofHosts).not.toContain(BUSY);
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
      'move clock',
      'slow',
      'starve',
      'stop engine',
      'unplug',
    ].sort(),
  );
});
