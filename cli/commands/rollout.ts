import type { Command } from 'commander';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { ReplicaSet } from '../../protocol/types.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { followObject } from '../following.ts';
import { selectorOf } from '../pods.ts';
import { displayName, parseOne, requireKind } from '../targets.ts';
import { seconds, timeLimit } from '../time-limit.ts';
import { rolloutState } from '../rollout-state.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const CHANGE_CAUSE = 'kubernetes.io/change-cause';
/** As kubectl sets it, so that either command sees the other's. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
/** ReplicaSets bear it beside the labels of their template. */
const TEMPLATE_HASH = 'pod-template-hash';
const KINDS = ['deployments', 'daemonsets', 'statefulsets'];

interface Rolled {
  kind: KindDefinition;
  name: string;
  path: string;
  object: KubeObject;
}

export function addRollout(program: Command, terminal: Terminal): void {
  const rollout = program.command('rollout').description('Look at rollouts, restart them, and take them back');
  rollout
    .command('status')
    .description('Wait until a rollout is complete')
    .argument('<what...>', 'KIND/NAME or KIND NAME')
    .option('--no-watch', 'tell how it is, and do not wait')
    .option('--timeout <duration>', 'how long to wait (default: until it is complete)')
    .action(async (what: string[], options: StatusOptions, command: Command) => status(contextOf(command, terminal), what, options));
  rollout
    .command('restart')
    .description('Replace all pods, as an update does')
    .argument('<what...>', 'KIND/NAME or KIND NAME')
    .action(async (what: string[], _options: unknown, command: Command) => restart(contextOf(command, terminal), what));
  rollout
    .command('history')
    .description('The revisions of a deployment')
    .argument('<what...>', 'deployment/NAME')
    .action(async (what: string[], _options: unknown, command: Command) => history(contextOf(command, terminal), what));
  rollout
    .command('undo')
    .description('Go back to an earlier revision of a deployment')
    .argument('<what...>', 'deployment/NAME')
    .option('--to-revision <number>', 'which; 0 is the one before the present', '0')
    .action(async (what: string[], options: { toRevision: string }, command: Command) =>
      undo(contextOf(command, terminal), what, options.toRevision),
    );
  rollout.addHelpText('after', '\nExamples:\n  kith rollout status deployment/web\n  kith rollout undo deployment/web --to-revision=2');
  for (const command of rollout.commands) command.copyInheritedSettings(program).exitOverride();
}

async function find(context: CliContext, what: readonly string[], kinds: readonly string[]): Promise<Rolled> {
  const { kind, name } = parseOne(what);
  if (!kinds.includes(kind.plural)) throw new CliError(`${kind.plural} have no such rollout: name one of ${kinds.join(', ')}`, EXIT_USAGE);
  const path = apiPath(kind, context.namespace, name);
  return { kind, name, path, object: await context.client.get<KubeObject>(path) };
}

interface StatusOptions {
  watch: boolean;
  timeout?: string;
}

async function status(context: CliContext, what: readonly string[], options: StatusOptions): Promise<void> {
  const limit = options.timeout === undefined ? 0 : seconds('--timeout', options.timeout);
  const { kind, name, object } = await find(context, what, KINDS);
  let told = '';
  const tell = (seen: KubeObject): boolean => {
    const { done, text } = rolloutState(kind, seen);
    if (text !== told) context.terminal.out(`${text}\n`);
    told = text;
    return done;
  };
  if (tell(object) || !options.watch) return;
  const { signal } = context.terminal;
  const within = limit === 0 ? signal : AbortSignal.any([signal, timeLimit(limit * 1000)]);
  for await (const seen of followObject(context.client, { kind, namespace: context.namespace, name }, within)) {
    if (seen === undefined) throw new CliError(`${displayName(kind, name)} was deleted while its rollout went on`);
    if (tell(seen)) return;
  }
  if (!signal.aborted && within.aborted) throw new CliError(`the rollout of ${displayName(kind, name)} is not complete after ${limit} s`);
}

async function restart(context: CliContext, what: readonly string[]): Promise<void> {
  const { kind, name, path } = await find(context, what, KINDS);
  const annotations = { [RESTARTED_AT]: new Date(context.terminal.now()).toISOString() };
  const body = { spec: { template: { metadata: { annotations } } } };
  await context.client.call({ method: 'PATCH', path, contentType: 'application/strategic-merge-patch+json', body });
  context.terminal.out(`${displayName(kind, name)} restarted\n`);
}

/** Oldest first. */
async function revisions(context: CliContext, deployment: KubeObject): Promise<{ revision: number; set: ReplicaSet }[]> {
  const query = { labelSelector: selectorOf(deployment) };
  const sets = await context.client.get<{ items: ReplicaSet[] }>(apiPath(requireKind('replicasets'), context.namespace), query);
  return sets.items
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) === true)
    .map((set) => ({ revision: Number(set.metadata.annotations?.[REVISION] ?? 0), set }))
    .sort((left, right) => left.revision - right.revision);
}

async function history(context: CliContext, what: readonly string[]): Promise<void> {
  const { kind, name, object } = await find(context, what, ['deployments']);
  const rows = (await revisions(context, object)).map(
    ({ revision, set }) => `${String(revision).padEnd(10)}${set.metadata.annotations?.[CHANGE_CAUSE] ?? '<none>'}\n`,
  );
  context.terminal.out(`${displayName(kind, name)} \n${'REVISION'.padEnd(10)}CHANGE-CAUSE\n${rows.join('')}`);
}

async function undo(context: CliContext, what: readonly string[], asked: string): Promise<void> {
  const { kind, name, path, object } = await find(context, what, ['deployments']);
  if (!/^\d+$/.test(asked)) throw new CliError(`--to-revision=${asked}: expected a whole number`, EXIT_USAGE);
  const all = await revisions(context, object);
  const present = Number(object.metadata.annotations?.[REVISION] ?? 0);
  const earlier = all.filter(({ revision }) => revision < present);
  const chosen = asked === '0' ? earlier.at(-1) : all.find(({ revision }) => revision === Number(asked));
  if (chosen === undefined)
    throw new CliError(
      asked === '0' ? `no rollout history found for ${displayName(kind, name)}` : `unable to find specified revision ${asked} in history`,
    );
  if (chosen.revision === present)
    return context.terminal.out(`${displayName(kind, name)} skipped rollback (current template already matches revision ${present})\n`);
  const template = structuredClone(chosen.set.spec.template);
  delete template?.metadata?.labels?.[TEMPLATE_HASH];
  const body = [{ op: 'replace', path: '/spec/template', value: template }];
  await context.client.call({ method: 'PATCH', path, contentType: 'application/json-patch+json', body });
  context.terminal.out(`${displayName(kind, name)} rolled back\n`);
}
