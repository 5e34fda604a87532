#!/usr/bin/env -S MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_MMAP_THRESHOLD_=131072 node --max-semi-space-size=2 --v8-pool-size=1
import '../../protocol/polyfill.ts';
import { setFlagsFromString } from 'node:v8';

// Before Automerge is loaded: its functions are compiled anew, for speed, once they have run for long; to compile a few that an idle daemon runs takes 10 MiB.
setFlagsFromString('--wasm-tiering-budget=60000000');
const { runDaemon } = await import('./main.ts');
process.exit(await runDaemon(process.argv.slice(2)));
