import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { KithError } from '../../protocol/errors.ts';

/** As many as the cipher's key has: with fewer it could be guessed. */
const LEAST_KEY_BYTES = 32;
/** No key is near it. */
const MOST_KEY_BYTES = 65_536;
const MAKE_ONE = 'make one with `head -c 32 /dev/urandom > FILE`, and keep a copy where the disk is not';

/**
 * The key that the store is sealed with, of a file on another medium than the data folder. It is never made: where the medium is missing that would be another one.
 * @throws KithError `KeyFileUnusable`
 */
export async function readKeyFile(file: string, dataDir: string): Promise<Uint8Array> {
  const unusable = (why: string, cause?: unknown): KithError =>
    new KithError('KeyFileUnusable', `--key-file ${file}: ${why}`, { file }, { cause });
  const inside = path.relative(dataDir, file);
  if (!inside.startsWith('..') && !path.isAbsolute(inside))
    throw unusable(`it lies in the data folder ${dataDir}, which it is to protect: keep it elsewhere`);
  const found = await stat(file).catch(() => undefined);
  // A pipe or device may keep us waiting for ever, or never end.
  if (found !== undefined && !found.isFile()) throw unusable(`it is no file: ${MAKE_ONE}`);
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw unusable(`there is no such file: is its medium there? For a new store ${MAKE_ONE}`, error);
    throw unusable(`it cannot be read: ${error.message}`, error);
  });
  try {
    const { size } = await handle.stat();
    if (size > MOST_KEY_BYTES) throw unusable(`it has ${size} bytes, which is no key`);
    const key = await handle.readFile();
    if (key.length < LEAST_KEY_BYTES) throw unusable(`it has ${key.length} bytes, and ${LEAST_KEY_BYTES} are needed: ${MAKE_ONE}`);
    return new Uint8Array(key);
  } catch (error) {
    throw error instanceof KithError ? error : unusable(`it cannot be read: ${(error as Error).message}`, error);
  } finally {
    await handle.close();
  }
}
