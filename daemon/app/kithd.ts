#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { runDaemon } = await import('./main.ts');
process.exit(await runDaemon(process.argv.slice(2)));
