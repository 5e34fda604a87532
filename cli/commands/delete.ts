import { Option, type Command } from 'commander';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { ApiError, CliError, EXIT_USAGE } from '../errors.ts';
import { followObject } from '../following.ts';
import { readManifests } from '../manifests.ts';
import { findTargets } from '../server-kinds.ts';
import { displayName, requireOneChoice } from '../targets.ts';
import { seconds, timeLimit, wholeSeconds } from '../time-limit.ts';

interface DeleteOptions {
  filename?: string[];
  recursive?: boolean;
  selector?: string;
  all?: boolean;
  gracePeriod?: string;
  force?: boolean;
  now?: boolean;
  wait: boolean;
  timeout?: string;
  ignoreNotFound?: boolean;
  cascade: string;
}

interface Doomed {
  kind: KindDefinition;
  namespace: string | undefined;
  name: string;
  /** Nobody named it: it was listed. */
  found?: boolean;
}

/** How long `--wait` waits unless told otherwise; a pod's grace period is 30 s by default. */
const DEFAULT_WAIT_SECONDS = 120;

export function addDelete(program: Command, terminal: Terminal): void {
  program
    .command('delete')
    .description('Delete objects, and wait until they are gone')
    .argument('[what...]', 'KIND NAME..., KIND/NAME...')
    .option('-f, --filename <file...>', 'what these manifests name')
    .option('-R, --recursive', 'folders with all that is below them')
    .option('-l, --selector <labels>', 'every object of the kind with these labels')
    .option('--all', 'every object of the kind in the namespace')
    .option('--grace-period <seconds>', 'time that a pod gets to stop')
    .option('--now', 'the same as --grace-period=1')
    .option('--force', "do not wait for the pod's node: forget the pod at once (with --grace-period=0)")
    .addOption(
      new Option('--cascade <how>', 'what becomes of what the object owns: it goes after it, before it, or stays')
        .choices(['background', 'foreground', 'orphan'])
        .default('background'),
    )
    .option('--no-wait', 'return at once')
    .option('--timeout <duration>', 'how long to wait', `${DEFAULT_WAIT_SECONDS}s`)
    .option('--ignore-not-found', 'a missing object is no error')
    .addHelpText('after', EXAMPLES)
    .action(async (what: string[], options: DeleteOptions, command: Command) => remove(contextOf(command, terminal), what, options));
}

const EXAMPLES = `
Examples:
  kith delete pod web                    one pod; its controller, if any, makes a new one
  kith delete deployment,rs -l app=web   several kinds by label
  kith delete -f web.yaml                what a manifest made`;

async function remove(context: CliContext, what: readonly string[], options: DeleteOptions): Promise<void> {
  // Before anything is deleted.
  const waitSeconds = options.timeout === undefined ? DEFAULT_WAIT_SECONDS : seconds('--timeout', options.timeout);
  const grace = graceOf(options);
  const doomed = await findDoomed(context, what, options);
  const waitFor: { doomed: Doomed; uid: string }[] = [];
  let failed = 0;
  for (const one of doomed) {
    try {
      const uid = await deleteOne(context, one, grace, options);
      context.terminal.out(`${one.kind.singular}${one.kind.group === '' ? '' : `.${one.kind.group}`} "${one.name}" deleted\n`);
      if (uid !== undefined) waitFor.push({ doomed: one, uid });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // As kubectl: of what was found by label or with --all, some may go meanwhile with its owner.
      if (error.status === 404 && (options.ignoreNotFound || one.found)) continue;
      failed += 1;
      context.terminal.err(`${error.message}\n`);
    }
  }
  if (options.wait) for (const { doomed: one, uid } of waitFor) await waitUntilGone(context, one, uid, waitSeconds);
  if (failed > 0) throw new CliError(`${failed} of ${doomed.length} objects could not be deleted`);
}

async function findDoomed(context: CliContext, what: readonly string[], options: DeleteOptions): Promise<Doomed[]> {
  if (options.filename !== undefined) {
    const items = await readManifests(options.filename, options.recursive === true, context);
    return items.map(({ kind, object, where }) => {
      if (!object.metadata.name) throw new CliError(`${where}: metadata.name is needed to delete what a manifest made`);
      const namespace = kind.namespaced ? object.metadata.namespace || context.namespace : undefined;
      return { kind, namespace, name: object.metadata.name };
    });
  }
  const found: Doomed[] = [];
  const targets = await findTargets(context, what);
  requireOneChoice(targets, options);
  for (const target of targets) {
    const namespace = target.kind.namespaced ? context.namespace : undefined;
    for (const name of target.names) found.push({ kind: target.kind, namespace, name });
    if (target.names.length > 0) continue;
    if (!options.selector && !options.all) {
      throw new CliError(`delete ${target.kind.plural}: say which: a name, -l LABELS or --all`, EXIT_USAGE);
    }
    const list = await context.client.get<{ items: KubeObject[] }>(apiPath(target.kind, namespace), { labelSelector: options.selector });
    for (const item of list.items)
      found.push({ kind: target.kind, namespace: item.metadata.namespace, name: item.metadata.name, found: true });
    if (list.items.length === 0) context.terminal.out('No resources found\n');
  }
  return found;
}

/** -1 is the object's own, as with kubectl. */
function graceOf({ force, now, gracePeriod }: DeleteOptions): number | undefined {
  if (force) return 0;
  if (now) return 1;
  return gracePeriod === '-1' ? undefined : wholeSeconds('--grace-period', gracePeriod);
}

/** @returns the uid to wait for, when the object is not gone yet. */
async function deleteOne(
  context: CliContext,
  one: Doomed,
  gracePeriodSeconds: number | undefined,
  { cascade }: DeleteOptions,
): Promise<string | undefined> {
  const propagationPolicy = `${cascade.charAt(0).toUpperCase()}${cascade.slice(1)}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy };
  const response = await context.client.call({ method: 'DELETE', path: apiPath(one.kind, one.namespace, one.name), body });
  const answer = response.body as { kind?: string; metadata?: { uid?: string } };
  return answer.kind === 'Status' ? undefined : answer.metadata?.uid;
}

async function waitUntilGone(context: CliContext, one: Doomed, uid: string, limit: number): Promise<void> {
  const signal = AbortSignal.any([context.terminal.signal, timeLimit(limit * 1000)]);
  for await (const seen of followObject(context.client, one, signal)) if (seen?.metadata.uid !== uid) return;
  if (context.terminal.signal.aborted) return;
  throw new CliError(
    `${displayName(one.kind, one.name)} is deleted but not gone after ${limit} s. Is its node alive? See "kith peers"; --force --grace-period=0 forgets a pod without its node`,
  );
}
