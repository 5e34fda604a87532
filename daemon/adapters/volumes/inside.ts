/**
 * Finds a path inside a folder that a program may be changing meanwhile, without ever following it out: what is to be mounted is opened step by step, no step may be
 * a link, and it is handed on as the open file itself. Kubernetes learned it by CVE-2017-1002101 and CVE-2021-25741.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';

/** Opens for nothing but to be named. Linux' value; Node.js has no name for it. */
const O_PATH = 0x20_0000;
const STEP = O_PATH | constants.O_NOFOLLOW;
const MODE_BITS = 0o7777;

export interface Inside {
  /** Names the open file, whatever becomes of its path: `/proc/PID/fd/N`. */
  path: string;
  close(): Promise<void>;
}

/** What is made on the way has the mode of the volume, as upstream: who may write into that may write there. @throws KithError `VolumeFailed` */
export async function openInside(root: string, subPath: string, options: { create: boolean }): Promise<Inside> {
  const base = await realpath(root);
  const steps = await stepsTo(base, subPath);
  let handle = await open(base, O_PATH | constants.O_DIRECTORY);
  try {
    const mode = options.create ? (await handle.stat()).mode & MODE_BITS : undefined;
    for (const step of steps) {
      const next = await openStep(handle, step, subPath, mode);
      await handle.close();
      handle = next;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { path: `/proc/${process.pid}/fd/${handle.fd}`, close: async () => handle.close() };
}

/** Links inside the folder are resolved first, so that files of ConfigMaps are found; what they lead to must be inside. */
async function stepsTo(base: string, subPath: string): Promise<string[]> {
  const wanted = subPath.split('/').filter((step) => step !== '' && step !== '.');
  if (wanted.includes('..')) throw refused(subPath, "must not contain '..'");
  const real = await realpath([base, ...wanted].join(sep)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw refused(subPath, error.message);
  });
  if (real === undefined) return wanted;
  const inside = relative(base, real);
  if (inside === '..' || inside.startsWith(`..${sep}`) || inside.startsWith(sep)) throw refused(subPath, 'it leads out of its volume');
  return inside === '' ? [] : inside.split(sep);
}

/** @param mode of a folder that is made where nothing is; undefined: none is */
async function openStep(folder: FileHandle, step: string, subPath: string, mode: number | undefined): Promise<FileHandle> {
  const path = `/proc/self/fd/${folder.fd}/${step}`;
  const there = await openNoLink(path, step, subPath);
  if (there !== undefined) return there;
  if (mode === undefined) throw refused(subPath, 'no such file or directory');
  const isOurs = await mkdir(path, { mode }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return false;
    },
  );
  const made = await openNoLink(path, step, subPath);
  if (made === undefined) throw refused(subPath, 'no such file or directory');
  // The process' umask has taken some of it.
  try {
    if (isOurs) await chmod(`/proc/self/fd/${made.fd}`, mode);
  } catch (error) {
    await made.close();
    throw error;
  }
  return made;
}

async function openNoLink(path: string, step: string, subPath: string): Promise<FileHandle | undefined> {
  const handle = await open(path, STEP).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (handle === undefined) return undefined;
  // With O_PATH a link is opened, not refused.
  if (!(await handle.stat()).isSymbolicLink()) return handle;
  await handle.close();
  throw refused(subPath, `${step} is a link`);
}

function refused(subPath: string, why: string): KithError {
  return new KithError('VolumeFailed', `"${subPath}": ${why}`);
}
