import type { Condition } from '../../protocol/conditions.ts';
import { formatSelector, selectorOf } from '../../protocol/values/label-selector.ts';
import type { Container, Deployment, PodTemplateSpec, ReplicaSet, ReplicationController } from '../../protocol/types.ts';
import { mapLines, type Entry } from './lines.ts';
import { conditionLines } from './pod.ts';

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
  const count = (phase: string): number => phases.filter((candidate) => candidate === phase).length;
  const controlledBy = owner.metadata.ownerReferences?.find((reference) => reference.controller);
  const selected =
    owner.kind === 'ReplicaSet'
      ? formatSelector(selectorOf(selector as Deployment['spec']['selector']))
      : mapLines(selector as Record<string, string>).join(',');
  return [
    ['Selector', selected],
    ...(controlledBy === undefined ? [] : ([['Controlled By', `${controlledBy.kind}/${controlledBy.name}`]] as Entry[])),
    ['Replicas', `${owner.status?.replicas ?? 0} current / ${replicas ?? 1} desired`],
    [
      'Pods Status',
      `${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`,
    ],
    ...(template === undefined ? [] : ([['Pod Template', templateSection(template)]] as Entry[])),
    ['Conditions', conditionLines((owner.status?.conditions ?? []) as Condition[])],
  ];
}

function templateSection(template: PodTemplateSpec): { entries: Entry[] } {
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
  const environment = (container.env ?? []).map((variable) => `${variable.name}: ${variable.value ?? ''}`);
  return [
    ['Image', container.image ?? ''],
    ['Port', ports || '<none>'],
    ...(container.command === undefined ? [] : ([['Command', container.command]] as Entry[])),
    ['Environment', environment],
  ];
}
