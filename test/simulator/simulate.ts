#!/usr/bin/env node
/**
 * The simulator: whole clusters of production code in virtual time, each from one seed, on days on which everything goes wrong. A failing seed is replayed exactly by
 * the command that it prints. `npm run simulate -- --seeds 1000 --peers 3..5`.
 */
import '../../protocol/polyfill.ts';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const { runTask } = await import('./task.ts');
const { parseArguments } = await import('./args.ts');
const { runSeeds } = await import('./seeds.ts');
const { reportScale } = await import('./scale.ts');
const { reportMassFailure } = await import('./mass-failure.ts');
const { huntMutants } = await import('./hunt.ts');

if (!isMainThread && workerData === 'simulate') {
  parentPort?.on('message', (task: Parameters<typeof runTask>[0]) => {
    void runTask(task).then((result) => parentPort?.postMessage(result));
  });
} else {
  try {
    const given = parseArguments(process.argv.slice(2));
    const url = new URL(import.meta.url);
    const { pods, lose: lost } = given;
    if (pods !== undefined)
      process.exitCode = await reportMassFailure(
        given.scale.map((peers) => ({ peers, pods, lost })),
        given.seed,
      );
    else if (given.scale.length > 0) process.exitCode = await reportScale(given.scale, given.seed, given.rest);
    else process.exitCode = given.mutants ? await huntMutants(given, url) : await runSeeds(given, url);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
