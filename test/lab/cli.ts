#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { runLab } = await import('./commands.ts');
process.exit(await runLab(process.argv.slice(2)));
