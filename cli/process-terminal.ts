import { isatty } from 'node:tty';
import type { Keyboard } from './context.ts';

/** Standard input and the size of the terminal of this process. */
export const processKeyboard: Keyboard = {
  // `process.stdin.isTTY` is undefined, and not false, where it is none.
  isTerminal: isatty(0),
  bytes: () => process.stdin,
  setRaw: (raw) => {
    if (process.stdin.isTTY) process.stdin.setRawMode(raw);
  },
  close: () => void process.stdin.destroy(),
  size: () => (process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined),
  onResize: (listener) => {
    process.stdout.on('resize', listener);
    return () => void process.stdout.off('resize', listener);
  },
};

export async function writeBytes(target: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  if (target.write(bytes)) return;
  await new Promise<void>((resolve) => target.once('drain', resolve));
}
