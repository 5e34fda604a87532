import { randomUUID } from 'node:crypto';
import { access, constants, readFile, rename, writeFile } from 'node:fs/promises';

/** Writes a file whole or not at all, whoever else writes it just then. No fsync: after a power failure of the host nothing it speaks of runs. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  await writeFile(draft, text, { mode: 0o644 });
  await rename(draft, path);
}

/** Undefined when there is no such file. What only can not be read just now (too many open files, a disk that fails) must not pass for what is not there. */
export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
