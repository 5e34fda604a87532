/**
 * Volumes without root: nothing can be mounted where the pod's spec says. Where a mount path stands in the command, arguments, environment or working directory, it is
 * replaced by the volume's own folder, and `$KITH_ROOT/MOUNT/PATH` leads there for programs that know of it. A read-only mount is one by agreement only.
 */
import { mkdir, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { Mount } from '../../ports/volumes.ts';

/** Paths instead of open files, which end with the daemon. Found safely before; a program that can write here can write elsewhere, too. */
export async function realMounts(mounts: readonly Mount[]): Promise<Mount[]> {
  return Promise.all(
    mounts.map(async (mount) => {
      if (mount.propagation !== 'private') {
        throw new KithError('InvalidContainer', `the process runtime has no mountPropagation (${mount.mountPath}): use the docker runtime`);
      }
      const hostPath = await realpath(mount.hostPath).catch((error: NodeJS.ErrnoException) => {
        throw new KithError('InvalidContainer', `volume at ${mount.mountPath}: ${error.message}`);
      });
      return { ...mount, hostPath: mount.hostPath.startsWith('/proc/') ? hostPath : mount.hostPath };
    }),
  );
}

/** Links at `ROOT/MOUNT/PATH`, deeper ones left out: they would be in another volume. */
export async function linkMounts(attemptFolder: string, mounts: readonly Mount[]): Promise<void> {
  const root = join(attemptFolder, 'root');
  await rm(root, { recursive: true, force: true });
  const sorted = [...mounts].sort((left, right) => left.mountPath.length - right.mountPath.length);
  const linked: string[] = [];
  for (const { hostPath, mountPath } of sorted) {
    if (linked.some((above) => mountPath.startsWith(`${above}/`))) continue;
    const at = join(root, mountPath);
    await mkdir(dirname(at), { recursive: true });
    await symlink(hostPath, at);
    linked.push(withoutSlash(mountPath));
  }
}

/** Replaces mount paths in a text by where their volumes are, the deepest first. */
export function mountedAt(mounts: readonly Mount[]): (text: string) => string {
  const places = [...mounts].map(({ hostPath, mountPath }) => ({ hostPath, mountPath: withoutSlash(mountPath) }));
  const usable = places.filter(({ mountPath }) => mountPath !== '').sort((left, right) => right.mountPath.length - left.mountPath.length);
  if (usable.length === 0) return (text) => text;
  const any = usable.map(({ mountPath }) => mountPath.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  // A path begins where no other one goes on, and ends where its name does.
  const pattern = new RegExp(`(?<![A-Za-z0-9_./-])(?:${any})(?![A-Za-z0-9_-]|\\.[A-Za-z0-9_])`, 'g');
  return (text) => text.replaceAll(pattern, (found) => usable.find(({ mountPath }) => mountPath === found)?.hostPath ?? found);
}

/**
 * `tar cf - PATH` of a path in a volume, as `kubectl cp` runs it, gets other arguments: the names in the archive have to be those that were asked for, not where the volume is.
 * So tar goes by a link of its own below `folder`. Undefined for any other command.
 */
export async function archiveArguments(
  command: readonly string[],
  mounts: readonly Mount[],
  folder: string,
): Promise<string[] | undefined> {
  const [program, flags, file, given, ...more] = command;
  if (program !== 'tar' || flags !== 'cf' || file !== '-' || given === undefined || more.length > 0) return undefined;
  const path = withoutSlash(given);
  const [deepest] = mounts
    .filter(({ mountPath }) => `${path}/`.startsWith(`${withoutSlash(mountPath)}/`))
    .sort((left, right) => right.mountPath.length - left.mountPath.length);
  if (deepest === undefined) return undefined;
  await linkMounts(folder, [deepest]);
  // The dot makes tar follow the link.
  const named = path === withoutSlash(deepest.mountPath) ? `${path}/.` : path;
  return [flags, file, '-C', join(folder, 'root'), named.replace(/^\/+/, '')];
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}
