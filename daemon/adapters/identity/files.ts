import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { KithError } from '../../../protocol/errors.ts';

/** Only the daemon's user may read what proves who we are. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** No file here is near it; a larger one is not ours. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** The file's bytes, or undefined when there is none. A file that others may read is closed to them first. */
export async function readPrivateFile(file: string): Promise<Uint8Array | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new KithError(
      'IdentityUnreadable',
      `cannot read ${file}: ${error.message}; check its owner, or choose another --data-dir`,
      { file },
      { cause: error },
    );
  });
  if (!handle) return undefined;
  try {
    const { mode, size } = await handle.stat();
    if (size > MAX_FILE_BYTES) throw new KithError('IdentityDamaged', `${file} has ${size} bytes, which is no file of kithd`, { file });
    if (mode & 0o077) await handle.chmod(FILE_MODE);
    return await readFile(handle);
  } finally {
    await handle.close();
  }
}

/** Writes beside, fsyncs, renames, fsyncs the folder: after a crash there is the old file or the new one, whole. */
export async function writePrivateFile(file: string, content: Uint8Array | string): Promise<void> {
  const folder = path.dirname(file);
  await makePrivateFolder(folder);
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(beside, 'wx', FILE_MODE);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(beside, { force: true });
    throw new KithError(
      'IdentityUnwritable',
      `cannot write ${file}: ${(error as Error).message}; is the disk full?`,
      { file },
      { cause: error },
    );
  }
}

export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    if (made !== undefined) await chmod(folder, FOLDER_MODE);
  } catch (error) {
    const message = `cannot make the data folder ${folder}: ${(error as Error).message}; choose another with --data-dir`;
    throw new KithError('IdentityUnwritable', message, { folder }, { cause: error });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
