import type { Condition } from '../../protocol/conditions.ts';
import { formatSelector, selectorOf } from '../../protocol/values/label-selector.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type {
  Container,
  DaemonSetSpec,
  Deployment,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
  StatefulSetSpec,
} from '../../protocol/types.ts';
import { mapLines, type Entry } from './lines.ts';
import { conditionLines, environmentEntries } from './pod.ts';

export function describeDeployment(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Entry[] {
  const { spec, status = {} } = deployment;
  const rolling = spec.strategy?.rollingUpdate;
  const owned = replicaSets.filter((set) => set.metadata.ownerReferences?.some((reference) => reference.uid === deployment.metadata.uid));
  const revision = deployment.metadata.annotations?.['deployment.kubernetes.io/revision'];
  const newest = owned.find((set) => set.metadata.annotations?.['deployment.kubernetes.io/revision'] === revision);
  const old = owned.filter((set) => set !== newest && (set.spec.replicas ?? 0) > 0);
  const counts = `${spec.replicas ?? 1} desired | ${status.updatedReplicas ?? 0} updated | ${status.replicas ?? 0} total | ${status.availableReplicas ?? 0} available | ${status.unavailableReplicas ?? 0} unavailable`;
  return [
    ['Selector', formatSelector(selectorOf(spec.selector))],
    ['Replicas', counts],
    ['StrategyType', spec.strategy?.type ?? 'RollingUpdate'],
    ['MinReadySeconds', String(spec.minReadySeconds ?? 0)],
    ...(rolling === undefined
      ? []
      : ([['RollingUpdateStrategy', `${rolling.maxUnavailable ?? ''} max unavailable, ${rolling.maxSurge ?? ''} max surge`]] as Entry[])),
    ['Pod Template', templateSection(spec.template)],
    ['Conditions', conditionLines((status.conditions ?? []) as Condition[])],
    ['OldReplicaSets', old.length === 0 ? '<none>' : old.map(setText).join(', ')],
    ['NewReplicaSet', newest === undefined ? '<none>' : setText(newest)],
  ];
}

function setText(set: ReplicaSet): string {
  return `${set.metadata.name} (${set.status?.replicas ?? 0}/${set.spec.replicas ?? 0} replicas created)`;
}

export function describeReplicas(owner: ReplicaSet | ReplicationController, phases: readonly string[]): Entry[] {
  const { selector, template, replicas } = owner.spec;
  const selected =
    owner.kind === 'ReplicaSet'
      ? formatSelector(selectorOf(selector as Deployment['spec']['selector']))
      : mapLines(selector as Record<string, string>).join(',');
  return [
    ['Selector', selected],
    ...controllerEntries(owner),
    ['Replicas', `${owner.status?.replicas ?? 0} current / ${replicas ?? 1} desired`],
    podsStatus(phases),
    ...(template === undefined ? [] : ([['Pod Template', templateSection(template)]] as Entry[])),
    ['Conditions', conditionLines((owner.status?.conditions ?? []) as Condition[])],
  ];
}

export function describeStatefulSet(set: KubeObject, phases: readonly string[]): Entry[] {
  const spec = set.spec as StatefulSetSpec;
  const status = (set.status ?? {}) as { replicas?: number };
  const { type = 'RollingUpdate', rollingUpdate } = spec.updateStrategy ?? {};
  return [
    ['Selector', formatSelector(selectorOf(spec.selector))],
    ['Replicas', `${spec.replicas ?? 1} desired | ${status.replicas ?? 0} total`],
    ['Update Strategy', type],
    ...(rollingUpdate?.partition === undefined ? [] : ([['Partition', String(rollingUpdate.partition)]] as Entry[])),
    podsStatus(phases),
    ['Pod Template', templateSection(spec.template)],
    [
      'Volume Claims',
      (spec.volumeClaimTemplates ?? []).map(
        ({ metadata, spec: claim }) => `${metadata?.name ?? ''}  ${claim?.resources?.requests?.['storage'] ?? ''}`,
      ),
    ],
  ];
}

export function describeDaemonSet(set: KubeObject, phases: readonly string[]): Entry[] {
  const spec = set.spec as DaemonSetSpec;
  const status = (set.status ?? {}) as Record<string, number | undefined>;
  const count = (field: string): string => String(status[field] ?? 0);
  return [
    ['Selector', formatSelector(selectorOf(spec.selector))],
    ['Node-Selector', mapLines(spec.template.spec?.nodeSelector)],
    ['Desired Number of Nodes Scheduled', count('desiredNumberScheduled')],
    ['Current Number of Nodes Scheduled', count('currentNumberScheduled')],
    ['Number of Nodes Scheduled with Up-to-date Pods', count('updatedNumberScheduled')],
    ['Number of Nodes Scheduled with Available Pods', count('numberAvailable')],
    ['Number of Nodes Misscheduled', count('numberMisscheduled')],
    podsStatus(phases),
    ['Pod Template', templateSection(spec.template)],
  ];
}

export function controllerEntries({ metadata }: KubeObject): Entry[] {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner === undefined ? [] : [['Controlled By', `${owner.kind}/${owner.name}`]];
}

function podsStatus(phases: readonly string[]): Entry {
  const count = (phase: string): number => phases.filter((candidate) => candidate === phase).length;
  return [
    'Pods Status',
    `${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`,
  ];
}

export function templateSection(template: PodTemplateSpec): { entries: Entry[] } {
  const containers = (template.spec?.containers ?? []).map((container): Entry => [
    container.name,
    { entries: containerEntries(container) },
  ]);
  return {
    entries: [
      ['Labels', mapLines(template.metadata?.labels)],
      ['Containers', { entries: containers }],
    ],
  };
}

function containerEntries(container: Container): Entry[] {
  const ports = (container.ports ?? []).map((port) => `${port.containerPort}/${port.protocol ?? 'TCP'}`).join(', ');
  return [
    ['Image', container.image ?? ''],
    ['Port', ports || '<none>'],
    ...(container.command === undefined ? [] : ([['Command', container.command]] as Entry[])),
    ...environmentEntries(container),
  ];
}
