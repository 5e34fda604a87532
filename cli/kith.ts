#!/usr/bin/env node
import '../protocol/polyfill.ts';

const { KITH_VERSION } = await import('../protocol/version.ts');
const { runKith } = await import('./program.ts');
const { readAllText } = await import('./reading.ts');
const { isatty } = await import('node:tty');
const { processKeyboard, writeBytes } = await import('./process-terminal.ts');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
// A pipe that is closed early (`kith get pods | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`error: the output can not be written: ${error.message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
// Nobody is left to be told.
process.stderr.on('error', () => undefined);

process.exitCode = await runKith(
  process.argv.slice(2),
  {
    out: (output) => void process.stdout.write(output),
    err: (output) => void process.stderr.write(output),
    outBytes: async (bytes) => writeBytes(process.stdout, bytes),
    errBytes: async (bytes) => writeBytes(process.stderr, bytes),
    keyboard: processKeyboard,
    interactive: isatty(1),
    environment: process.env,
    uid: process.getuid?.() ?? -1,
    readStdin: async () => readAllText(process.stdin, 'standard input', stop.signal),
    signal: stop.signal,
    now: () => Date.now(),
  },
  KITH_VERSION,
);
