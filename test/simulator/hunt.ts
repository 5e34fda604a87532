import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { SimulateArguments } from './args.ts';
import { Crew } from './crew.ts';
import { MUTANTS } from './mutants.ts';
import type { Mutant } from './mutants.ts';
import { buildMutant } from './planting.ts';
import { taskOf } from './seeds.ts';

interface Catch {
  checker: string;
  seeds: number;
}

/** Plants each bug in turn and runs seeds until one fails. @returns the exit code */
export async function huntMutants(given: SimulateArguments, url: URL): Promise<number> {
  const wanted = MUTANTS.filter(({ name }) => given.mutant === undefined || name === given.mutant);
  if (wanted.length === 0) throw new Error(`no mutant is called ${given.mutant}: there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  const healthy = new Crew(url, 1);
  let missed = 0;
  for (const mutant of wanted) {
    const found = await hunt(mutant, given, healthy);
    const result = found === undefined ? `MISSED in ${given.seeds} seeds` : `${found.checker} within ${found.seeds} seeds`;
    process.stdout.write(`${mutant.name.padEnd(26)} ${result.padEnd(52)} ${mutant.what}\n`);
    if (found === undefined) missed += 1;
  }
  await healthy.end();
  await rm(path.join(process.cwd(), 'dist', 'mutants'), { recursive: true, force: true });
  process.stdout.write(`${wanted.length - missed} found, ${missed} missed\n`);
  return missed === 0 ? 0 : 1;
}

/** A seed that the healthy code fails, too, says nothing about the mutant. */
async function hunt(mutant: Mutant, given: SimulateArguments, healthy: Crew): Promise<Catch | undefined> {
  const crew = new Crew(await buildMutant(mutant), given.jobs);
  let caught: Catch | undefined;
  let next = given.seed;
  const lane = async (): Promise<void> => {
    while (caught === undefined && next < given.seed + given.seeds) {
      const seed = next++;
      const { failure } = await crew.run(taskOf(given, seed));
      if (failure === undefined || (await healthy.run(taskOf(given, seed))).failure !== undefined) continue;
      caught ??= { checker: failure.checker, seeds: seed - given.seed + 1 };
    }
  };
  try {
    await Promise.all(Array.from({ length: given.jobs }, lane));
  } finally {
    await crew.end();
  }
  return caught;
}
