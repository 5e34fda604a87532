import { parseArguments, USAGE } from './args.ts';
import { huntMutants } from './hunt.ts';
import { reportMassFailure } from './mass-failure.ts';
import { reportScale } from './scale.ts';
import { runSeeds } from './seeds.ts';

/**
 * `npm run simulate` with these words.
 * @param url the program whose threads run seeds
 * @returns the exit code
 */
export async function runCommand(words: readonly string[], url: URL): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  try {
    const given = parseArguments(words);
    const { pods, lose: lost, scale, seed } = given;
    if (pods !== undefined)
      return await reportMassFailure(
        scale.map((peers) => ({ peers, pods, lost })),
        seed,
      );
    if (scale.length > 0) return await reportScale(scale, seed, given.rest);
    return given.mutants ? await huntMutants(given, url) : await runSeeds(given, url);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}
