import type { KubeObject } from '../protocol/objects.ts';
import type { Pod } from '../protocol/types.ts';
import { apiPath, type CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { parseOne, requireKind } from './targets.ts';

/** `POD`, or `KIND/NAME` of what selects pods: then one of them that is ready, else one that runs. @throws CliError | ApiError */
export async function podOf(context: CliContext, word: string): Promise<Pod> {
  const target = parseOne([word], 'pods');
  const object = await context.client.get<KubeObject>(apiPath(target.kind, context.namespace, target.name));
  if (target.kind.plural === 'pods' && target.kind.group === '') return object as Pod;
  const pods = await podsWith(context, selectorOf(object));
  const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  const chosen = pods.find(isReady) ?? pods.find(({ status }) => status?.phase === 'Running') ?? pods[0];
  if (chosen === undefined) throw new CliError(`${target.kind.singular} ${target.name} has no pods`);
  return chosen;
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** The container that is meant where none is named: the one that the pod names, else the first. Which others there are is told, in kubectl's words. */
export function defaultContainer(context: Pick<CliContext, 'terminal'>, { metadata, spec }: Pod): string {
  const names = spec.containers.map(({ name }) => name);
  const inits = (spec.initContainers ?? []).map(({ name }) => name);
  const named = metadata.annotations?.[DEFAULT_CONTAINER];
  if (named !== undefined && [...names, ...inits].includes(named)) return named;
  const first = names[0] ?? '';
  const all = [...names, ...inits.map((name) => `${name} (init)`)];
  if (all.length > 1) context.terminal.err(`Defaulted container "${first}" out of: ${all.join(', ')}\n`);
  return first;
}

export async function podsWith(context: CliContext, labelSelector: string): Promise<Pod[]> {
  const list = await context.client.get<{ items: Pod[] }>(apiPath(requireKind('pods'), context.namespace), { labelSelector });
  return list.items;
}

/** `matchLabels` of a workload, or the plain map of a Service or ReplicationController, as a selector. */
export function selectorOf(object: KubeObject): string {
  const spec = object.spec as { selector?: { matchLabels?: Record<string, string> } & Record<string, unknown> } | undefined;
  const labels = spec?.selector?.matchLabels ?? (spec?.selector as Record<string, string> | undefined) ?? {};
  const pairs = Object.entries(labels).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (pairs.length === 0) throw new CliError(`${object.kind} ${object.metadata.name} selects no pods: name a pod`);
  return pairs.map(([key, value]) => `${key}=${value}`).join(',');
}
