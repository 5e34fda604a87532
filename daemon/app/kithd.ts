#!/usr/bin/env -S node --max-semi-space-size=2 --v8-pool-size=1
import '../../protocol/polyfill.ts';

const { runDaemon } = await import('./main.ts');
process.exit(await runDaemon(process.argv.slice(2)));
