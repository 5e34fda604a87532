import { KithError } from '../../../protocol/errors.ts';
import type { ContainerStart } from '../../ports/runtime.ts';
import type { ConsoleOptions } from './console-frames.ts';
import { Terminal } from './terminal.ts';

export function hasConsole(start: ContainerStart): boolean {
  return start.stdin || start.tty;
}

/** A program that people attach to runs under a console. It is a Node.js program of some 40 MB, so the others go without. @throws KithError `InvalidContainer` */
export async function withConsole(
  start: ContainerStart,
  folder: string,
  argv: string[],
  { consoleProgram, nodeBinary = process.execPath }: { consoleProgram?: string; nodeBinary?: string },
): Promise<string[]> {
  if (!hasConsole(start)) return argv;
  if (consoleProgram === undefined) {
    throw new KithError(
      'InvalidContainer',
      'stdin and tty need the program console.js, which lies beside kithd.js in a whole installation',
    );
  }
  if (start.tty) await Terminal.prepare(folder);
  const options: ConsoleOptions = { tty: start.tty, stdin: start.stdin, once: start.stdinOnce };
  return [nodeBinary, consoleProgram, folder, JSON.stringify(options), ...argv];
}
