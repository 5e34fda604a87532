#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { parseBenchArguments } = await import('./args.ts');
const { benchApi } = await import('./api.ts');
const { benchChurn } = await import('./churn.ts');
const { benchDeploy } = await import('./deploy.ts');
const { benchFailover } = await import('./failover.ts');
const { benchFootprint } = await import('./footprint.ts');
const { benchHistory } = await import('./history.ts');
const { benchLeader } = await import('./leader.ts');
const { benchNetwork } = await import('./network.ts');
const { benchPropagation } = await import('./propagation.ts');
const { benchReplica } = await import('./replica.ts');
const { benchScheduler } = await import('./scheduler.ts');
const { benchStart } = await import('./start.ts');

const benches = {
  api: benchApi,
  churn: benchChurn,
  deploy: benchDeploy,
  failover: benchFailover,
  footprint: benchFootprint,
  history: benchHistory,
  leader: benchLeader,
  network: benchNetwork,
  propagation: benchPropagation,
  replica: benchReplica,
  scheduler: benchScheduler,
  start: benchStart,
};

const say = (text: string): void => void process.stderr.write(`${text}\n`);
function refuse(text: string): never {
  say(text);
  say(`Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--OPTION VALUE ...]; docs/benchmarks.md tells the options`);
  process.exit(2);
}
function read(): ReturnType<typeof parseBenchArguments> {
  try {
    return parseBenchArguments(process.argv.slice(2));
  } catch (error) {
    return refuse((error as Error).message);
  }
}
const given = read();
const bench =
  benches[given.name as keyof typeof benches] ?? refuse(given.name === '' ? 'Which benchmark?' : `There is no benchmark ${given.name}.`);
const result = await bench(given, say);
process.stdout.write(given.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
process.exit(0);
