import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ran, run } from '../../../daemon/adapters/system/run.ts';
import { HostPaths } from '../../../daemon/adapters/volumes/host-path.ts';
import { FolderVolumes } from '../../../daemon/adapters/volumes/volume-store.ts';
import type { MountRequest, PodVolume, VolumeFile } from '../../../daemon/ports/volumes.ts';
import { silentLog } from '../../support/silent-log.ts';

const UID = '00000000-0000-8000-8000-000000000001';
let folder: string;
let volumes: FolderVolumes;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kith-volumes-')));
  await mkdir(join(folder, 'memory'));
  volumes = new FolderVolumes({ log: silentLog }, { dataDir: join(folder, 'disk'), memoryDir: join(folder, 'memory') });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (path: string, text: string, mode = 0o644): VolumeFile => ({ path, mode, bytes: Buffer.from(text) });
const files = (name: string, list: VolumeFile[], isSecret = false): PodVolume => ({ name, kind: 'files', files: list, isSecret });
const empty: PodVolume = { name: 'work', kind: 'emptyDir', inMemory: false };
const mount = (volume: string, subPath = ''): MountRequest => ({
  container: 'main',
  volume,
  mountPath: '/x',
  subPath,
  readOnly: false,
  propagation: 'private',
});

async function pathOf(list: PodVolume[], request: MountRequest): Promise<string> {
  const { mounts, release } = await volumes.resolve(UID, list, [request]);
  const path = await realpath(mounts[0]!.hostPath);
  await release();
  return path;
}

describe('files', () => {
  it('change all at once: what was opened by the old names is whole', async () => {
    const first = files('config', [file('a', '1'), file('deep/b', '1', 0o400)]);
    await volumes.prepare(UID, [first], {});
    const at = await pathOf([first], mount('config'));
    expect(await readlink(join(at, 'a'))).toBe('..data/a');
    expect((await stat(join(at, 'deep/b'))).mode & 0o777).toBe(0o400);
    const before = await readlink(join(at, '..data'));
    await volumes.prepare(UID, [first], {});
    expect(await readlink(join(at, '..data'))).toBe(before);
    await volumes.prepare(UID, [files('config', [file('a', '2'), file('c', '2')])], {});
    expect(await readFile(join(at, 'a'), 'utf8')).toBe('2');
    expect((await readdir(at)).filter((name) => !name.startsWith('..'))).toEqual(['a', 'c']);
    expect((await readdir(at)).filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  it('that can not all be written leave nothing: a full disk is not filled further with each try', async () => {
    const config = files('config', [file('a', '1')]);
    await volumes.prepare(UID, [config], {});
    const at = await pathOf([config], mount('config'));
    const bad = files('config', [file('a', '2'), file('a/b', '2')]);
    for (let tries = 3; tries > 0; tries -= 1)
      await expect(volumes.prepare(UID, [bad], {})).rejects.toMatchObject({ code: 'VolumeFailed' });
    expect((await readdir(at)).filter((name) => name.startsWith('..'))).toHaveLength(2);
    expect(await readFile(join(at, 'a'), 'utf8')).toBe('1');
  });

  it('of Secrets are in memory only, and gone with the pod', async () => {
    const secret = files('login', [file('password', 'hunter2')], true);
    await volumes.prepare(UID, [secret, empty], {});
    expect(await pathOf([secret], mount('login'))).toContain(join(folder, 'memory'));
    expect(await volumes.podUids()).toEqual([UID]);
    await volumes.remove(UID);
    await volumes.remove(UID);
    expect(await volumes.podUids()).toEqual([]);
    expect(await readdir(join(folder, 'memory'))).toEqual([]);
  });
});

describe('an empty folder', () => {
  it('keeps what is in it, and anybody may write', async () => {
    await volumes.prepare(UID, [empty], {});
    const at = await pathOf([empty], mount('work'));
    await writeFile(join(at, 'x'), '');
    await volumes.prepare(UID, [empty], {});
    expect(await readdir(at)).toEqual(['x']);
    expect((await stat(at)).mode & 0o777).toBe(0o777);
  });
});

describe('a part of a volume', () => {
  it('that is made on the way is for whoever may write into the volume', async () => {
    const mask = process.umask(0o077);
    try {
      await volumes.prepare(UID, [empty], process.getuid?.() === 0 ? { fsGroup: 2000 } : {});
      const root = await stat(await pathOf([empty], mount('work')));
      for (const part of ['a', 'a/b']) {
        const made = await stat(await pathOf([empty], mount('work', part)));
        expect([made.mode, made.gid]).toEqual([root.mode, root.gid]);
      }
      expect(root.mode & 0o777).toBe(0o777);
    } finally {
      process.umask(mask);
    }
  });

  it('is made where it is missing, and found behind links that stay inside', async () => {
    const config = files('config', [file('a', '1')]);
    await volumes.prepare(UID, [empty, config], {});
    const at = await pathOf([empty], mount('work'));
    expect(await pathOf([empty], mount('work', 'deep/er'))).toBe(join(at, 'deep/er'));
    expect(await readFile(await pathOf([config], mount('config', 'a')), 'utf8')).toBe('1');
    await expect(volumes.resolve(UID, [config], [mount('config', 'b')])).rejects.toMatchObject({ code: 'SubPathFailed' });
  });

  it('of files leads to those that are there, whatever they change to', async () => {
    const config = (a: string): PodVolume => files('config', [file('deep/a', a)]);
    await volumes.prepare(UID, [config('1')], {});
    const { mounts, release } = await volumes.resolve(UID, [config('1')], [mount('config', 'deep/a'), mount('config', 'deep')]);
    await release();
    await volumes.prepare(UID, [config('2')], {});
    expect(await readFile(mounts[0]!.hostPath, 'utf8')).toBe('2');
    expect(await readFile(join(mounts[1]!.hostPath, 'a'), 'utf8')).toBe('2');
  });

  it('never is outside', async () => {
    await volumes.prepare(UID, [empty], {});
    const at = await pathOf([empty], mount('work'));
    await symlink('/etc', join(at, 'etc'));
    await symlink('../../..', join(at, 'up'));
    await symlink('/etc/not-there', join(at, 'dangling'));
    for (const subPath of ['etc', 'etc/passwd', 'up', 'up/x', 'dangling', '../x']) {
      await expect(volumes.resolve(UID, [empty], [mount('work', subPath)]), subPath).rejects.toMatchObject({
        code: 'SubPathFailed',
        message: expect.stringContaining('failed to prepare subPath for volumeMount "work" of container "main": ') as string,
      });
    }
    expect(await lstat('/etc/not-there').catch(() => undefined)).toBeUndefined();
  });

  it('stays what was found, whatever is put in its place meanwhile', async () => {
    await volumes.prepare(UID, [empty], {});
    const at = await pathOf([empty], mount('work', 'part'));
    await writeFile(join(at, 'name'), 'right');
    const { mounts, release } = await volumes.resolve(UID, [empty], [mount('work', 'part')]);
    await rm(at, { recursive: true });
    await symlink('/etc', at);
    expect(await readdir(mounts[0]!.hostPath)).toEqual([]);
    await release();
  });
});

describe('a path of the host', () => {
  it('is what its type says, or is made', async () => {
    const at = (name: string, type: string): PodVolume => ({ name: 'host', kind: 'hostPath', path: join(folder, name), type });
    await volumes.prepare(UID, [at('made', 'DirectoryOrCreate')], {});
    await volumes.prepare(UID, [at('file', 'FileOrCreate')], {});
    await volumes.prepare(UID, [at('made', 'Directory'), at('file', 'File')], {});
    const wrong = volumes.prepare(UID, [at('file', 'Directory')], {});
    const words = `MountVolume.SetUp failed for volume "host" : hostPath type check failed: ${join(folder, 'file')} is not a directory`;
    await expect(wrong).rejects.toMatchObject({ code: 'VolumeFailed', message: words });
    await volumes.remove(UID);
    expect(await readdir(folder)).toContain('made');
  });

  it('that nobody answers for takes none of the threads that all file work is done in', async () => {
    const pipes = await Promise.all(
      [1, 2, 3, 4, 5].map(async (number) => {
        const path = join(folder, `pipe-${number}`);
        await promisify(execFile)('mkfifo', [path]);
        return path;
      }),
    );
    const [hung, ...others] = pipes;
    for (const path of others) {
      const prepared = volumes.prepare(UID, [{ name: 'host', kind: 'hostPath', path, type: 'FileOrCreate' }], {});
      await expect(prepared).rejects.toThrow(`hostPath type check failed: ${path} is not a file`);
    }
    expect(await readdir(folder)).toContain('pipe-5');
    // Such a path as of a server that is away.
    const started: string[] = [];
    const look = async (file: string, words: readonly string[]): Promise<Ran> => {
      if (!words.includes(hung!)) return run(file, words);
      started.push(file);
      return new Promise(() => undefined);
    };
    const hostPaths = new HostPaths({ run: look }, { lookMs: 50 });
    const bounded = new FolderVolumes({ log: silentLog, hostPaths }, { dataDir: join(folder, 'disk'), memoryDir: join(folder, 'memory') });
    const at = (path: string, type = ''): PodVolume => ({ name: 'host', kind: 'hostPath', path, type });
    for (let times = 0; times < 3; times++)
      await expect(bounded.prepare(UID, [at(hung!)], {})).rejects.toThrow(`${hung!} does not answer for 0.05 s`);
    expect(started).toEqual(['stat']);
    await bounded.prepare(UID, [at(folder, 'Directory')], {});
    await expect(bounded.resolve(UID, [at(folder)], [mount('host', 'pipe-1')])).rejects.toThrow('does not answer');
  });
});

describe('local volumes', () => {
  const name = 'pvc-00000000-0000-8000-8000-000000000009';
  const local = (readOnly = false): PodVolume => ({ name: 'data', kind: 'local', volume: name, readOnly });

  it('outlive their pods, and are anybody’s to write', async () => {
    await volumes.prepare(UID, [local()], {});
    const at = await pathOf([local()], mount('data'));
    expect(at).toBe(join(folder, 'volumes', name));
    expect((await stat(at)).mode & 0o777).toBe(0o777);
    await writeFile(join(at, 'kept'), 'yes');
    await volumes.remove(UID);
    await volumes.prepare(UID, [local()], {});
    expect(await readFile(join(at, 'kept'), 'utf8')).toBe('yes');
    const { mounts } = await volumes.resolve(UID, [local(true)], [mount('data')]);
    expect(mounts[0]?.readOnly).toBe(true);
  });

  it('are removed for good, but not what links in them lead to, nor anything else', async () => {
    await volumes.prepare(UID, [local()], {});
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside', 'file'), 'yes');
    await symlink(join(folder, 'outside'), join(folder, 'volumes', name, 'link'));
    await volumes.removeLocal(name);
    await volumes.removeLocal(name);
    expect(await readdir(join(folder, 'volumes'))).toEqual([]);
    expect(await readFile(join(folder, 'outside', 'file'), 'utf8')).toBe('yes');
    for (const wrong of ['..', '../disk', '', 'pvc-..']) await expect(volumes.removeLocal(wrong)).rejects.toThrow('is no local volume');
  });
});
