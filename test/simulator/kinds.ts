import { SHORT_IMAGE } from './workloads.ts';

/** Workloads of other kinds than those that users of every scenario ask for. */
const NAMESPACE = '/namespaces/default';
export const TARGETS_OF_KINDS = {
  controllers: `/api/v1${NAMESPACE}/replicationcontrollers`,
  statefulsets: `/apis/apps/v1${NAMESPACE}/statefulsets`,
  daemonsets: `/apis/apps/v1${NAMESPACE}/daemonsets`,
  jobs: `/apis/batch/v1${NAMESPACE}/jobs`,
};

/** Tells the number of its lease, for the checker. */
const TOKEN = { name: 'TOKEN', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['kith.dev/fencing-token']" } } };

export function templateOf(app: string, image = 'app:1'): object {
  const container = { name: 'main', image, env: [TOKEN], resources: { requests: { cpu: '50m' } } };
  return { metadata: { labels: { app } }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } };
}

export function onceController(name: string): object {
  const metadata = { name, namespace: 'default', annotations: { 'kith.dev/partition': 'majority' } };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata,
    spec: { replicas: 1, selector: { app: name }, template: templateOf(name) },
  };
}

/** Old and new never run side by side. */
export function onceRecreated(name: string, replicas: number, image?: string): object {
  const metadata = { name, namespace: 'default', annotations: { 'kith.dev/partition': 'majority' } };
  const spec = { replicas, strategy: { type: 'Recreate' }, selector: { matchLabels: { app: name } }, template: templateOf(name, image) };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
}

export function oncePod(name: string): object {
  const { metadata, spec } = templateOf(name) as { metadata: object; spec: object };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace: 'default', annotations: { 'kith.dev/partition': 'majority' } },
    spec,
  };
}

/** At most one of each number, without being told so. */
export function onceSet(name: string, replicas: number): object {
  const spec = { replicas, selector: { matchLabels: { app: name } }, template: templateOf(name) };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: 'default' }, spec };
}

export function setOf(name: string, replicas: number, management: 'OrderedReady' | 'Parallel', image: string): object {
  const spec = { replicas, selector: { matchLabels: { app: name } }, podManagementPolicy: management, template: templateOf(name, image) };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, namespace: 'default' }, spec };
}

export function daemonsOf(name: string, image: string): object {
  const spec = { selector: { matchLabels: { app: name } }, template: templateOf(name, image) };
  return { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name, namespace: 'default' }, spec };
}

/** Its pods take some seconds each, and end well. */
export function jobOf(name: string, completions: number, parallelism: number, indexed: boolean): object {
  const { metadata, spec } = templateOf(name, SHORT_IMAGE) as { metadata: object; spec: object };
  const template = { metadata, spec: { ...spec, restartPolicy: 'Never' } };
  const mode = indexed ? { completionMode: 'Indexed' } : {};
  // However many are lost or deleted: it is to come to its end.
  const limits = { completions, parallelism, backoffLimit: 100 };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: 'default' }, spec: { ...limits, ...mode, template } };
}
