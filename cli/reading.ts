import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync, readSync, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { CliError, EXIT_USAGE } from './errors.ts';

/** No manifest or kubeconfig is near it; a device gives bytes without end. */
const MOST_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** The text of all chunks. Ends with the signal, also while nobody writes. @throws CliError where it is too much, or broken off */
export async function readAllText(
  chunks: AsyncIterable<Uint8Array> & { destroy?: (error?: Error) => unknown },
  source: string,
  signal: AbortSignal,
): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const stop = (): void => void chunks.destroy?.(new CliError('interrupted'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (size > MOST_BYTES) throw tooMuch(source);
      parts.push(chunk);
    }
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`cannot read ${source}: ${(error as Error).message}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return textOf(parts, source);
}

/** A file, device or pipe by its name (`<(command)` of a shell is one). A pipe to which nobody writes is waited for, and the wait ends with the signal. @throws CliError */
export async function readFileText(file: string, signal: AbortSignal): Promise<string> {
  let fd: number;
  try {
    // Else the call that opens a pipe would hold all of this process until somebody writes.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`);
  }
  if (fstatSync(fd).isFIFO()) return readAllText(new Socket({ fd, readable: true, writable: false }), file, signal);
  try {
    return readWhole(fd, file);
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`cannot read ${file}: ${(error as Error).message}`);
  } finally {
    closeSync(fd);
  }
}

/** The same at once, for what is needed before anything else. @throws CliError */
export function readSmallText(file: string): string {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, EXIT_USAGE);
  }
  try {
    return readWhole(fd, file);
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`cannot read ${file}: ${(error as Error).message}`, EXIT_USAGE);
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, file: string): string {
  const parts: Buffer[] = [];
  for (let size = 0; ;) {
    const part = Buffer.alloc(CHUNK_BYTES);
    const count = readSync(fd, part);
    if (count === 0) return textOf(parts, file);
    size += count;
    if (size > MOST_BYTES) throw tooMuch(file);
    parts.push(part.subarray(0, count));
  }
}

/** What is no text would be changed silently. */
function textOf(parts: readonly Uint8Array[], source: string): string {
  const bytes = Buffer.concat(parts);
  if (!isUtf8(bytes)) throw new CliError(`${source} is no UTF-8 text`);
  return bytes.toString('utf8');
}

function tooMuch(source: string): CliError {
  return new CliError(`${source} has more than ${MOST_BYTES / 1024 / 1024} MiB, or no end`);
}
