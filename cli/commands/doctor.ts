import type { Command } from 'commander';
import type { DoctorAnswer } from '../../protocol/doctor.ts';
import { contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError } from '../errors.ts';
import { jsonOutput } from '../output/json-output.ts';

export function addDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .argument('[node]')
    .description('Look for what is wrong: on each node, between nodes, and between what a node believes and what its kernel does')
    .addOption(jsonOutput())
    .addHelpText(
      'after',
      '\nEach finding says where it is, what is wrong and what to do about it. Exit code 0: nothing is wrong; 1: something is, or the\npeer could not be asked.\n\nExamples:\n  kith doctor\n  kith doctor host-2\n  kith doctor -o json',
    )
    .action(async (node: string | undefined, options: { output?: string }, command: Command) =>
      doctor(contextOf(command, terminal), node, options),
    );
}

async function doctor({ client, terminal }: CliContext, node: string | undefined, options: { output?: string }): Promise<void> {
  const answer = await client.get<DoctorAnswer>('/kith.dev/v1/doctor', node === undefined ? {} : { node });
  terminal.out(options.output === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : doctorText(answer));
  const { length } = answer.findings;
  if (length > 0) throw new CliError(`${length} ${length === 1 ? 'thing is' : 'things are'} wrong`);
}

export function doctorText({ nodes, findings }: DoctorAnswer): string {
  const told = findings.map(({ node, check, what, fix }) => `${node}  ${check}\n  Wrong: ${what}\n  Fix:   ${fix}\n`);
  const looked = nodes.map(({ node, answered, checked, skipped }) => {
    if (!answered) return `${node}: not looked at\n`;
    const left = skipped.map(({ check, why }) => `  not looked at: ${check} (${why})\n`).join('');
    return `${node}: looked at ${checked.join(', ')}\n${left}`;
  });
  return [...told, looked.join(''), ...(findings.length === 0 ? ['Nothing is wrong.\n'] : [])].join('\n');
}
