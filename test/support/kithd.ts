import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './local-cluster.ts';

export const DIST = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist');
/** A daemon that was to refuse and runs on is ended then. */
const PATIENCE_MS = 40_000;

export interface EndedDaemon {
  /** Exit code, or the signal that ended it. */
  exit: number | string;
  /** What it told the person. */
  text: string;
}

/** A host's command line, with folders below `folder` and free ports; later words overrule. */
export async function hostWords(folder: string, name: string): Promise<string[]> {
  const [peerPort, apiPort] = await Promise.all([freePort(), freePort()]);
  return [
    ...['--data-dir', path.join(folder, name, 'data'), '--node-name', name, '--socket', path.join(folder, `${name}.sock`)],
    ...['--listen', `127.0.0.1:${peerPort}`, '--api-listen', `127.0.0.1:${apiPort}`, '--runtime', 'process'],
  ];
}

/** Runs `kithd` until it ends by itself, as one does that refuses to start. */
export async function runKithd(words: readonly string[]): Promise<EndedDaemon> {
  const child = spawn(process.execPath, [path.join(DIST, 'kithd.js'), ...words, '--lifeline'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const exit = await new Promise<number | string>((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? '')));
  clearTimeout(late);
  return { exit, text };
}
