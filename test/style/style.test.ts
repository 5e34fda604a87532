import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..', '..');
const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.endsWith('.config.ts'));
const product = sources.filter((file) => /^(protocol|daemon|cli)\//.test(file));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** Words that say nothing about what a thing is; Kubernetes' own Service and Event data are spelled out where they occur. */
const EMPTY_NAMES = /\b(?:class|interface|type)\s+\w*(?:Manager|Helper|Util|Utils|Info)\b/;

describe('the house style', () => {
  it('has sources to look at', () => {
    expect(product.length).toBeGreaterThan(50);
  });

  it.each(product)('%s is at most 400 lines, has no escape from the checker and leaves nothing for later', (file) => {
    const text = read(file);
    expect(text.split('\n').length).toBeLessThanOrEqual(401);
    expect(text).not.toMatch(/\bas any\s*[;,)\].]|:\s*any\s*(?:[;,)=\]}|>]|$)|@ts-(?:ignore|expect-error|nocheck)|eslint-disable/m);
    expect(text).not.toMatch(/\b(?:TODO|FIXME|XXX|HACK)\b/);
    expect(text).not.toMatch(EMPTY_NAMES);
    expect(text).not.toMatch(/^export default/m);
  });

  it('exports through one barrel a top-level folder at most', () => {
    const barrels = product.filter((file) => path.basename(file) === 'index.ts');
    expect(barrels.every((file) => file.split('/').length === 2)).toBe(true);
  });

  it('keeps every test running', () => {
    const skipped = sources.filter((file) => file.startsWith('test/') && /\b(?:it|test|describe)\.(?:skip|only|todo)\(/.test(read(file)));
    expect(skipped).toEqual([]);
  });
});
