import type { ChaosOptions } from './run.ts';

export const USAGE = `Usage: npm run chaos -- [--hosts 5] [--rounds 100] [--seed N] [--round-seconds 15]
  Hurts the hosts of a lab at random while orders are given, and looks after each round whether all is as it must be. Needs root and a container engine.`;

const MOST = { hosts: 20, rounds: 100_000, 'round-seconds': 600 } as const;

/** @throws Error that says what is wrong */
export function parseArguments(words: readonly string[], freshSeed: number): ChaosOptions {
  const given = new Map<string, number>();
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index] ?? '';
    const value = Number(words[index + 1]);
    if (!['--hosts', '--rounds', '--seed', '--round-seconds'].includes(name)) throw new Error(`chaos: unknown option ${name}\n${USAGE}`);
    if (!Number.isInteger(value) || value < 1) throw new Error(`chaos: ${name} wants a whole number from 1\n${USAGE}`);
    given.set(name.slice(2), value);
  }
  for (const [name, most] of Object.entries(MOST)) {
    if ((given.get(name) ?? 0) > most) throw new Error(`chaos: --${name} is ${most} at most\n${USAGE}`);
  }
  return {
    hosts: given.get('hosts') ?? 5,
    rounds: given.get('rounds') ?? 100,
    seed: given.get('seed') ?? freshSeed,
    roundMs: (given.get('round-seconds') ?? 15) * 1_000,
  };
}
