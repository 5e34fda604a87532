import { expect, it } from 'vitest';
import { seededRandom } from '../support/virtual-clock.ts';
import { changeText, planChange } from './roster.ts';

const NORMAL = 5;
const ROUND_MS = 15_000;

it('plans who joins and who is removed: the same for the same seed, and never more than one more or one less than is normal', () => {
  let [members, away]: [number[], number[]] = [[1, 2, 3, 4, 5], []];
  const seen = new Set<string>();
  for (let seed = 1; seed <= 300; seed += 1) {
    const change = planChange(seededRandom(seed), { members, away }, NORMAL, ROUND_MS);
    expect(planChange(seededRandom(seed), { members, away }, NORMAL, ROUND_MS)).toEqual(change);
    if (change === undefined) continue;
    seen.add(change.do);
    expect(changeText(change)).toContain(`host-${change.host}`);
    expect(change.atMs).toBeLessThan(ROUND_MS);
    expect(members.includes(change.host)).toBe(change.do !== 'join');
    if (change.do === 'join') [members, away] = [[...members, change.host], away.filter((host) => host !== change.host)];
    else [members, away] = [members.filter((host) => host !== change.host), [...away, change.host]];
    expect(Math.abs(members.length - NORMAL)).toBeLessThanOrEqual(1);
  }
  expect([...seen].sort()).toEqual(['join', 'remove', 'remove while off']);
  // One that is away comes back before a new one is bought.
  expect(Math.max(...members, ...away)).toBeLessThanOrEqual(NORMAL + 1);
});
