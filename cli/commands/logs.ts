import type { Command } from 'commander';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { findKind } from '../../protocol/kinds/registry.ts';
import { parseTime } from '../../protocol/values/time.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { defaultContainer, podsWith, selectorOf } from '../pods.ts';
import { parseOne, requireKind } from '../targets.ts';
import { seconds } from '../time-limit.ts';

interface LogOptions {
  container?: string;
  allContainers?: boolean;
  allPods?: boolean;
  follow?: boolean;
  previous?: boolean;
  tail?: string;
  since?: string;
  sinceTime?: string;
  limitBytes?: string;
  timestamps?: boolean;
  selector?: string;
  prefix?: boolean;
  ignoreErrors?: boolean;
  maxLogRequests: string;
}

/** Lines of each container where pods are chosen by labels: as kubectl. */
const SELECTED_TAIL = '10';

export function addLogs(program: Command, terminal: Terminal): void {
  program
    .command('logs')
    .description('Print what a container wrote, wherever in the cluster it runs')
    .argument('[pod...]', 'POD, or KIND/NAME of what owns it; a container may follow')
    .option('-c, --container <name>', 'of a pod with several')
    .option('--all-containers', 'of each container of the pod, init containers first')
    .option('--all-pods', 'of each pod of a deployment or the like, with --prefix')
    .option('-f, --follow', 'go on until the container ends')
    .option('-p, --previous', 'of the attempt before the present one')
    .option('--tail <lines>', `only the last lines; -1 is all (default: all, with -l ${SELECTED_TAIL})`)
    .option('--since <duration>', 'only what is younger, as in 10s, 5m, 24h')
    .option('--since-time <time>', 'only what is younger, as in 2026-01-31T12:00:00Z')
    .option('--limit-bytes <bytes>', 'no more of each container')
    .option('--timestamps', 'put the time before each line')
    .option('-l, --selector <labels>', 'of every pod with these labels')
    .option('--prefix', 'put pod and container before each line')
    .option('--ignore-errors', 'with -f: go on with the others when one can not be read')
    .option('--max-log-requests <count>', 'with -f: how many containers at the same time', '5')
    .addHelpText('after', EXAMPLES)
    .action(async (pod: string[], options: LogOptions, command: Command) => logs(contextOf(command, terminal), pod, options));
}

const EXAMPLES = `
Examples:
  kith logs web                              all that the pod's container wrote
  kith logs -f --tail=20 web                 the last 20 lines, then what comes
  kith logs web -c proxy                     of one container of several
  kith logs deploy/web                       of one pod of a deployment
  kith logs -l app=web --all-containers --prefix   of several pods`;

/** One container's log. */
interface Source {
  pod: Pod;
  container: string;
  prefix: string;
}

async function logs(context: CliContext, words: readonly string[], options: LogOptions): Promise<void> {
  const query = logQuery(options);
  const most = Number(wholeNumber(options.maxLogRequests, '--max-log-requests'));
  const { name, container } = whichPod(words, options);
  const pods = await findPods(context, name, options);
  if (pods.length === 0) return context.terminal.err(`No resources found in ${context.namespace} namespace.\n`);
  const sources = pods.flatMap((pod) => sourcesOf(context, pod, container ?? options.container, options));
  if (!options.follow) {
    for (const source of sources) await printLog(context, source, query, false);
    return;
  }
  if (sources.length > most)
    throw new CliError(
      `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${most}, use --max-log-requests to increase the limit`,
      EXIT_USAGE,
    );
  // Side by side: each line whole.
  await Promise.all(
    sources.map(async (source) =>
      printLog(context, source, query, sources.length > 1).catch((error: unknown) => {
        if (!options.ignoreErrors || !(error instanceof CliError)) throw error;
        context.terminal.err(`${error.message}\n`);
      }),
    ),
  );
}

/** `POD`, `KIND/NAME`, `KIND NAME`, or one of these and a container: a word that is no kind is a pod. */
function whichPod(words: readonly string[], options: LogOptions): { name: readonly string[] | undefined; container?: string } {
  if (options.selector) {
    if (words.length > 0) throw new CliError('only a selector (-l) or a POD name is allowed', EXIT_USAGE);
    return { name: undefined };
  }
  const [first, second, ...more] = words;
  if (first === undefined) throw new CliError('say which pod: kith logs POD, or -l LABELS', EXIT_USAGE);
  if (second === undefined || (more.length === 0 && !first.includes('/') && findKind(first) !== undefined)) return { name: words };
  if (more.length > 0 || options.container !== undefined)
    throw new CliError('one pod at a time, please: kith logs POD, or -l LABELS for several', EXIT_USAGE);
  return { name: [first], container: second };
}

async function findPods(context: CliContext, words: readonly string[] | undefined, options: LogOptions): Promise<Pod[]> {
  if (words === undefined) return podsWith(context, options.selector ?? '');
  const target = parseOne(words, 'pods');
  const object = await context.client.get<KubeObject>(apiPath(target.kind, context.namespace, target.name));
  if (target.kind === requireKind('pods')) return [object as Pod];
  const found = await podsWith(context, selectorOf(object));
  const first = found[0];
  if (first === undefined) throw new CliError(`${target.kind.singular} ${target.name} has no pods`);
  if (options.allPods) return found;
  if (found.length > 1) context.terminal.err(`Found ${found.length} pods, using pod/${first.metadata.name}\n`);
  return [first];
}

function sourcesOf(context: CliContext, pod: Pod, asked: string | undefined, options: LogOptions): Source[] {
  const { containers, initContainers = [] } = pod.spec;
  const names = containers.map(({ name }) => name);
  const inits = initContainers.map(({ name }) => name);
  const source = (container: string): Source => {
    const isMarked = options.prefix === true || options.allPods === true;
    return { pod, container, prefix: isMarked ? `[pod/${pod.metadata.name}/${container}] ` : '' };
  };
  if (options.allContainers) return [...inits, ...names].map(source);
  if (asked !== undefined) return [source(asked)];
  return [source(defaultContainer(context, pod))];
}

type LogQuery = ReturnType<typeof logQuery>;

/** Checked before anything is asked of the server. */
function logQuery(options: LogOptions) {
  const { since, sinceTime } = options;
  if (since !== undefined && sinceTime !== undefined)
    throw new CliError('at most one of --since and --since-time may be given', EXIT_USAGE);
  if (sinceTime !== undefined && parseTime(sinceTime) === undefined)
    throw new CliError(`--since-time=${sinceTime}: expected a time such as 2026-01-31T12:00:00Z`, EXIT_USAGE);
  return {
    follow: options.follow ? 'true' : undefined,
    previous: options.previous ? 'true' : undefined,
    timestamps: options.timestamps ? 'true' : undefined,
    tailLines: wholeNumber(options.tail ?? (options.selector ? SELECTED_TAIL : undefined), '--tail'),
    sinceSeconds: since === undefined ? undefined : String(Math.max(1, seconds('--since', since))),
    sinceTime,
    limitBytes: wholeNumber(options.limitBytes, '--limit-bytes'),
  };
}

/** `whole`: no piece of a line, as others print, too. */
async function printLog(context: CliContext, { pod, container, prefix }: Source, query: LogQuery, whole: boolean): Promise<void> {
  const { terminal, client } = context;
  const path = apiPath(requireKind('pods'), pod.metadata.namespace, pod.metadata.name, 'log');
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of client.stream({ path, query: { ...query, container }, signal: terminal.signal, accept: '*/*' })) {
    const text = decoder.decode(chunk, { stream: true });
    if (prefix === '' && !whole) terminal.out(text);
    else {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) terminal.out(lines.map((line) => `${prefix}${line}\n`).join(''));
    }
  }
  if (rest !== '') terminal.out(`${prefix}${rest}\n`);
}

function wholeNumber(text: string | undefined, option: string): string | undefined {
  if (text === undefined || text === '-1') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new CliError(`${option}=${text}: expected a whole number`, EXIT_USAGE);
  return text;
}
