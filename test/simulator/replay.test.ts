import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseArguments } from './args.ts';
import { runCommand } from './command.ts';
import { MUTANTS } from './mutants/all.ts';
import { buildMutant } from './planting.ts';
import { scenarioOf } from './task.ts';

/** Found at once, in whatever deletes something. */
const BUG = 'watch-misses-deletions';
const CHECKER = 'anytimeWatchesAreComplete';
const below = path.join(process.cwd(), 'dist', 'mutants');
mkdirSync(below, { recursive: true });
const folder = mkdtempSync(path.join(below, 'replay-'));
let sick: URL;
let healthy: URL;

beforeAll(async () => {
  const bug = MUTANTS.find(({ name }) => name === BUG);
  sick = await buildMutant({ name: BUG, what: '', edits: bug?.edits ?? [] }, path.join(folder, BUG));
  healthy = await buildMutant({ name: 'none', what: '', edits: [] }, path.join(folder, 'none'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(words: readonly string[], program: URL): Promise<{ code: number; text: string }> {
  const said: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const progress = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    return { code: await runCommand(words, program), text: said.join('') };
  } finally {
    write.mockRestore();
    progress.mockRestore();
  }
}

/** The words of the commands that it says to run, as a shell takes them apart. */
function commandsIn(text: string): string[][] {
  return [...text.matchAll(/^again: npm run simulate -- (.*)$/gm)].map(([, words = '']) =>
    execFileSync('sh', ['-c', `printf '%s\\n' ${words}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n'),
  );
}

/** Runs it, then each command that it printed. @returns the words of the last of these */
async function seenAgain(words: string, program: URL): Promise<string[]> {
  const asked = words.split(' ').map((word) => word.replaceAll('~', ' '));
  const first = await run([...asked, '--jobs', '1', '--lines', '0'], program);
  expect(first.code, first.text).toBe(words.includes('--mutant') ? 0 : 1);
  const headlines = headlinesIn(first.text);
  const commands = commandsIn(first.text);
  expect(commands.length, first.text).toBe(headlines.length);
  expect(headlines.length).toBeGreaterThan(0);
  for (const [index, command] of commands.entries()) {
    const again = await run([...command, '--jobs', '1', '--verbose', '--lines', '0'], program);
    expect(headlinesIn(again.text), command.join(' ')).toEqual([headlines[index]]);
  }
  return commands.at(-1) ?? [];
}

function headlinesIn(text: string): string[] {
  return [...text.matchAll(new RegExp(`^(?:seed|shrunk) .*(${CHECKER}: .*)$`, 'gm'))].map(([, headline = '']) => headline);
}

const SEED = '--seed 2 --seeds 1 --peers 3..4';

describe('the command that a failure prints fails in the same way', () => {
  it('for a seed, of a plot or not, and a part of its scenario', { timeout: 1_200_000 }, async () => {
    await seenAgain(SEED, sick);
    await seenAgain(`${SEED} --plot drains --without 0 --storm 50000`, sick);
  });

  it('for a file, whatever its name, what is left out of it, and what it is shrunk to', { timeout: 1_200_000 }, async () => {
    const file = path.join(folder, "a 'file'.json");
    const { steps, ...about } = scenarioOf(parseArguments(SEED.split(' ')));
    const first = steps.find(({ act }) => act.do === 'request');
    const target = '/api/v1/namespaces/default/pods/lone';
    const spec = { containers: [{ name: 'main', image: 'app:1' }] };
    const made = { do: 'request', host: 1, method: 'POST', target: path.dirname(target), body: { metadata: { name: 'lone' }, spec } };
    const few = [
      first,
      { id: 1_000, at: 100, act: { ...made, what: 'create lone' } },
      { id: 1_001, at: 3_000, act: { do: 'request', host: 1, method: 'DELETE', target, what: 'delete lone' } },
    ];
    writeFileSync(file, JSON.stringify({ ...about, peers: 2, stormMs: 20_000, steps: few }));
    const command = await seenAgain(`--scenario ${file.replaceAll(' ', '~')} --without ${first?.id} --shrink`, sick);
    expect(command).toEqual(['--scenario', '.cache/scenarios/seed-2.json']);
    await seenAgain(`--mutant ${BUG} --scenario ${command[1]} --verbose`, healthy);
  });

  it('for a planted bug', { timeout: 1_200_000 }, async () => {
    const command = await seenAgain(`--mutant ${BUG} ${SEED} --verbose`, healthy);
    expect(command.slice(0, 2)).toEqual(['--mutant', BUG]);
    expect(command).toContain('--plot');
  });
});
