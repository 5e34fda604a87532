import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findImageFolder, normaliseImageName } from '../../../daemon/adapters/process/image-folder.ts';

describe('image folders', () => {
  let folder: string;
  const write = async (name: string, definition: unknown, file?: string): Promise<void> => {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'image.json'), typeof definition === 'string' ? definition : JSON.stringify(definition));
    if (file !== undefined) await writeFile(join(folder, name, file), file);
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kith-images-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['nginx', 'nginx:latest'],
    ['docker.io/library/nginx:1.7.9', 'nginx:1.7.9'],
    ['kith.dev/hello:1', 'kith.dev/hello:1'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['../etc', undefined],
    ['a/../b:1', undefined],
    ['/etc/passwd', undefined],
    ['a:../../b', undefined],
    ['a:..', undefined],
    ['a@sha256:00', undefined],
    ['..:1/x', undefined],
    ['a//b', undefined],
    ['', undefined],
    ['A b', undefined],
  ])('the name %s means %s', (name, normal) => {
    expect(normaliseImageName(name)).toBe(normal);
  });

  it('take files and fields of the image they are made from', async () => {
    await write('base:1', { command: ['run'], env: { A: '1', B: '1' } }, 'program');
    await write('x/derived:2', { from: 'base:1', env: { B: '2' }, args: ['more'] });
    const derived = (await findImageFolder([folder], 'x/derived:2'))!;
    expect(derived).toMatchObject({ folder: join(folder, 'base:1'), command: ['run'], args: ['more'], env: { A: '1', B: '2' } });
    const base = (await findImageFolder([folder], 'base:1'))!;
    expect(base.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(derived.id).not.toBe(base.id);
    await writeFile(join(folder, 'base:1', 'program'), 'changed');
    expect((await findImageFolder([folder], 'base:1'))!.id).not.toBe(base.id);
  });

  it('are looked for in order, and not to be there is no error', async () => {
    const second = join(folder, 'second');
    await write('second/a:1', { command: ['second'] });
    expect((await findImageFolder([join(folder, 'none'), second], 'a:1'))?.command).toEqual(['second']);
    expect(await findImageFolder([folder], 'b:1')).toBeUndefined();
  });

  it.each([
    ['{', 'not JSON'],
    ['[]', 'object'],
    ['{"comand": []}', 'unknown field "comand"'],
    ['{"command": "sh"}', '"command" must be a list'],
    ['{"env": {"A": 1}}', '"env"'],
    ['{"from": "missing:1"}', 'missing:1'],
    ['{"from": "self:1"}', 'self:1'],
  ])('%s is refused, with the reason', async (definition, reason) => {
    await write('self:1', definition);
    await expect(findImageFolder([folder], 'self:1')).rejects.toMatchObject({
      code: 'InvalidContainer',
      message: expect.stringContaining(reason) as string,
    });
  });
});
