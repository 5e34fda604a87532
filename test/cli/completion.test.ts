import { describe, expect, it } from 'vitest';
import { completions, COMPLETION_SCRIPTS } from '../../cli/completion.ts';
import type { Terminal } from '../../cli/context.ts';
import { buildProgram } from '../../cli/program.ts';

const program = buildProgram({ out: () => undefined, err: () => undefined } as unknown as Terminal, '0');
const asked: string[] = [];
const complete = (line: string): Promise<string[]> =>
  completions(program, line.split(' '), async (plural, namespace) => {
    asked.push(`${plural} in ${namespace}`);
    return ['web-1', 'web-2', 'db'];
  });

describe('completion', () => {
  it('offers commands, options and kinds', async () => {
    expect(await complete('de')).toEqual(['delete', 'describe']);
    expect(await complete('user ')).toEqual(['add', 'remove']);
    expect(await complete('get deployments')).toEqual(['deployments']);
    expect(await complete('get pods --out')).toEqual(['--output']);
    expect(await complete('__')).toEqual([]);
  });

  it('asks for names, in the namespace of the line', async () => {
    expect(await complete('describe pod web')).toEqual(['web-1', 'web-2']);
    expect(await complete('-n shop logs d')).toEqual(['db']);
    expect(await complete('get pods -n w')).toEqual(['web-1', 'web-2']);
    expect(asked).toEqual(['pods in default', 'pods in shop', 'namespaces in ']);
  });

  it('offers nothing for the value of another option, or an unknown kind', async () => {
    expect(await complete('get pods -o w')).toEqual([]);
    expect(await complete('get nonsense w')).toEqual([]);
  });

  it.each(['bash', 'zsh', 'fish'] as const)('is asked for by %s', (shell) => {
    expect(COMPLETION_SCRIPTS[shell]).toContain('kith __complete --');
  });
});
