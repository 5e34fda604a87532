import { expect, it } from 'vitest';
import type { Terminal } from '../../cli/context.ts';
import { runKith } from '../../cli/program.ts';

const terminal = { out: () => undefined, err: () => undefined, signal: new AbortController().signal } as unknown as Terminal;

it.each([
  ['foo'],
  ['get'],
  ['user', 'add'],
  ['user', 'remove'],
  ['rollout', 'status'],
  ['rollout', 'foo'],
  ['token', '--foo'],
  ['exec', 'web', 'ls'],
])('ends with 2 where the command line is wrong: %s %s', async (...words) => expect(await runKith(words, terminal, '0')).toBe(2));
