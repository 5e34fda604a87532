import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { kubernetesTables } from './kubernetes-page.ts';

const file = path.resolve(import.meta.dirname, '..', '..', 'docs', 'kubernetes.md');
const START = '<!-- from the code: npm run docs -->\n';

it('docs/kubernetes.md says what the code does (npm run docs writes it)', () => {
  const text = readFileSync(file, 'utf8');
  const [words = ''] = text.split(START);
  const wanted = `${words}${START}\n${kubernetesTables()}`;
  if (process.env['KITH_WRITE_DOCS'] === '1') writeFileSync(file, wanted);
  else expect(text).toBe(wanted);
});
