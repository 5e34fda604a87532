import { mkdir, open, stat } from 'node:fs/promises';
import { KithError } from '../../../protocol/errors.ts';

/** What a hostPath must be, and what it is made of where it is not there. Source: pkg/volume/hostpath. */
export async function checkHostPath(path: string, type: string): Promise<void> {
  if (type === '') {
    // What is not there becomes a folder, as with containerd.
    if ((await stat(path).catch(() => undefined)) === undefined) await mkdir(path, { recursive: true, mode: 0o755 });
    return;
  }
  const wrong = (is: string): KithError => new KithError('VolumeFailed', `hostPath type check failed: ${path} is not a ${is}`);
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
  const found = await stat(path).catch(() => undefined);
  if (type.startsWith('Directory') && found?.isDirectory() !== true) throw wrong('directory');
  if (type.startsWith('File') && found?.isFile() !== true) throw wrong('file');
  if (type === 'Socket' && found?.isSocket() !== true) throw wrong('socket file');
  if (type === 'CharDevice' && found?.isCharacterDevice() !== true) throw wrong('character device');
  if (type === 'BlockDevice' && found?.isBlockDevice() !== true) throw wrong('block device');
}
