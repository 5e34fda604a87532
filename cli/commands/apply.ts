import { type Command, Option } from 'commander';
import { canonicalJson, jsonEqual } from '../../protocol/json.ts';
import type { DraftObject, KubeObject } from '../../protocol/objects.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { ApiError, CliError, EXIT_USAGE } from '../errors.ts';
import { askKubectl } from '../kubectl.ts';
import { readManifests, type ManifestObject } from '../manifests.ts';
import { formatObject, parseOutputFormat } from '../output/print.ts';
import { displayName } from '../targets.ts';

/** kubectl's own annotation, so that both commands can take turns on the same object. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

interface ApplyOptions {
  filename: string[];
  recursive?: boolean;
  dryRun?: string;
  output?: string;
  validate: string;
}

const FILE_EXAMPLES = (verb: string): string => `
Examples:
  kith ${verb} -f web.yaml               a file; several -f are fine
  kith ${verb} -f manifests/ -R          every .yaml, .yml and .json of a folder
  cat web.yaml | kith ${verb} -f -       standard input`;

export function addApply(program: Command, terminal: Terminal): void {
  fileOptions(program.command('apply').description('Make objects as the manifests say: create what is missing, change what differs'))
    .addHelpText('after', FILE_EXAMPLES('apply'))
    .action(async (options: ApplyOptions, command: Command) => eachObject(contextOf(command, terminal), options, applyOne));
}

export function addCreate(program: Command, terminal: Terminal): void {
  fileOptions(program.command('create').description('Create objects from manifests; fails where one exists already'), false)
    .addHelpText('after', FILE_EXAMPLES('create'))
    .argument('[what...]')
    .action(async (words: string[], options: Partial<ApplyOptions>, command: Command) => {
      if (words.length > 0)
        throw new CliError(`kith creates from manifests only (-f FILE): ${askKubectl(`create ${words.join(' ')}`)}`, EXIT_USAGE);
      if (options.filename === undefined) throw new CliError('say from what: kith create -f FILE', EXIT_USAGE);
      await eachObject(contextOf(command, terminal), options as ApplyOptions, createOne);
    });
}

/** `isChecked`: a command line without files is refused before it comes to the action. */
function fileOptions(command: Command, isChecked = true): Command {
  return command
    .addOption(new Option('-f, --filename <file...>', 'manifest files, folders, or - for standard input').makeOptionMandatory(isChecked))
    .option('-R, --recursive', 'folders with all that is below them')
    .addOption(
      new Option('--dry-run <mode>', 'check and show, but store nothing; client does the same as server').choices([
        'none',
        'server',
        'client',
      ]),
    )
    .option('-o, --output <format>', 'show the result: yaml, json, name or jsonpath=TEMPLATE')
    .addOption(
      new Option('--validate <mode>', 'unknown fields: strict (refuse), warn or ignore')
        .choices(['strict', 'warn', 'ignore', 'true', 'false'])
        .default('strict'),
    );
}

interface Outcome {
  object: KubeObject;
  did: 'created' | 'configured' | 'unchanged';
}

type Step = (context: CliContext, item: ManifestObject, options: ApplyOptions) => Promise<Outcome>;

/** Every object is tried, also after one failed: the rest of a manifest must not depend on its first mistake. */
async function eachObject(context: CliContext, options: ApplyOptions, step: Step): Promise<void> {
  const format = parseOutputFormat(options.output);
  if (options.dryRun === 'none') delete options.dryRun;
  const items = await readManifests(options.filename, options.recursive === true, context);
  let failed = 0;
  for (const item of items) {
    try {
      const outcome = await step(context, item, options);
      const name = displayName(item.kind, outcome.object.metadata.name);
      const suffix = options.dryRun === undefined ? '' : ` (${options.dryRun} dry run)`;
      if (format.type === 'table') context.terminal.out(`${name} ${outcome.did}${suffix}\n`);
      else context.terminal.out(formatObject(format, outcome.object, () => name));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed += 1;
      context.terminal.err(refusalText(item, error));
    }
  }
  if (failed > 0) throw new CliError(`${failed} of ${items.length} objects failed`);
}

/** With the line of each field that is wrong, where the server says which. */
export function refusalText(item: Pick<ManifestObject, 'where' | 'at'>, error: ApiError): string {
  const places = error.causes.map(({ field, message }) => (field === undefined ? undefined : { where: item.at(field), field, message }));
  const [first, ...rest] = places.filter((place) => place !== undefined);
  // Some of Kubernetes' messages do not say which field they are about.
  const others = first === undefined || error.message.includes(first.field) ? rest : [first, ...rest];
  const head = `Error from server (${error.reason}): error when handling "${first?.where ?? item.where}": ${stripPrefix(error.message)}\n`;
  return head + others.map(({ where, field, message }) => `  ${where}: ${field}: ${message}\n`).join('');
}

function stripPrefix(message: string): string {
  return message.replace(/^Error from server \([^)]*\): /, '');
}

function query(options: ApplyOptions, fieldManager: string): Record<string, string | undefined> {
  const modes: Record<string, string> = { strict: 'Strict', true: 'Strict', warn: 'Warn', ignore: 'Ignore', false: 'Ignore' };
  return { fieldManager, fieldValidation: modes[options.validate] ?? 'Strict', dryRun: options.dryRun === undefined ? undefined : 'All' };
}

function namespaceOf(context: CliContext, item: ManifestObject): string | undefined {
  return item.kind.namespaced ? item.object.metadata.namespace || context.namespace : undefined;
}

async function createOne(context: CliContext, item: ManifestObject, options: ApplyOptions): Promise<Outcome> {
  const path = apiPath(item.kind, namespaceOf(context, item));
  const response = await context.client.call({ method: 'POST', path, query: query(options, 'kith-create'), body: item.object });
  return { object: response.body as KubeObject, did: 'created' };
}

async function applyOne(context: CliContext, item: ManifestObject, options: ApplyOptions): Promise<Outcome> {
  const name = item.object.metadata.name;
  if (!name) throw new CliError(`${item.where}: metadata.name is needed by apply; use create for generateName`);
  const namespace = namespaceOf(context, item);
  const wanted = withLastApplied(item.object);
  const current = await readOrUndefined(context, apiPath(item.kind, namespace, name));
  if (current === undefined) return createOne(context, { ...item, object: wanted }, options);
  const patch = applyPatch(lastAppliedOf(current), item.object, current);
  if (patch === undefined) return { object: current, did: 'unchanged' };
  const body = mergeInto(patch, { metadata: { annotations: { [LAST_APPLIED]: wanted.metadata.annotations?.[LAST_APPLIED] } } });
  const response = await context.client.call({
    method: 'PATCH',
    path: apiPath(item.kind, namespace, name),
    query: query(options, 'kith-apply'),
    contentType: 'application/merge-patch+json',
    body,
  });
  return { object: response.body as KubeObject, did: 'configured' };
}

async function readOrUndefined(context: CliContext, path: string): Promise<KubeObject | undefined> {
  try {
    return await context.client.get<KubeObject>(path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

function withLastApplied(object: DraftObject): DraftObject {
  const annotations = { ...object.metadata.annotations, [LAST_APPLIED]: `${canonicalJson(object)}\n` };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function lastAppliedOf(object: KubeObject): unknown {
  const text = object.metadata.annotations?.[LAST_APPLIED];
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

type Members = Record<string, unknown>;

/**
 * The JSON merge patch (RFC 7386) that brings `current` to `wanted`: sets what differs, and removes what was applied before and is no longer wanted; fields that
 * others set stay. A list is replaced whole, unless every wanted field of it holds already. `undefined` when nothing is to do.
 */
export function applyPatch(previous: unknown, wanted: unknown, current: unknown): Members | undefined {
  const patch: Members = {};
  const before = asMembers(previous);
  const now = asMembers(current);
  const next = asMembers(wanted);
  for (const [key, value] of Object.entries(next)) {
    if (key === 'status' || value === null || value === undefined) continue;
    const held = now[key];
    if (isMembers(value) && isMembers(held)) {
      const inner = applyPatch(before[key], value, held);
      if (inner !== undefined) patch[key] = inner;
    } else if (!covers(value, held) || dropsMembers(before[key], value)) patch[key] = value;
  }
  for (const key of Object.keys(before)) if (!(key in next) && key in now && key !== 'status') patch[key] = null;
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Whether everything that `wanted` says is already so. */
function covers(wanted: unknown, held: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(held) && held.length === wanted.length && wanted.every((item, index) => covers(item, held[index]));
  if (isMembers(wanted)) return isMembers(held) && Object.entries(wanted).every(([key, value]) => covers(value, held[key]));
  return jsonEqual(wanted, held);
}

/** Whether something that was applied inside a list is gone from it now. */
function dropsMembers(before: unknown, wanted: unknown): boolean {
  return before !== undefined && !covers(before, wanted);
}

function isMembers(value: unknown): value is Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function asMembers(value: unknown): Members {
  return isMembers(value) ? value : {};
}

function mergeInto(target: Members, extra: Members): Members {
  const merged: Members = { ...target };
  for (const [key, value] of Object.entries(extra)) merged[key] = isMembers(value) ? mergeInto(asMembers(merged[key]), value) : value;
  return merged;
}
