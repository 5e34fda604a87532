import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskFolder, FOLDER_LIMITS } from '../../../daemon/adapters/folder/folder.ts';
import { isManifestName } from '../../../daemon/adapters/folder/names.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import { waitFor } from '../../support/wait.ts';

let root: string;
let folder: DiskFolder;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'kith-folder-'));
  folder = new DiskFolder({ clock: systemClock }, { path: path.join(root, 'manifests') });
  await mkdir(path.join(root, 'manifests'));
});
afterEach(async () => {
  await folder.stop();
  await rm(root, { recursive: true, force: true });
});

function at(name: string): string {
  return path.join(root, 'manifests', name);
}

/** Writes a file that looks as if it had been there for long. */
async function old(name: string, text: string): Promise<void> {
  await writeFile(at(name), text);
  await utimes(at(name), new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
}

async function paths(): Promise<string[]> {
  return (await folder.scan()).files.map((file) => file.path);
}

describe('a folder on disk', () => {
  it('is shown whole but for what can not be read: a link in circles held all of it up, and one that leads nowhere was taken for removed', async () => {
    await old('good.yaml', 'a');
    await writeFile(at('latin.yaml'), Buffer.from('caf\xe9', 'latin1'));
    await utimes(at('latin.yaml'), 1, 1);
    await symlink('circle.yaml', at('circle.yaml'));
    await symlink(path.join(root, 'away'), at('dangling.yaml'));
    await symlink('/dev/zero', at('endless.yaml'));
    execFileSync('mkfifo', [at('pipe.yaml')]);
    const { files, problem } = await folder.scan();
    expect(problem).toBeUndefined();
    expect(files.map((file) => `${file.path}: ${file.problem ?? file.text}`).join('\n')).toMatch(
      /^circle.yaml: ELOOP.*\ndangling.yaml: .* does not exist\nendless.yaml: it is no file\ngood.yaml: a\nlatin.yaml: it is no UTF-8 text\npipe.yaml: it is no file$/,
    );
  });

  it('shows manifests of all subfolders by their relative path, and links to files', async () => {
    await mkdir(at('apps/site'), { recursive: true });
    await old('apps/site/web.yaml', 'a');
    await old('b.json', 'b');
    await old('c.YML', 'c');
    await writeFile(path.join(root, 'elsewhere.yaml'), 'd');
    await utimes(path.join(root, 'elsewhere.yaml'), 1, 1);
    await symlink(path.join(root, 'elsewhere.yaml'), at('link.yaml'));
    await symlink(at('.'), at('loop'));
    const { files, problem } = await folder.scan();
    expect(problem).toBeUndefined();
    expect(files).toEqual([
      { path: 'apps/site/web.yaml', text: 'a' },
      { path: 'b.json', text: 'b' },
      { path: 'c.YML', text: 'c' },
      { path: 'link.yaml', text: 'd' },
    ]);
  });

  it('does not show hidden files, temporary files of editors, nor other files', async () => {
    const hidden = [
      '.hidden.yaml',
      '.web.yaml.swp',
      'web.yaml~',
      '#web.yaml#',
      'web.yaml.tmp',
      'web.yaml.swp',
      '4913',
      'README.md',
      '~x.yaml',
    ];
    expect(hidden.filter(isManifestName)).toEqual([]);
    for (const name of hidden) await old(name, 'x');
    await mkdir(at('.git'));
    await old('.git/config.yaml', 'x');
    expect(await paths()).toEqual([]);
  });

  it('does not show a file before it has stayed the same for a while', async () => {
    await writeFile(at('web.yaml'), 'half');
    expect(await folder.scan()).toMatchObject({ files: [], settling: ['web.yaml'] });
    await writeFile(at('web.yaml'), 'half and half');
    await waitFor('the whole file', async () => (await folder.scan()).files[0]?.text === 'half and half');
    await writeFile(at('web.yaml'), 'another text');
    expect((await folder.scan()).settling).toEqual(['web.yaml']);
    await waitFor('the new text', async () => (await folder.scan()).files[0]?.text === 'another text');
  });

  it('sees a file that was moved into place', async () => {
    await old('web.yaml', 'one');
    await folder.scan();
    await writeFile(at('web.yaml.tmp'), 'two');
    await rename(at('web.yaml.tmp'), at('web.yaml'));
    await waitFor('the new text', async () => (await folder.scan()).files[0]?.text === 'two');
  });

  it('does not read a file that is too large', async () => {
    await old('big.yaml', 'x'.repeat(FOLDER_LIMITS.fileBytes + 1));
    const { files } = await folder.scan();
    expect(files).toEqual([{ path: 'big.yaml', problem: 'it is larger than 3 MiB: split it into several files' }]);
  });

  it('that is missing says so, and is found when it comes; another one in its place has another identity', async () => {
    const before = await folder.scan();
    await rename(at('.'), path.join(root, 'away'));
    expect((await folder.scan()).problem).toBe(`${at('.')} does not exist`.replace('/. ', ' '));
    await mkdir(at('.'));
    await old('web.yaml', 'a');
    const after = await folder.scan();
    expect(after.files).toHaveLength(1);
    expect(after.identity).not.toBe(before.identity);
  });

  it('hints at changes', async () => {
    await folder.scan();
    let hints = 0;
    folder.onHint(() => {
      hints += 1;
    });
    await waitFor('a hint', async () => {
      await old('web.yaml', String(Math.random()));
      return hints > 0;
    });
  });
});
