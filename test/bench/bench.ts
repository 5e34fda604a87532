#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { parseBenchArguments } = await import('./args.ts');
const { benchDeploy } = await import('./deploy.ts');
const { benchFootprint } = await import('./footprint.ts');
const { benchPropagation } = await import('./propagation.ts');
const { benchReplica } = await import('./replica.ts');
const { benchScheduler } = await import('./scheduler.ts');

const benches = {
  deploy: benchDeploy,
  footprint: benchFootprint,
  propagation: benchPropagation,
  replica: benchReplica,
  scheduler: benchScheduler,
};

const given = parseBenchArguments(process.argv.slice(2));
const bench = benches[given.name as keyof typeof benches];
if (bench === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json]\n`);
  process.exit(2);
}
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const result = await bench(given, say);
process.stdout.write(given.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
