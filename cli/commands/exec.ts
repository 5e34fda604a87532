import type { Command } from 'commander';
import type { Pod } from '../../protocol/types.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE, RemoteExit } from '../errors.ts';
import { defaultContainer, podOf } from '../pods.ts';
import { COMMAND_PROTOCOLS, runRemote } from '../remote-command.ts';
import { openChannels } from '../streaming.ts';
import { requireKind } from '../targets.ts';

export interface StreamOptions {
  container?: string;
  stdin?: boolean;
  tty?: boolean;
  /** With each piece of what the program says. */
  onOutput?: () => void;
}

export function addExec(program: Command, terminal: Terminal): void {
  program
    .command('exec')
    .description('Run a command in a container, wherever in the cluster it runs')
    .argument('<pod>', 'POD, or KIND/NAME of what has pods')
    .argument('[command...]', 'the command, after --')
    .option('-c, --container <name>', 'of a pod with several')
    .option('-i, --stdin', 'pass standard input on')
    .option('-t, --tty', 'with a terminal')
    .addHelpText('after', '\nExamples:\n  kith exec web -- ls /tmp\n  kith exec -it deploy/web -- sh\n  kith exec -i db -- psql < dump.sql')
    .action(async (word: string, words: string[], options: StreamOptions, command: Command) => {
      // Commander keeps them; its types do not tell. Without -- options of the command would be taken for ours: `sh -c '...'` for a container's name.
      const { rawArgs } = program as unknown as { rawArgs: readonly string[] };
      if (words.length === 0 || !rawArgs.includes('--'))
        throw new CliError('say what to run after --: kith exec POD -- COMMAND [ARGUMENT...]', EXIT_USAGE);
      const context = contextOf(command, terminal);
      await openStreams(context, await podOf(context, word), 'exec', options, words);
    });
}

export function addAttach(program: Command, terminal: Terminal): void {
  program
    .command('attach')
    .description("Connect to the streams of a container's own program, from now on")
    .argument('<pod>', 'POD, or KIND/NAME of what has pods')
    .option('-c, --container <name>', 'of a pod with several')
    .option('-i, --stdin', 'pass standard input on')
    .option('-t, --tty', 'with a terminal; the container must have one')
    .addHelpText('after', '\nExamples:\n  kith attach web\n  kith attach -it shell')
    .action(async (word: string, options: StreamOptions, command: Command) => {
      const context = contextOf(command, terminal);
      await openStreams(context, await podOf(context, word), 'attach', options);
    });
}

/** @throws RemoteExit when the program ends otherwise than with 0 */
export async function openStreams(
  context: CliContext,
  pod: Pod,
  verb: 'attach' | 'exec',
  options: StreamOptions,
  command: readonly string[] = [],
): Promise<void> {
  const { terminal, client } = context;
  const { keyboard } = terminal;
  // Without a terminal here there is none to pass on: the program still gets its input.
  const tty = options.tty === true && keyboard.isTerminal;
  if (options.tty === true && !tty) terminal.err('Unable to use a TTY - input is not a terminal or the right kind of file\n');
  const query = new URLSearchParams(command.map((word) => ['command', word]));
  query.set('container', options.container ?? defaultContainer(context, pod));
  query.set('stdin', String(options.stdin === true));
  query.set('stdout', 'true');
  query.set('stderr', String(!tty));
  query.set('tty', String(tty));
  const path = apiPath(requireKind('pods'), pod.metadata.namespace, pod.metadata.name, verb);
  const channels = await openChannels(client, path, query, COMMAND_PROTOCOLS, terminal.signal);
  if (tty) keyboard.setRaw(true);
  try {
    const code = await runRemote(channels, {
      ...(options.stdin === true ? { input: keyboard.bytes() } : {}),
      stdout: async (bytes) => {
        options.onOutput?.();
        await terminal.outBytes(bytes);
      },
      stderr: async (bytes) => {
        options.onOutput?.();
        await terminal.errBytes(bytes);
      },
      ...(tty ? { keyboard } : {}),
    });
    if (code !== 0) throw new RemoteExit(code);
  } finally {
    if (tty) keyboard.setRaw(false);
    if (options.stdin === true) keyboard.close();
  }
}
