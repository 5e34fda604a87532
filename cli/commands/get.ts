import type { Command } from 'commander';
import { ApiError, CliError, EXIT_USAGE } from '../errors.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { formatObject, parseOutputFormat, type ObjectFormat, type OutputFormat, type Printable } from '../output/print.ts';
import { sorter, type Sort } from '../output/sorting.ts';
import { formatTable, type Table, type TableRow } from '../output/table.ts';
import { findTargets } from '../server-kinds.ts';
import { displayName, requireOneChoice, type Target } from '../targets.ts';
import { kindFor } from '../../protocol/kinds/registry.ts';

interface GetOptions {
  output?: string;
  selector?: string;
  fieldSelector?: string;
  allNamespaces?: boolean;
  watch?: boolean;
  watchOnly?: boolean;
  showLabels?: boolean;
  labelColumns?: string;
  sortBy?: string;
  headers: boolean;
  ignoreNotFound?: boolean;
}

export function addGet(program: Command, terminal: Terminal): void {
  program
    .command('get')
    .description('Show objects: a table, or the objects themselves with -o')
    .argument('<what...>', 'KIND, KIND NAME..., KIND/NAME...')
    .option('-o, --output <format>', 'wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns=HEADER:PATH,...')
    .option('-l, --selector <labels>', 'only objects with these labels, as in app=web,tier!=db')
    .option('--field-selector <fields>', 'only objects with these fields, as in spec.nodeName=host-1')
    .option('-A, --all-namespaces', 'of every namespace')
    .option('-w, --watch', 'then go on showing changes')
    .option('--watch-only', 'show changes only')
    .option('-L, --label-columns <labels>', 'add a column for each of these labels, as in app,tier')
    .option('--show-labels', 'add a column with all labels')
    .option('--sort-by <path>', 'sort by a field, as in .metadata.creationTimestamp')
    .option('--no-headers', 'leave the header out')
    .option('--ignore-not-found', 'a missing object is no error')
    .addHelpText('after', EXAMPLES)
    .action(async (what: string[], options: GetOptions, command: Command) => get(contextOf(command, terminal), what, options));
}

const EXAMPLES = `
Examples:
  kith get pods -o wide                          every pod of the namespace, with its address and node
  kith get deploy,rs,pods -l app=web             several kinds at once
  kith get pod web -o yaml                       one object, whole
  kith get pods -o jsonpath='{.items[*].metadata.name}'
  kith get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName
  kith get pods --sort-by=.status.startTime
  kith get pods -A -w                            all namespaces, then every change`;

async function get(context: CliContext, what: readonly string[], options: GetOptions): Promise<void> {
  const targets = await findTargets(context, what);
  const format = parseOutputFormat(options.output);
  requireOneChoice(targets, options);
  const sort = options.sortBy ? sorter(options.sortBy) : undefined;
  if (options.watch || options.watchOnly) return watchTarget(context, targets, format, options);
  if (format.type !== 'table') return printObjects(context, targets, format, { ...options, sort });
  const several = targets.length > 1;
  let shown = 0;
  for (const target of targets) {
    const table = await readTable(context, target, { ...options, sort });
    if (table === undefined || (table.rows ?? []).length === 0) continue;
    if (shown > 0) context.terminal.out('\n');
    shown += 1;
    const namePrefix = several ? displayName(target.kind, '') : undefined;
    context.terminal.out(tableText(target, table, { ...options, wide: format.wide, namePrefix }));
  }
  if (shown === 0) sayNothingFound(context, targets, options);
}

function sayNothingFound(context: CliContext, targets: readonly Target[], options: GetOptions): void {
  if (options.ignoreNotFound) return;
  const scoped = targets.some(({ kind }) => kind.namespaced) && !options.allNamespaces;
  context.terminal.err(scoped ? `No resources found in ${context.namespace} namespace.\n` : 'No resources found\n');
}

type TableText = Pick<GetOptions, 'allNamespaces' | 'showLabels' | 'labelColumns' | 'headers'> & {
  wide: boolean;
  namePrefix?: string;
  widths?: number[];
};

function tableText(target: Target, table: Table, options: TableText): string {
  return formatTable(table.columnDefinitions ?? [], table.rows ?? [], {
    wide: options.wide,
    namespaces: options.allNamespaces === true && target.kind.namespaced,
    labelColumns: options.labelColumns?.split(',').filter((label) => label !== ''),
    showLabels: options.showLabels === true,
    headers: options.headers,
    namePrefix: options.namePrefix,
    widths: options.widths,
  });
}

type Sorted = GetOptions & { sort: Sort | undefined };

async function readTable(context: CliContext, target: Target, options: Sorted): Promise<Table | undefined> {
  const { sort } = options;
  const namespace = options.allNamespaces ? undefined : context.namespace;
  if (target.names.length === 0) {
    const table = (await context.client.table(apiPath(target.kind, namespace), {
      ...selectors(options),
      includeObject: sort === undefined ? undefined : 'Object',
    })) as Table;
    return sort === undefined ? table : { ...table, rows: sort(table.rows ?? [], ({ object }) => object) };
  }
  const rows: TableRow[] = [];
  let definitions: Table['columnDefinitions'];
  for (const name of target.names) {
    const table = await orMissing(options, () => context.client.table(apiPath(target.kind, context.namespace, name)) as Promise<Table>);
    definitions ??= table?.columnDefinitions;
    rows.push(...(table?.rows ?? []));
  }
  return { kind: 'Table', columnDefinitions: definitions, rows };
}

async function orMissing<T>(options: GetOptions, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (options.ignoreNotFound && error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function selectors(options: GetOptions): Record<string, string | undefined> {
  return { labelSelector: options.selector, fieldSelector: options.fieldSelector };
}

async function printObjects(context: CliContext, targets: readonly Target[], format: ObjectFormat, options: Sorted): Promise<void> {
  const items: Printable[] = [];
  for (const target of targets) {
    const namespace = options.allNamespaces ? undefined : context.namespace;
    if (target.names.length === 0) {
      const list = await context.client.get<{ apiVersion: string; items: Printable[] }>(
        apiPath(target.kind, namespace),
        selectors(options),
      );
      for (const item of list.items)
        items.push({ ...item, apiVersion: item.apiVersion ?? list.apiVersion, kind: item.kind ?? target.kind.kind });
    }
    for (const name of target.names) {
      const item = await orMissing(options, () => context.client.get<Printable>(apiPath(target.kind, context.namespace, name)));
      if (item !== undefined) items.push(item);
    }
  }
  const single = targets.length === 1 && targets[0]?.names.length === 1;
  if (single && items.length === 0) return;
  const shown = single
    ? (items[0] as Printable)
    : { apiVersion: 'v1', kind: 'List', metadata: {}, items: options.sort?.(items, (item) => item) ?? items };
  if (format.type === 'columns' && items.length === 0) return sayNothingFound(context, targets, options);
  context.terminal.out(formatObject(format, shown, nameOf, { headers: options.headers }));
}

function nameOf(object: Printable): string {
  const kind = kindFor(object.apiVersion ?? '', object.kind ?? '')?.kind;
  return kind === undefined
    ? `${(object.kind ?? '').toLowerCase()}/${object.metadata?.name ?? ''}`
    : displayName(kind, object.metadata?.name ?? '');
}

async function watchTarget(context: CliContext, targets: readonly Target[], format: OutputFormat, options: GetOptions): Promise<void> {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0 || target.names.length > 1)
    throw new CliError('--watch takes one kind, or one object of it', EXIT_USAGE);
  if (options.sortBy) throw new CliError('--sort-by can not go with --watch: what changes comes in the order of its changes', EXIT_USAGE);
  const namespace = options.allNamespaces ? undefined : context.namespace;
  const [name] = target.names;
  const query = { ...selectors(options), ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }) };
  const path = apiPath(target.kind, name === undefined ? namespace : context.namespace);
  const asTable = format.type === 'table';
  // A name that is not there is an error at once, and not waited for.
  if (name !== undefined && !options.ignoreNotFound) await context.client.get(apiPath(target.kind, context.namespace, name));
  const listed = (await (asTable ? context.client.table(path, query) : context.client.get(path, query))) as Table;
  const shown = { ...options, widths: [] as number[], wide: format.type === 'table' && format.wide };
  let { headers } = options;
  let definitions = listed.columnDefinitions;
  // As one table, so that its columns line up, and those of what comes later with them.
  if (asTable && !options.watchOnly && (listed.rows ?? []).length > 0) {
    context.terminal.out(tableText(target, listed, { ...shown, headers }));
    headers = false;
  }
  // A watch without a version begins with everything that is there.
  const from = asTable || options.watchOnly ? listed.metadata?.resourceVersion : undefined;
  for await (const event of context.client.watch({
    path,
    query: { ...query, resourceVersion: from },
    signal: context.terminal.signal,
    table: asTable,
  })) {
    if (event.type === 'ERROR')
      throw new CliError(`the watch ended: ${(event.object as { message?: string }).message ?? 'unknown'}; run the command again`);
    if (event.type === 'BOOKMARK') continue;
    if (format.type === 'table') {
      const table = event.object as Table;
      if ((table.columnDefinitions ?? []).length > 0) definitions = table.columnDefinitions;
      context.terminal.out(tableText(target, { ...table, columnDefinitions: definitions }, { ...shown, headers }));
      headers = false;
    } else {
      context.terminal.out(formatObject(format, event.object as Printable, nameOf, { headers, widths: shown.widths }));
      headers = false;
    }
  }
  if (!context.terminal.signal.aborted) throw new CliError('the peer ended the watch, as when it stops: run the command again');
}
