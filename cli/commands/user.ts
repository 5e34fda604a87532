import type { Command } from 'commander';
import type { CredentialSpec } from '../../protocol/types.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { requireKind } from '../targets.ts';

/** What can stand in a certificate, and be told apart in what is printed of it. @throws CliError */
export function requireUserName(name: string): void {
  if (!/^[^,/\r\n]{1,64}$/.test(name))
    throw new CliError(`"${name}" is no name of a user: 1 to 64 characters without commas, slashes and line ends`, EXIT_USAGE);
}

export function addUser(program: Command, terminal: Terminal): void {
  const user = program
    .command('user')
    .description('Give people credentials of their own, or take them back')
    .addHelpText(
      'after',
      '\nWhat a user may do is said by roles that are bound to the name or to a group of it, as in Kubernetes.\n\nExamples:\n  kith user add ann --group dev > ann.kubeconfig\n  kubectl create rolebinding ann --clusterrole=edit --user=ann\n  kith user remove ann',
    );
  user
    .command('add')
    .description('Print a kubeconfig with a new certificate for a user')
    .argument('<name>', 'the user')
    .option(
      '--group <group>',
      'a group that the user is in; may be given several times',
      (group: string, all: string[]) => [...all, group],
      [],
    )
    .option('--with-token', 'with a bearer token that is good for a day instead of a certificate')
    .action(async (name: string, options: { group: string[]; withToken?: boolean }, command: Command) => {
      for (const each of [name, ...options.group]) requireUserName(each);
      const context = contextOf(command, terminal);
      const body = { name, groups: options.group, credential: options.withToken ? 'token' : 'certificate' };
      const request = { method: 'POST', path: '/kith.dev/v1/users', body, signal: terminal.signal, accept: '*/*' } as const;
      for await (const chunk of context.client.stream(request)) terminal.out(chunk.toString('utf8'));
    });
  user
    .command('remove')
    .description('Take back every certificate and token of a user')
    .argument('<name>', 'the user')
    .action(async (name: string, _options: object, command: Command) => removeUser(contextOf(command, terminal), name));
  for (const command of user.commands) command.copyInheritedSettings(program).exitOverride();
}

async function removeUser(context: CliContext, name: string): Promise<void> {
  const kind = requireKind('credentials');
  const { items } = await context.client.get<{ items: (KubeObject & { spec: CredentialSpec })[] }>(apiPath(kind, undefined));
  const own = items.filter(({ spec }) => spec.user === name);
  if (own.length === 0)
    throw new CliError(`no certificate or token was given out for ${JSON.stringify(name)}: "kith get credentials" lists them`);
  for (const { metadata } of own) await context.client.call({ method: 'DELETE', path: apiPath(kind, undefined, metadata.name) });
  context.terminal.out(`user ${name}: ${own.length} taken back\n`);
}
