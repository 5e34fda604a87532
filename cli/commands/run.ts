import { Option, type Command } from 'commander';
import type { DraftObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE, RemoteExit } from '../errors.ts';
import { followObject } from '../following.ts';
import { requireKind } from '../targets.ts';
import { openStreams } from './exec.ts';

interface RunOptions {
  image: string;
  port?: string;
  env?: string[];
  labels?: string;
  restart: string;
  command?: boolean;
  stdin?: boolean;
  tty?: boolean;
  rm?: boolean;
  generator?: string;
}

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];

export function addRun(program: Command, terminal: Terminal): void {
  program
    .command('run')
    .description('Run an image in a pod')
    .argument('<name>', 'of the pod')
    .argument('[arguments...]', "the container's arguments, after --")
    .requiredOption('--image <image>', 'what to run')
    .option('--port <port>', 'that the container listens at')
    .option('--env <pairs...>', 'NAME=VALUE')
    .option('-l, --labels <pairs>', 'KEY=VALUE, separated by commas (default: run=NAME)')
    .option('--restart <policy>', 'Always, OnFailure or Never', 'Always')
    .option('--command', 'what comes after -- is the command, not its arguments')
    .option('-i, --stdin', 'pass standard input on')
    .option('-t, --tty', 'with a terminal')
    // Of the kubectl of 2017, and of many a tutorial.
    .addOption(new Option('--generator <name>').hideHelp())
    .option('--rm', 'delete the pod when it ends; with -i')
    .addHelpText(
      'after',
      '\nExamples:\n  kith run web --image=nginx --port=80\n  kith run -it --rm --restart=Never look --image=busybox -- sh',
    )
    .action(async (name: string, words: string[], options: RunOptions, command: Command) =>
      run(contextOf(command, terminal), name, words, options),
    );
}

async function run(context: CliContext, name: string, words: readonly string[], options: RunOptions): Promise<void> {
  if (options.rm === true && options.stdin !== true) throw new CliError('--rm goes with -i: what ends later is not waited for', EXIT_USAGE);
  if (options.generator !== undefined) context.terminal.err('Flag --generator has been deprecated, has no effect: kith run makes a pod\n');
  const path = apiPath(requireKind('pods'), context.namespace);
  const { body } = await context.client.call({ method: 'POST', path, body: podOf(name, words, options) });
  if (options.stdin !== true) return context.terminal.out(`pod/${name} created\n`);
  try {
    const pod = await started(context, body as Pod);
    if (pod.status?.phase === 'Running') await attach(context, pod, options);
    else await printLog(context, name);
    // Of another policy it may run again.
    if (options.restart === 'Never') await requireSuccess(context, pod);
  } finally {
    if (options.rm === true) {
      const query = { gracePeriodSeconds: '1' };
      await context.client.call({ method: 'DELETE', path: `${path}/${name}`, query, evenIfStopped: true });
      context.terminal.out(`pod "${name}" deleted\n`);
    }
  }
}

function podOf(name: string, words: readonly string[], options: RunOptions): DraftObject {
  if (!RESTART_POLICIES.includes(options.restart))
    throw new CliError(`--restart=${options.restart}: expected ${RESTART_POLICIES.join(', ')}`, EXIT_USAGE);
  const port = Number(options.port);
  if (options.port !== undefined && !(/^\d+$/.test(options.port) && port >= 1 && port <= 65_535))
    throw new CliError(`--port=${options.port}: expected a number from 1 to 65535`, EXIT_USAGE);
  const container = {
    name,
    image: options.image,
    ...(words.length === 0 ? {} : options.command === true ? { command: [...words] } : { args: [...words] }),
    ...(options.port === undefined ? {} : { ports: [{ containerPort: port }] }),
    ...(options.env === undefined
      ? {}
      : { env: options.env.map((text) => ({ name: pair(text, '--env')[0], value: pair(text, '--env')[1] })) }),
    ...(options.stdin === true ? { stdin: true, stdinOnce: true } : {}),
    ...(options.tty === true ? { tty: true } : {}),
  };
  const labels =
    options.labels === undefined ? { run: name } : Object.fromEntries(options.labels.split(',').map((text) => pair(text, '--labels')));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { containers: [container], restartPolicy: options.restart },
  };
}

function pair(text: string, option: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new CliError(`${option} ${text}: expected NAME=VALUE`, EXIT_USAGE);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** @throws RemoteExit when the program ends otherwise than with 0 */
async function requireSuccess(context: CliContext, { metadata: { name, uid } }: Pod): Promise<void> {
  const which = { kind: requireKind('pods'), namespace: context.namespace, name };
  for await (const object of followObject(context.client, which, context.terminal.signal)) {
    if (object?.metadata.uid !== uid) return;
    const ended = (object as Pod).status?.containerStatuses?.[0]?.state?.terminated;
    if (ended === undefined) continue;
    if (ended.exitCode !== 0) throw new RemoteExit(ended.exitCode);
    return;
  }
}

/** The pod as soon as its container runs, or has ended. */
async function started(context: CliContext, pod: Pod): Promise<Pod> {
  const which = { kind: requireKind('pods'), namespace: context.namespace, name: pod.metadata.name };
  for await (const object of followObject(context.client, which, context.terminal.signal)) {
    if (object?.metadata.uid !== pod.metadata.uid) break;
    const seen = object as Pod;
    const [status] = seen.status?.containerStatuses ?? [];
    const why = status?.state?.waiting;
    if (why?.reason !== undefined && /^(ErrImage|ImagePull|InvalidImage|CreateContainer)/.test(why.reason))
      throw new CliError(`pod ${pod.metadata.name} can not start: ${why.reason}: ${why.message ?? ''}`);
    if (status?.state?.running !== undefined || ['Succeeded', 'Failed'].includes(seen.status?.phase ?? '')) return seen;
  }
  throw new CliError(`pod ${pod.metadata.name} is gone before it ran`);
}

/** What it said before we were connected is in its log: where that was all, it is shown from there. */
async function attach(context: CliContext, pod: Pod, options: RunOptions): Promise<void> {
  const { name } = pod.metadata;
  let isHeard = false;
  const onOutput = (): void => void (isHeard = true);
  const failed = showingLog(context, name);
  try {
    await openStreams(context, pod, 'attach', { ...options, onOutput });
  } catch (error) {
    return failed(error);
  }
  if (!isHeard && !context.terminal.signal.aborted) await printLog(context, name, false);
}

/** What ends before it could be attached to has said something all the same. */
function showingLog(context: CliContext, name: string): (error: unknown) => Promise<void> {
  return async (error) => {
    if (!(error instanceof CliError) || context.terminal.signal.aborted) throw error;
    context.terminal.err(`warning: couldn't attach to pod/${name}, showing its log: ${error.message}\n`);
    await printLog(context, name);
  };
}

async function printLog(context: CliContext, name: string, follow = true): Promise<void> {
  const path = apiPath(requireKind('pods'), context.namespace, name, 'log');
  for await (const bytes of context.client.stream({
    path,
    query: { follow: String(follow) },
    signal: context.terminal.signal,
    accept: '*/*',
  }))
    await context.terminal.outBytes(bytes);
}
