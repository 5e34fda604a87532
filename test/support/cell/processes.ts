import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** A process for sure: numbers are given out again, but not with the same start. */
export interface ProcessId {
  pid: number;
  /** Clock ticks since the machine's boot, field 22 of /proc/PID/stat. */
  start: string;
}

export function processId(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, start: stat.start };
}

export function isAlive(id: ProcessId): boolean {
  const stat = readStat(id.pid);
  return stat !== undefined && stat.start === id.start && stat.state !== 'Z' && stat.state !== 'X';
}

/** Nothing happens where it has ended. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}

function readStat(pid: number): { state: string; start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything, parentheses too.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', start: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

export interface RunOptions {
  timeoutMs?: number;
  input?: string;
  env?: NodeJS.ProcessEnv;
  /** In errors, instead of the words. */
  shownAs?: string;
}

const RUN_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs a program to its end and resolves with its standard output.
 * @throws Error with its command and standard error, when it fails or is not done in time.
 */
export async function run(program: string, words: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutMs = RUN_TIMEOUT_MS, input, env, shownAs = `${program} ${words.join(' ')}` } = options;
  const running = promisify(execFile)(program, [...words], {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(env === undefined ? {} : { env }),
  });
  running.child.stdin?.on('error', () => undefined);
  running.child.stdin?.end(input ?? '');
  try {
    return (await running).stdout;
  } catch (error) {
    const { stderr, stdout, code, killed } = error as { stderr?: string; stdout?: string; code?: number; killed?: boolean };
    const why = killed === true ? `not done after ${timeoutMs} ms` : `exit ${code}`;
    throw new Error(`${shownAs}: ${why}: ${(stderr ?? '').trim() || (stdout ?? '').trim().slice(-2_000)}`);
  }
}
