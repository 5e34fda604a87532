import type { Command } from 'commander';
import type { KubeObject } from '../../protocol/objects.ts';
import { completions, COMPLETION_SCRIPTS } from '../completion.ts';
import { apiPath, CliContext, type GlobalOptions, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { requireKind } from '../targets.ts';
import { timeLimit } from '../time-limit.ts';

/** Names are asked for while somebody waits with a finger on the key. */
const ASK_MS = 1_500;
const MAX_NAMES = 500;

export function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('Print what makes a shell complete the words of this command')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', '\nExamples:\n  kith completion fish | source\n  source <(kith completion bash)\n  source <(kith completion zsh)')
    .action((shell: string) => {
      if (!isShell(shell)) throw new CliError(`${shell}: expected bash, zsh or fish`, EXIT_USAGE);
      terminal.out(COMPLETION_SCRIPTS[shell]);
    });
  program
    .command('__complete', { hidden: true })
    .argument('[words...]', 'the words so far')
    .action(async (words: string[], _options: object, command: Command) => {
      const found = await completions(program, words, async (plural, namespace) =>
        names(terminal, command.optsWithGlobals(), plural, namespace),
      );
      terminal.out(found.map((word) => `${word}\n`).join(''));
    });
}

function isShell(shell: string): shell is keyof typeof COMPLETION_SCRIPTS {
  return Object.hasOwn(COMPLETION_SCRIPTS, shell);
}

/** Without a daemon there are no names to offer, and nothing to say of it in the middle of a line. */
async function names(terminal: Terminal, options: GlobalOptions, plural: string, namespace: string): Promise<readonly string[]> {
  try {
    const kind = requireKind(plural);
    const signal = AbortSignal.any([terminal.signal, timeLimit(ASK_MS)]);
    const { client } = new CliContext(terminal, options);
    const answer = await client.call({ path: apiPath(kind, kind.namespaced ? namespace : undefined), signal });
    return (answer.body as { items: KubeObject[] }).items.slice(0, MAX_NAMES).map(({ metadata }) => metadata.name);
  } catch {
    return [];
  }
}
