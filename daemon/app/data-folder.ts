import { existsSync } from 'node:fs';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { KithError } from '../../protocol/errors.ts';

/**
 * Makes a folder, and those above it, as far as they are not there. Not `recursive: true`: that goes round for ever where the system says of a folder that is there that
 * it is not (Node 20 below /proc).
 * @throws KithError `FolderUnusable` that names the flag
 */
export async function makeFolder(folder: string, flag: string): Promise<void> {
  try {
    await make(folder);
    if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `${flag} ${folder}: it can not be used: ${(error as Error).message}; is its disk there and writable, and who owns it? Or choose another`;
    throw new KithError('FolderUnusable', message, { folder }, { cause: error });
  }
}

async function make(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  if (path.dirname(folder) !== folder) await make(path.dirname(folder));
  await mkdir(folder, { mode: 0o700 });
}

/**
 * The daemon's own folder, ready to be used. One of a member without the member's key is refused: a new key would make this host a stranger to its cluster, who can not
 * read what it has.
 * @throws KithError `FolderUnusable` | `IdentityMissing`
 */
export async function prepareDataFolder(dataDir: string): Promise<void> {
  await makeFolder(dataDir, '--data-dir');
  if (!existsSync(path.join(dataDir, 'cluster.json')) || existsSync(path.join(dataDir, 'peer.key'))) return;
  throw new KithError(
    'IdentityMissing',
    `the data folder ${dataDir} is of a member, and its peer.key is gone: restore it from a copy, or remove this host's node from the cluster and join anew with an empty --data-dir`,
  );
}
