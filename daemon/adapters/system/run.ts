import { spawn } from 'node:child_process';

/** A program that takes longer is stuck. */
const TIMEOUT_MS = 20_000;
/** More than a ruleset of a thousand Services has. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. @throws what spawning throws: it is not there, for one */
export async function run(file: string, words: readonly string[], input = '', signal?: AbortSignal): Promise<Ran> {
  const child = spawn(file, words, { stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS, signal, env: { ...process.env, LC_ALL: 'C' } });
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  let size = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > MAX_OUTPUT_BYTES) child.kill('SIGKILL');
    else out.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => void (err.length < 100 && err.push(chunk)));
  child.once('error', reject);
  // It may end before it has read all.
  child.stdin.on('error', () => undefined);
  child.once('close', (code) =>
    resolve({ code: code ?? -1, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8').trim() }),
  );
  child.stdin.end(input);
  return promise;
}
