import type { Command } from 'commander';
import type { KubeObject } from '../../protocol/objects.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { selectorOf } from '../pods.ts';
import { parseOne, requireKind } from '../targets.ts';

interface LogOptions {
  container?: string;
  follow?: boolean;
  previous?: boolean;
  tail?: string;
  since?: string;
  timestamps?: boolean;
  selector?: string;
  prefix?: boolean;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function addLogs(program: Command, terminal: Terminal): void {
  program
    .command('logs')
    .description('Print what a container wrote, wherever in the cluster it runs')
    .argument('[pod...]', 'POD, or KIND/NAME of what owns it')
    .option('-c, --container <name>', 'of a pod with several')
    .option('-f, --follow', 'go on until the container ends')
    .option('-p, --previous', 'of the attempt before the present one')
    .option('--tail <lines>', 'only the last lines')
    .option('--since <duration>', 'only what is younger, as in 10s, 5m, 24h')
    .option('--timestamps', 'put the time before each line')
    .option('-l, --selector <labels>', 'of every pod with these labels')
    .option('--prefix', 'put pod and container before each line')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string[], options: LogOptions, command: Command) => logs(contextOf(command, terminal), pod, options));
}

const EXAMPLES = `
Examples:
  kith logs web                    all that the pod's container wrote
  kith logs -f --tail=20 web       the last 20 lines, then what comes
  kith logs deploy/web             of one pod of a deployment
  kith logs -l app=web --prefix    of several pods`;

async function logs(context: CliContext, words: readonly string[], options: LogOptions): Promise<void> {
  const query = logQuery(options);
  const pods = await findPods(context, words, options);
  const several = pods.length > 1;
  // Several pods one after the other, unless they are followed: then side by side.
  if (!options.follow) for (const pod of pods) await printLog(context, pod, query, several && options.prefix === true);
  else await Promise.all(pods.map(async (pod) => printLog(context, pod, query, options.prefix === true)));
}

async function findPods(context: CliContext, words: readonly string[], options: LogOptions): Promise<KubeObject[]> {
  const pods = requireKind('pods');
  if (options.selector !== undefined) return listPods(context, options.selector);
  if (words.length === 0) throw new CliError('say which pod: kith logs POD, or -l LABELS', EXIT_USAGE);
  const target = parseOne(words, 'pods');
  const object = await context.client.get<KubeObject>(apiPath(target.kind, context.namespace, target.name));
  if (target.kind.kind === pods.kind) return [object];
  const found = await listPods(context, selectorOf(object));
  const first = found[0];
  if (first === undefined) throw new CliError(`${target.kind.singular} ${target.name} has no pods`);
  if (found.length > 1) context.terminal.err(`Found ${found.length} pods, using pod/${first.metadata.name}\n`);
  return [first];
}

async function listPods(context: CliContext, labelSelector: string): Promise<KubeObject[]> {
  const list = await context.client.get<{ items: KubeObject[] }>(apiPath(requireKind('pods'), context.namespace), { labelSelector });
  return list.items;
}

type LogQuery = ReturnType<typeof logQuery>;

/** Checked before anything is asked of the server. */
function logQuery(options: LogOptions) {
  return {
    container: options.container,
    follow: options.follow ? 'true' : undefined,
    previous: options.previous ? 'true' : undefined,
    timestamps: options.timestamps ? 'true' : undefined,
    tailLines: wholeNumber(options.tail, '--tail'),
    sinceSeconds: options.since === undefined ? undefined : String(durationSeconds(options.since)),
  };
}

async function printLog(context: CliContext, pod: KubeObject, query: LogQuery, prefix: boolean): Promise<void> {
  const path = apiPath(requireKind('pods'), pod.metadata.namespace, pod.metadata.name, 'log');
  const decoder = new TextDecoder();
  const label = `[pod/${pod.metadata.name}${query.container === undefined ? '' : `/${query.container}`}] `;
  let rest = '';
  for await (const chunk of context.client.stream({ path, query, signal: context.terminal.signal, accept: '*/*' })) {
    const text = decoder.decode(chunk, { stream: true });
    if (!prefix) context.terminal.out(text);
    else {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) context.terminal.out(`${label}${line}\n`);
    }
  }
  if (rest !== '') context.terminal.out(`${label}${rest}\n`);
}

function wholeNumber(text: string | undefined, option: string): string | undefined {
  if (text === undefined || text === '-1') return undefined;
  if (!/^\d+$/.test(text)) throw new CliError(`${option}=${text}: expected a whole number`, EXIT_USAGE);
  return text;
}

/** `90`, `90s`, `1h30m`. @returns seconds. */
export function durationSeconds(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+[smhd])+$/.test(text)) throw new CliError(`${text}: expected a duration such as 10s, 5m, 1h30m`, EXIT_USAGE);
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) seconds += Number(count) * (UNIT_SECONDS[unit ?? 's'] ?? 1);
  return seconds;
}
