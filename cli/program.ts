import { Command, CommanderError } from 'commander';
import { addApply, addCreate } from './commands/apply.ts';
import { addCordon, addLabel, addScale } from './commands/change.ts';
import { addConfirmDead, addConflicts, addKubeconfig, addManifests, addPeers, addToken, addVersion } from './commands/cluster.ts';
import { addCompletion } from './commands/completion.ts';
import { addDelete } from './commands/delete.ts';
import { addDescribe } from './commands/describe.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDrain } from './commands/drain.ts';
import { addCp } from './commands/cp.ts';
import { addAttach, addExec } from './commands/exec.ts';
import { addGet } from './commands/get.ts';
import { addNet } from './commands/net.ts';
import { addLogs } from './commands/logs.ts';
import { addPortForward } from './commands/port-forward.ts';
import { addRollout } from './commands/rollout.ts';
import { addRun } from './commands/run.ts';
import { addUser } from './commands/user.ts';
import type { Terminal } from './context.ts';
import { CliError, EXIT_FAILED, EXIT_USAGE, RemoteExit } from './errors.ts';
import { inOurWords } from './habits.ts';
import { explainUnknown } from './kubectl.ts';

/**
 * The command `kith`: talks to one peer through its API. @returns the exit code.
 */
export async function runKith(words: readonly string[], terminal: Terminal, version: string): Promise<number> {
  const program = buildProgram(terminal, version);
  try {
    await program.parseAsync(inOurWords(program, words), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (terminal.signal.aborted) return EXIT_FAILED;
    if (error instanceof CliError) {
      const isWhole = error instanceof RemoteExit || error.message.startsWith('Error') || error.message.startsWith('error');
      terminal.err(isWhole ? `${error.message}\n` : `error: ${error.message}\n`);
      return error.exitCode;
    }
    // Of a file that can not be written, for one. Anything else is a bug.
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    terminal.err(`error: ${error.message}\n`);
    return EXIT_FAILED;
  }
}

export function buildProgram(terminal: Terminal, version: string): Command {
  const program = new Command('kith')
    .description('Kith: a Kubernetes with no masters. Talks to any peer.')
    .version(version, '-V, --version', 'print the version of this command')
    .option('-n, --namespace <namespace>', "namespace (default: the context's, or default)")
    .option('--socket <path>', 'unix socket of the daemon (also KITH_SOCKET)')
    .option('--server <url>', 'https://HOST:6443 of a peer')
    .option('--certificate-authority <file>', "the cluster's CA, for --server")
    .option('--token <token>', 'bearer token, for --server')
    .option('--insecure-skip-tls-verify', "do not check the server's certificate")
    .option('--kubeconfig <file>', 'kubeconfig that names a peer (also KUBECONFIG)')
    .option('--context <name>', 'context of the kubeconfig')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong command line, 3 no daemon found.\n\nExamples:\n  kith apply -f web.yaml\n  kith get pods -o wide\n  kith peers',
    )
    .showHelpAfterError('(--help tells more)')
    .enablePositionalOptions(false)
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(explainUnknown(text)),
    });
  for (const add of [
    addApply,
    addCreate,
    addGet,
    addDescribe,
    addDelete,
    addLogs,
    addExec,
    addCp,
    addAttach,
    addPortForward,
    addRun,
    addRollout,
    addScale,
    addLabel,
    addCordon,
    addDrain,
    addPeers,
    addNet,
    addDoctor,
    addConfirmDead,
    addConflicts,
    addManifests,
    addToken,
    addKubeconfig,
    addUser,
    addCompletion,
  ]) {
    add(program, terminal);
  }
  addVersion(program, terminal, version);
  program.exitOverride();
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  return program;
}
