import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, type Ran } from '../../../daemon/adapters/system/run.ts';
import { HostMounts } from '../../../daemon/adapters/volumes/host-mounts.ts';
import { openInside } from '../../../daemon/adapters/volumes/inside.ts';
import { FolderVolumes } from '../../../daemon/adapters/volumes/volume-store.ts';
import type { MountRequest, PodVolume } from '../../../daemon/ports/volumes.ts';
import { silentLog } from '../../support/silent-log.ts';

const UID = '00000000-0000-8000-8000-000000000001';
let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kith-mounts-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const volume: PodVolume = { name: 'work', kind: 'emptyDir', inMemory: false };
const part = (subPath: string): MountRequest => ({
  ...{ container: 'main', volume: 'work', mountPath: `/${subPath}`, subPath },
  ...{ readOnly: false, propagation: 'private' },
});
const volumesWith = (mounts: HostMounts): FolderVolumes =>
  new FolderVolumes({ log: silentLog }, { dataDir: join(folder, 'disk'), memoryDir: join(folder, 'memory'), mounts });

it('without root no part of a volume that others write to is given to an engine, and memory has no limit', async () => {
  const ran: string[] = [];
  const mounts = new HostMounts(
    { run: async (file) => ({ code: 0, stdout: '', stderr: String(ran.push(file)) }) },
    { folder: join(folder, 'parts'), may: false },
  );
  const volumes = volumesWith(mounts);
  const inMemory: PodVolume = { name: 'memory', kind: 'emptyDir', inMemory: true, limitBytes: 1 };
  await volumes.prepare(UID, [volume, inMemory], {});
  await expect(volumes.resolve(UID, [volume], [part('a')])).rejects.toThrow('kithd has to be root');
  await volumes.remove(UID);
  expect(ran).toEqual([]);
});

it('a mount that is refused is told of, and leaves nothing', async () => {
  const mounts = new HostMounts(
    { run: async (_, words) => ({ code: words.includes('--bind') ? 32 : 0, stdout: '', stderr: 'permission denied' }) },
    { folder: join(folder, 'parts'), may: true },
  );
  const volumes = volumesWith(mounts);
  await volumes.prepare(UID, [volume], {});
  await expect(volumes.resolve(UID, [volume], [part('a')])).rejects.toMatchObject({
    code: 'VolumeFailed',
    message: expect.stringMatching(/--bind \/proc\/\d+\/fd\/\d+ .*: permission denied/) as string,
  });
});

it('memory whose limit could not be set is made anew, and not taken for what was asked for', async () => {
  let refusals = 1;
  const ran: string[] = [];
  const run = async (file: string): Promise<Ran> => {
    ran.push(file);
    return { code: file === 'mount' && refusals-- > 0 ? 32 : 0, stdout: '', stderr: 'no memory' };
  };
  const volumes = volumesWith(new HostMounts({ run }, { folder: join(folder, 'parts'), may: true }));
  const inMemory: PodVolume = { name: 'memory', kind: 'emptyDir', inMemory: true, limitBytes: 4096 };
  await expect(volumes.prepare(UID, [inMemory], {})).rejects.toThrow('no memory');
  await volumes.prepare(UID, [inMemory], {});
  await volumes.prepare(UID, [inMemory], {});
  expect(ran.filter((file) => file === 'mount')).toHaveLength(2);
  const { mounts } = await volumes.resolve(UID, [inMemory], [{ ...part(''), volume: 'memory' }]);
  expect((await stat(mounts[0]!.hostPath)).mode & 0o777).toBe(0o777);
});

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  const mountsIn = (): HostMounts => new HostMounts({ run }, { folder: join(folder, 'parts'), may: true });
  const mounted = async (): Promise<number> =>
    (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(folder)).length;

  it('a part has a name that leads to what was found, whatever is put in its place, until it is released', async () => {
    const volumes = volumesWith(mountsIn());
    await volumes.prepare(UID, [volume], {});
    const at = join(folder, 'disk', UID, 'volumes', 'work');
    await mkdir(join(at, 'deep'));
    await writeFile(join(at, 'deep', 'name'), 'right');
    await writeFile(join(at, 'file'), 'right, too');
    const { mounts, release } = await volumes.resolve(UID, [volume], [part('deep'), part('file'), part('made')]);
    await rename(join(at, 'deep'), join(at, 'elsewhere'));
    await symlink('/etc', join(at, 'deep'));
    const [deep, file, made] = mounts.map(({ hostPath }) => hostPath);
    expect(await readdir(deep!)).toEqual(['name']);
    expect(await readFile(file!, 'utf8')).toBe('right, too');
    await writeFile(join(made!, 'new'), 'x');
    for (const path of [deep!, file!, made!]) expect(path).not.toContain('/proc/');
    await release();
    expect(await mounted()).toBe(0);
    expect(await readdir(join(folder, 'parts'))).toEqual([]);
    expect(await readFile(join(at, 'made', 'new'), 'utf8')).toBe('x');
  });

  it('what a killed daemon left is taken away by the next one, and nothing of what it led to', async () => {
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'kept'), 'yes');
    const inside = await openInside(folder, 'data', { create: false });
    // Between the look and the mount somebody puts a link there.
    await rename(join(folder, 'data'), join(folder, 'moved'));
    await symlink('/etc', join(folder, 'data'));
    const { paths } = await mountsIn().name([inside]);
    expect(await readdir(paths[0]!)).toEqual(['kept']);
    expect(await mounted()).toBe(2);
    const { release } = await mountsIn().name([inside]);
    expect(await mounted()).toBe(2);
    await release();
    await inside.close();
    expect(await mounted()).toBe(0);
    expect(await readFile(join(folder, 'moved', 'kept'), 'utf8')).toBe('yes');
  });

  it('a folder in memory holds what it may and no more, and goes with its pod', async () => {
    const volumes = volumesWith(mountsIn());
    const small: PodVolume = { name: 'small', kind: 'emptyDir', inMemory: true, limitBytes: 1024 ** 2 };
    await volumes.prepare(UID, [small], { fsGroup: 3000 });
    const { mounts } = await volumes.resolve(UID, [small], [{ ...part(''), volume: 'small' }]);
    const at = mounts[0]!.hostPath;
    const { gid, mode } = await stat(at);
    expect([gid, mode & 0o7777]).toEqual([3000, 0o2777]);
    await writeFile(join(at, 'fits'), Buffer.alloc(512 * 1024));
    await volumes.prepare(UID, [small], { fsGroup: 3000 });
    expect(await readdir(at)).toEqual(['fits']);
    await expect(writeFile(join(at, 'more'), Buffer.alloc(1024 ** 2))).rejects.toMatchObject({ code: 'ENOSPC' });
    await volumes.remove(UID);
    expect(await mounted()).toBe(0);
    expect(await volumes.podUids()).toEqual([]);
  });
});
