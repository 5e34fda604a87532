import { expect, it } from 'vitest';
import { runChaos } from '../chaos/run.ts';
import { testSeed } from '../support/virtual-clock.ts';
import { describeInLab } from './in-lab.ts';

/** More of them: `npm run chaos`. */
const ROUNDS = 1;

describeInLab('chaos', () => {
  it('leaves nothing behind: after random hurts all is as it was ordered', { timeout: 300_000 }, async () => {
    const seed = testSeed('chaos');
    const lines: string[] = [];
    const result = await runChaos({ hosts: 3, rounds: ROUNDS, seed, roundMs: 10_000 }, (line) => {
      lines.push(line);
      console.log(line);
    });
    expect(result.failed, lines.join('\n')).toBe(0);
    expect(result.passed).toBe(ROUNDS);
    expect(result.writes).toBeGreaterThan(0);
  });
});
