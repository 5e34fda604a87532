import type { Command } from 'commander';
import type { KubeObject } from '../../protocol/objects.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { findTargets } from '../server-kinds.ts';
import { displayName, nodeNames, parseOne, requireKind, requireOneChoice, type Target } from '../targets.ts';

const MERGE_PATCH = 'application/merge-patch+json';

export function addScale(program: Command, terminal: Terminal): void {
  program
    .command('scale')
    .description('Set how many pods a deployment, replica set or replication controller has')
    .argument('<what...>', 'KIND/NAME or KIND NAME')
    .requiredOption('--replicas <count>', 'how many there should be')
    .option('--current-replicas <count>', 'only if there should be so many now')
    .addHelpText('after', '\nExamples:\n  kith scale deployment/web --replicas=3\n  kith scale rc web --current-replicas=2 --replicas=4')
    .action(async (what: string[], options: { replicas: string; currentReplicas?: string }, command: Command) =>
      scale(contextOf(command, terminal), what, options),
    );
}

async function scale(context: CliContext, what: readonly string[], options: { replicas: string; currentReplicas?: string }): Promise<void> {
  const { kind, name } = parseOne(what);
  if (!/^\d+$/.test(options.replicas)) throw new CliError(`--replicas=${options.replicas}: expected a whole number, 0 or more`, EXIT_USAGE);
  const held = options.currentReplicas;
  if (held !== undefined && !/^\d+$/.test(held))
    throw new CliError(`--current-replicas=${held}: expected a whole number, 0 or more`, EXIT_USAGE);
  if (!kind.subresources.includes('scale'))
    throw new CliError(`${kind.plural} can't be scaled: use a deployment, a replica set or a replication controller`, EXIT_USAGE);
  const path = apiPath(kind, context.namespace, name, 'scale');
  const current = await context.client.get<KubeObject & { spec: { replicas?: number } }>(path);
  const replicas = Number(options.replicas);
  if (options.currentReplicas === undefined) {
    await context.client.call({ method: 'PATCH', path, contentType: MERGE_PATCH, body: { spec: { replicas } } });
  } else {
    const held = current.spec.replicas ?? 0;
    if (held !== Number(options.currentReplicas)) throw new CliError(`Expected replicas to be ${options.currentReplicas}, was ${held}`);
    await context.client.call({ method: 'PUT', path, body: { ...current, spec: { replicas } } });
  }
  context.terminal.out(`${displayName(kind, name)} scaled\n`);
}

interface LabelOptions {
  overwrite?: boolean;
  selector?: string;
  all?: boolean;
}

export function addLabel(program: Command, terminal: Terminal): void {
  for (const field of ['labels', 'annotations'] as const) {
    const verb = field === 'labels' ? 'label' : 'annotate';
    program
      .command(verb)
      .description(`Set ${field} of objects, or remove them (KEY-)`)
      .argument('<what...>', 'KIND NAME... or KIND/NAME, then KEY=VALUE or KEY-')
      .option('--overwrite', `change ${field} that are set already`)
      .option('-l, --selector <labels>', 'every object of the kind with these labels')
      .option('--all', 'every object of the kind in the namespace')
      .addHelpText(
        'after',
        `\nExamples:\n  kith ${verb} pod web tier=front\n  kith ${verb} node host-1 disk-\n  kith ${verb} --overwrite pods -l app=web tier=back`,
      )
      .action(async (words: string[], options: LabelOptions, command: Command) =>
        mark(contextOf(command, terminal), field, words, options),
      );
  }
}

async function mark(context: CliContext, field: 'labels' | 'annotations', words: readonly string[], options: LabelOptions): Promise<void> {
  const isChange = (word: string): boolean => word.includes('=') || word.endsWith('-');
  const changes = words.filter((word, index) => index > 0 && isChange(word));
  if (changes.length === 0) throw new CliError(`say what to set: KEY=VALUE, or KEY- to remove`, EXIT_USAGE);
  const wanted = wantedOf(changes);
  const targets = await findTargets(
    context,
    words.filter((word) => !changes.includes(word)),
  );
  for (const { kind, name, object } of await findObjects(context, targets, options)) {
    const held = object.metadata[field] ?? {};
    const clash = Object.entries(wanted).find(([key, value]) => value !== null && key in held && held[key] !== value);
    if (clash !== undefined && !options.overwrite) {
      throw new CliError(`'${clash[0]}' already has a value (${held[clash[0]] ?? ''}), and --overwrite is false`);
    }
    const body = { metadata: { [field]: wanted } };
    await context.client.call({ method: 'PATCH', path: apiPath(kind, object.metadata.namespace, name), contentType: MERGE_PATCH, body });
    context.terminal.out(`${displayName(kind, name)} ${field === 'labels' ? 'labeled' : 'annotated'}\n`);
  }
}

/** Null removes. */
function wantedOf(changes: readonly string[]): Record<string, string | null> {
  const wanted: Record<string, string | null> = {};
  for (const change of changes) {
    const equals = change.indexOf('=');
    const key = equals < 0 ? change.slice(0, -1) : change.slice(0, equals);
    if (key === '') throw new CliError(`${change}: expected KEY=VALUE, or KEY- to remove`, EXIT_USAGE);
    wanted[key] = equals < 0 ? null : change.slice(equals + 1);
  }
  return wanted;
}

async function findObjects(
  context: CliContext,
  targets: readonly Target[],
  options: LabelOptions,
): Promise<{ kind: Target['kind']; name: string; object: KubeObject }[]> {
  const found: { kind: Target['kind']; name: string; object: KubeObject }[] = [];
  requireOneChoice(targets, options);
  for (const { kind, names } of targets) {
    for (const name of names)
      found.push({ kind, name, object: await context.client.get<KubeObject>(apiPath(kind, context.namespace, name)) });
    if (names.length > 0) continue;
    if (!options.selector && !options.all) throw new CliError(`say which ${kind.plural}: a name, -l LABELS or --all`, EXIT_USAGE);
    const list = await context.client.get<{ items: KubeObject[] }>(apiPath(kind, context.namespace), { labelSelector: options.selector });
    for (const object of list.items) found.push({ kind, name: object.metadata.name, object });
  }
  return found;
}

export function addCordon(program: Command, terminal: Terminal): void {
  for (const verb of ['cordon', 'uncordon'] as const) {
    program
      .command(verb)
      .description(verb === 'cordon' ? 'Let no new pods onto a node; those there stay' : 'Let new pods onto a node again')
      .argument('<node...>', 'names of nodes')
      .addHelpText('after', `\nExample:\n  kith ${verb} host-1`)
      .action(async (nodes: string[], _options: unknown, command: Command) => cordon(contextOf(command, terminal), verb, nodes));
  }
}

export async function cordon(context: CliContext, verb: 'cordon' | 'uncordon', nodes: readonly string[]): Promise<void> {
  const kind = requireKind('nodes');
  for (const name of nodeNames(nodes)) {
    const path = apiPath(kind, undefined, name);
    const node = await context.client.get<KubeObject & { spec?: { unschedulable?: boolean } }>(path);
    const wanted = verb === 'cordon';
    if ((node.spec?.unschedulable ?? false) === wanted) {
      context.terminal.out(`node/${name} already ${verb}ed\n`);
      continue;
    }
    await context.client.call({ method: 'PATCH', path, contentType: MERGE_PATCH, body: { spec: { unschedulable: wanted ? true : null } } });
    context.terminal.out(`node/${name} ${verb}ed\n`);
  }
}
