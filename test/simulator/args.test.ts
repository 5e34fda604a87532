import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseArguments, USAGE } from './args.ts';
import { runCommand } from './command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kith-args-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const network = { delayMs: 1, jitterMs: 0, loss: 0, duplicate: 0 };
const SCENARIO = { seed: 7, plot: 'storm', peers: 2, cpu: '4', network, documents: 'light', stormMs: 100, steps: [] };

function file(content: unknown): string {
  const name = path.join(folder, 'scenario.json');
  writeFileSync(name, typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

function withStep(step: object): string {
  return file({ ...SCENARIO, steps: [step] });
}

describe('the words of the simulator', () => {
  it.each([
    ['--seeds 0', '--seeds wants a whole number from 1 to 1000000'],
    ['--seed 99999999999999999999 --seeds 1', '--seed wants a whole number from 0 to 4294967295'],
    ['--seed 9007199254740992 --seeds 1', '--seed wants a whole number from 0 to 4294967295'],
    ['--seed 4294967295 --seeds 2', 'seeds end at 4294967295'],
    ['--peers 3..5..7', '--peers wants something like 3..5'],
    ['--peers 5..3', '--peers wants something like 3..5'],
    ['--jobs 0', '--jobs wants'],
    ['--timeout 0', '--timeout wants'],
    ['--scale 0', '--scale wants a whole number from 2'],
    ['--scale 10 --pods 100 --lose 10', '--pods wants --scale with more hosts than --lose'],
    ['--scale 10 --json', '--json means nothing beside --scale'],
    ['--without 3', '--without is about one scenario'],
    ['--without 999 --seed 1 --seeds 1', '--without 999: there is no such step, but'],
    ['--likely', '--likely goes with --mutants or --mutant'],
    ['--plot nonsense', 'no plot is called nonsense: there are storm'],
    ['--seeds 1 --seeds 2', '--seeds is there twice'],
    ['--nonsense', 'unknown option --nonsense\nnpm run simulate -- --help shows all options'],
    ['--seeds', '--seeds wants a value'],
  ])('are refused where they mean nothing: %s', (words, message) => {
    expect(() => parseArguments(words.split(' '))).toThrow(message);
  });

  it('are all told by --help, which runs nothing', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(await runCommand(['--seeds', '5', '--help'], new URL('file:///nowhere'))).toBe(0);
      expect(write).toHaveBeenCalledExactlyOnceWith(`${USAGE}\n`);
    } finally {
      write.mockRestore();
    }
  });
});

describe('a file that is to be a scenario', () => {
  it('is taken, its seed and all', () => {
    expect(parseArguments(['--scenario', file(SCENARIO)])).toMatchObject({ scenario: SCENARIO, seed: 7, seeds: 1 });
    expect(parseArguments(['--scenario', file({ about: 'a day', scenario: SCENARIO })])).toMatchObject({ scenario: SCENARIO });
    expect(() => parseArguments(['--seed', '3', '--scenario', file(SCENARIO)])).toThrow('--seed means nothing beside --scenario');
  });

  const crash = { do: 'crash', host: 1, moment: 'now', downMs: 5, disk: 'none' };
  it.each([
    ['no JSON', () => file('{'), 'can not be read as a scenario'],
    ['nothing', () => file({}), 'the scenario has no "seed"'],
    ['a package', () => path.resolve('package.json'), 'is no scenario: the scenario has "name", which nothing reads'],
    ['no peers', () => file({ ...SCENARIO, peers: 0 }), '"peers" is 0, not a whole number from 1 to 1000'],
    ['a network', () => file({ ...SCENARIO, network: { ...network, loss: 2 } }), '"loss" is 2, not a number from 0 to 1'],
    ['an act', () => withStep({ id: 0, at: 1, act: { do: 'explode' } }), 'steps[0].act.do is "explode": there are way, block'],
    ['a member', () => withStep({ id: 0, at: 1, act: { ...crash, disk: 'wet' } }), 'steps[0].act: "disk" is "wet", not one of none'],
    ['no member', () => withStep({ id: 0, at: 1, act: { do: 'restart' } }), 'steps[0].act has no "host"'],
    ['no time', () => withStep({ id: 0, act: crash }), '"steps" is'],
    [
      'two of one name',
      () => file({ ...SCENARIO, steps: [1, 2].map((at) => ({ id: 0, at, act: crash })) }),
      'steps[1].id is 0, as another',
    ],
  ])('is refused with its place in it, and with what to do: %s', (_name, make, message) => {
    const name = make();
    expect(() => parseArguments(['--scenario', name])).toThrow(message);
    expect(() => parseArguments(['--scenario', name])).toThrow(/Give a file that --shrink kept/);
  });
});
