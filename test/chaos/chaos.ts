#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { parseArguments, USAGE } = await import('./args.ts');
const { runChaos } = await import('./run.ts');

const words = process.argv.slice(2);
if (words.includes('--help')) {
  process.stdout.write(`${USAGE}\n`);
} else {
  try {
    const { failed } = await runChaos(parseArguments(words, Date.now() % 1_000_000), (line) => process.stdout.write(`${line}\n`));
    process.exitCode = failed === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
