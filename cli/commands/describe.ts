import type { Command } from 'commander';
import type { KindDefinition } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { Deployment, KubeEvent, Node, Pod, ReplicaSet, ReplicationController } from '../../protocol/types.ts';
import { humanDuration } from '../../protocol/values/duration.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { formatEntries, mapLines, type Entry } from '../describe/lines.ts';
import { describeNode } from '../describe/node.ts';
import { describePod } from '../describe/pod.ts';
import { describeCronJob, describeJob } from '../describe/batch.ts';
import { describeService } from '../describe/service.ts';
import { describeDaemonSet, describeDeployment, describeReplicas, describeStatefulSet } from '../describe/workload.ts';
import { formatColumns } from '../output/columns.ts';
import { yamlText } from '../output/print.ts';
import { findTargets } from '../server-kinds.ts';
import { requireKind, requireOneChoice } from '../targets.ts';
import { LAST_APPLIED } from './apply.ts';

interface DescribeOptions {
  selector?: string;
  allNamespaces?: boolean;
}

export function addDescribe(program: Command, terminal: Terminal): void {
  program
    .command('describe')
    .description('Tell all about objects, with the events that concern them')
    .argument('<what...>', 'KIND, KIND NAME..., KIND/NAME...')
    .option('-l, --selector <labels>', 'only objects with these labels')
    .option('-A, --all-namespaces', 'of every namespace')
    .addHelpText('after', '\nExamples:\n  kith describe pod web\n  kith describe node host-1\n  kith describe deployments -l app=web')
    .action(async (what: string[], options: DescribeOptions, command: Command) => describe(contextOf(command, terminal), what, options));
}

async function describe(context: CliContext, what: readonly string[], options: DescribeOptions): Promise<void> {
  let first = true;
  const targets = await findTargets(context, what);
  requireOneChoice(targets, options);
  for (const { kind, names } of targets) {
    const objects: KubeObject[] = [];
    for (const name of names) objects.push(await context.client.get<KubeObject>(apiPath(kind, context.namespace, name)));
    if (names.length === 0) {
      const namespace = options.allNamespaces ? undefined : context.namespace;
      const list = await context.client.get<{ items: KubeObject[] }>(apiPath(kind, namespace), { labelSelector: options.selector });
      objects.push(...list.items);
    }
    if (objects.length === 0) context.terminal.err(`No resources found in ${context.namespace} namespace.\n`);
    for (const object of objects) {
      if (!first) context.terminal.out('\n\n');
      first = false;
      context.terminal.out(formatEntries([...commonEntries(kind, object), ...(await ownEntries(context, kind, object))]));
      context.terminal.out(await eventsText(context, kind, object));
    }
  }
}

function commonEntries(kind: KindDefinition, object: KubeObject): Entry[] {
  const { metadata } = object;
  return [
    ['Name', metadata.name],
    ...(kind.namespaced ? ([['Namespace', metadata.namespace ?? '']] as Entry[]) : []),
    ['CreationTimestamp', metadata.creationTimestamp],
    ['Labels', mapLines(metadata.labels)],
    [
      'Annotations',
      mapLines(withoutLastApplied(metadata.annotations), ': ').map((line) =>
        line.length > 140 ? `${line.slice(0, 140)}...` : line.trim(),
      ),
    ],
  ];
}

/** It repeats the object; kubectl leaves it out, too. */
function withoutLastApplied(annotations: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== LAST_APPLIED));
}

async function ownEntries(context: CliContext, kind: KindDefinition, object: KubeObject): Promise<Entry[]> {
  const list = async <T>(plural: string, namespace: string | undefined, query?: Record<string, string>): Promise<T[]> =>
    (await context.client.get<{ items: T[] }>(apiPath(requireKind(plural), namespace), query)).items;
  const phases = async (): Promise<string[]> => {
    const pods = await list<Pod>('pods', object.metadata.namespace);
    const owned = pods.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid));
    return owned.map(({ status }) => status?.phase ?? 'Unknown');
  };
  // Custom kinds may bear the same names.
  switch (['', 'apps', 'batch'].includes(kind.group) ? kind.kind : '') {
    case 'Pod':
      return describePod(object as Pod);
    case 'Node':
      return describeNode(object as Node, await list<Pod>('pods', undefined, { fieldSelector: `spec.nodeName=${object.metadata.name}` }));
    case 'Deployment':
      return describeDeployment(object as Deployment, await list<ReplicaSet>('replicasets', object.metadata.namespace));
    case 'ReplicaSet':
    case 'ReplicationController':
      return describeReplicas(object as ReplicaSet | ReplicationController, await phases());
    case 'StatefulSet':
      return describeStatefulSet(object, await phases());
    case 'DaemonSet':
      return describeDaemonSet(object, await phases());
    case 'Job':
      return describeJob(object);
    case 'CronJob':
      return describeCronJob(object);
    case 'Service': {
      const endpoints = await list<KubeObject>('endpoints', object.metadata.namespace, {
        fieldSelector: `metadata.name=${object.metadata.name}`,
      });
      return describeService(object, endpoints[0]);
    }
    default: {
      const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
      return Object.entries(rest).map(([field, value]): Entry => {
        if (kind.secret?.includes(field) === true) return [field, sizeLines(value)];
        return [field, yamlText(value).trimEnd().split('\n')];
      });
    }
  }
}

/** Secrets are not shown: keys, and how long their values are. */
function sizeLines(value: unknown): string[] {
  return Object.entries((value ?? {}) as Record<string, string>).map(
    ([key, text]) => `${key}: ${Buffer.from(text, 'base64').length} bytes`,
  );
}

/** Times are whole seconds: what came within one is told apart by the order in which the asked peer heard of it. */
export function oldestFirst(left: KubeEvent, right: KubeEvent): number {
  if (left.lastTimestamp !== right.lastTimestamp) return left.lastTimestamp < right.lastTimestamp ? -1 : 1;
  return BigInt(left.metadata.resourceVersion ?? 0) < BigInt(right.metadata.resourceVersion ?? 0) ? -1 : 1;
}

async function eventsText(context: CliContext, kind: KindDefinition, object: KubeObject): Promise<string> {
  const fieldSelector = `involvedObject.name=${object.metadata.name},involvedObject.kind=${kind.kind}`;
  const namespace = kind.namespaced ? object.metadata.namespace : undefined;
  const list = await context.client.get<{ items: KubeEvent[] }>(apiPath(requireKind('events'), namespace), { fieldSelector });
  if (list.items.length === 0) return 'Events:  <none>\n';
  const now = context.terminal.now();
  const events = [...list.items].sort(oldestFirst);
  const rows = events.map((event) => {
    const age = humanDuration(now - Date.parse(event.lastTimestamp));
    const since = humanDuration(now - Date.parse(event.firstTimestamp));
    return [
      event.type,
      event.reason,
      event.count > 1 ? `${age} (x${event.count} over ${since})` : age,
      event.source.component ?? '',
      event.message.trim(),
    ];
  });
  const table = formatColumns(['Type', 'Reason', 'Age', 'From', 'Message'], rows);
  const [, ...body] = table.split('\n');
  const header = (table.split('\n')[0] ?? '')
    .replace('TYPE', 'Type')
    .replace('REASON', 'Reason')
    .replace('AGE', 'Age')
    .replace('FROM', 'From')
    .replace('MESSAGE', 'Message');
  return `Events:\n${[header, ...body]
    .filter((line) => line !== '')
    .map((line) => `  ${line}\n`)
    .join('')}`;
}
