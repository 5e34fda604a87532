#!/usr/bin/env node
import '../../protocol/polyfill.ts';

const { runDemo } = await import('./run-demo.ts');
process.exitCode = await runDemo(process.argv.slice(2));
// Child processes' pipes may linger; everything that matters has been stopped by now.
process.exit();
