import { CommanderError } from 'commander';
import { KithError } from '../../protocol/errors.ts';
import { createLog } from '../adapters/system/log.ts';
import { parseConfig, type DaemonConfig } from './config.ts';
import { Daemon } from './daemon.ts';
import { uninstallNetwork } from './uninstall-network.ts';
import type { Log } from '../ports/log.ts';

/** Exit codes: 0 ended as asked, 1 could not start, 2 wrong command line. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** A daemon that can't end in order by then ends anyway. */
const STOP_MS = 10_000;

/** Runs the daemon until a signal ends it. */
export async function runDaemon(words: readonly string[]): Promise<number> {
  // A log that nobody takes any more (its disk is full, its reader is gone) is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  let config: DaemonConfig;
  try {
    config = parseConfig(words, process.env, process.getuid?.() ?? -1);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (!(error instanceof KithError)) throw error;
    process.stderr.write(`kithd: ${error.message}\n`);
    return EXIT_USAGE;
  }
  const log = createLog({ write: (line) => void process.stderr.write(line) }, { ...config.log, now: () => Date.now() });
  if (config.uninstallNetwork) return removeNetwork(config, log);
  const daemon = new Daemon({ log }, config);
  const ended = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve(signal));
  if (config.lifeline) {
    process.stdin.once('end', () => ended.resolve('lifeline'));
    process.stdin.resume();
  }
  process.on('uncaughtException', (error) => {
    log.error('a bug: an error that nobody caught; the daemon ends, its containers go on', { error, stack: error.stack });
    process.exit(EXIT_FAILED);
  });
  process.on('unhandledRejection', (reason) => {
    log.error('a bug: a rejection that nobody caught', { error: reason, stack: (reason as Error | undefined)?.stack });
  });
  try {
    await daemon.start();
  } catch (error) {
    process.stderr.write(`kithd: ${(error as Error).message}\n`);
    if (!(error instanceof KithError) && !isOfSystem(error)) log.error('could not start', { stack: (error as Error).stack });
    await Promise.race([daemon.stop(), after(STOP_MS)]).catch(() => undefined);
    return EXIT_FAILED;
  }
  const why = await ended.promise;
  log.info('stops; containers go on', { why });
  if (why === 'lifeline') await Promise.race([daemon.removeContainers(), after(STOP_MS)]).catch(() => undefined);
  await Promise.race([daemon.stop(), after(STOP_MS)]);
  return 0;
}

/** As of a full disk: what happened is said in its message; anything else is a bug. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function removeNetwork(config: DaemonConfig, log: Log): Promise<number> {
  try {
    const done = await uninstallNetwork(config, log, Date.now());
    process.stdout.write(done.length === 0 ? 'nothing of ours was left\n' : done.map((line) => `removed ${line}\n`).join(''));
    return 0;
  } catch (error) {
    process.stderr.write(`kithd: ${(error as Error).message}\n`);
    return EXIT_FAILED;
  }
}

async function after(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
}
