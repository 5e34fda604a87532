#!/usr/bin/env node
/**
 * The simulator: whole clusters of production code in virtual time, each from one seed, on days on which everything goes wrong. A failing seed is replayed exactly by
 * the command that it prints. `npm run simulate -- --seeds 1000 --peers 3..5`.
 */
import '../../protocol/polyfill.ts';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const { runTask } = await import('./task.ts');
const { runCommand } = await import('./command.ts');

if (!isMainThread && workerData === 'simulate') {
  parentPort?.on('message', (task: Parameters<typeof runTask>[0]) => {
    void runTask(task).then((result) => parentPort?.postMessage(result));
  });
} else process.exitCode = await runCommand(process.argv.slice(2), new URL(import.meta.url));
