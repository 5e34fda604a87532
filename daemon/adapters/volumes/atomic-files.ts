/**
 * Files that change all at once, as Kubernetes' AtomicWriter does it: they are in a folder with a name of its own, `..data` points there, and each file is a link
 * through `..data`. A change writes another folder and turns `..data` round by a rename. Source: pkg/volume/util/atomic_writer.go.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { VolumeFile } from '../../ports/volumes.ts';

const DATA = '..data';
const NEXT = '..data_tmp';

/** @param group that gets the files, where it may be said */
export async function writeAtomically(folder: string, files: readonly VolumeFile[], group: number | undefined): Promise<void> {
  const current = await readlink(join(folder, DATA)).catch(() => undefined);
  if (current !== undefined && (await holds(join(folder, current), files))) return;
  const next = `..${new Date().toISOString().replaceAll(/[-:T]/g, '_').slice(0, 19)}.${randomBytes(4).toString('hex')}`;
  await mkdir(join(folder, next), { mode: 0o755 });
  try {
    for (const file of files) await writeOne(join(folder, next), file, group);
  } catch (error) {
    await rm(join(folder, next), { recursive: true, force: true });
    throw error;
  }
  // The umask has taken bits away.
  await chmod(join(folder, next), 0o755);
  await rm(join(folder, NEXT), { force: true });
  await symlink(next, join(folder, NEXT));
  await rename(join(folder, NEXT), join(folder, DATA));
  await linkAll(folder, new Set(files.map(({ path }) => topOf(path))));
  // Also what a daemon that was killed has left.
  for (const name of await readdir(folder))
    if (name.startsWith('..') && name !== DATA && name !== next) await rm(join(folder, name), { recursive: true, force: true });
}

async function writeOne(folder: string, { path, mode, bytes }: VolumeFile, group: number | undefined): Promise<void> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await writeFile(target, bytes, { mode: 0o600 });
  if (group !== undefined) await chown(target, -1, group);
  // A group that owns the files may read them.
  await chmod(target, group === undefined ? mode : mode | 0o440);
}

/** Whether the folder holds these files and no others. Permissions are not compared: they come with the spec, which does not change. */
async function holds(folder: string, files: readonly VolumeFile[]): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const there = entries.filter((entry) => entry.isFile()).length;
  if (there !== files.length) return false;
  for (const { path, bytes } of files) {
    const found = await readFile(join(folder, path)).catch(() => undefined);
    if (found === undefined || !found.equals(bytes)) return false;
  }
  return true;
}

async function linkAll(folder: string, names: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('..') && !names.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
  for (const name of names) {
    const known = await lstat(join(folder, name)).catch(() => undefined);
    if (known === undefined) await symlink(join(DATA, name), join(folder, name));
  }
}

function topOf(path: string): string {
  return path.split('/')[0] ?? path;
}
