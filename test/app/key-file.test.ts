import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../daemon/app/config.ts';
import { readKeyFile } from '../../daemon/app/key-file.ts';

describe('the key file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kith-key-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is read, whatever its bytes are', async () => {
    const file = path.join(folder, 'key');
    await writeFile(file, Buffer.alloc(40, 7));
    expect(await readKeyFile(file, path.join(folder, 'data'))).toEqual(new Uint8Array(40).fill(7));
  });

  it('is refused with what to do: missing, too short, no file, in the folder that it is to protect', async () => {
    const data = path.join(folder, 'data');
    const [file, short] = [path.join(folder, 'key'), path.join(folder, 'short')];
    await writeFile(short, 'secret');
    await expect(readKeyFile(file, data)).rejects.toThrow(`--key-file ${file}: there is no such file: is its medium there?`);
    await expect(readKeyFile(short, data)).rejects.toThrow(`--key-file ${short}: it has 6 bytes, and 32 are needed`);
    for (const endless of [folder, '/dev/zero']) await expect(readKeyFile(endless, data)).rejects.toThrow('it is no file');
    await expect(readKeyFile(path.join(data, 'key'), data)).rejects.toThrow('keep it elsewhere');
  });

  it('is the one that a person names, else what systemd hands over under our name', async () => {
    const named = (words: string[], environment: Record<string, string>) => parseConfig(words, environment, 0).keyFile;
    expect(named([], {})).toBeUndefined();
    expect(named(['--key-file', '/media/key'], { CREDENTIALS_DIRECTORY: folder })).toBe('/media/key');
    expect(named([], { CREDENTIALS_DIRECTORY: folder })).toBeUndefined();
    await writeFile(path.join(folder, 'kithd.key'), Buffer.alloc(32));
    expect(named([], { CREDENTIALS_DIRECTORY: folder })).toBe(path.join(folder, 'kithd.key'));
  });
});
