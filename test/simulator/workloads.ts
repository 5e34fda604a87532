import type { Draw } from './draw.ts';
import type { Act } from './scenario.ts';

/** Few names, so that what users do at different peers meets. */
const DEPLOYMENTS = ['web', 'api', 'shop'];
const REPLICA_SETS = ['set', 'pair'];
const CONTROLLERS = ['old'];
const PODS = ['solo', 'lone'];
const ONCE = ['job', 'task'];
export const IMAGES = ['app:1', 'app:2', 'app:3'];
/** Its containers end by themselves after some seconds. */
export const SHORT_IMAGE = 'short:1';
const MOST_REPLICAS = 5;
const CPU = ['50m', '100m', '200m', '400m'];
const FILES = ['one.yaml', 'two.yaml'];
/** What manifests in folders make, and nobody else. */
export const FILED = ['filed', 'dropped'];

const NAMESPACE = '/namespaces/default';
export const TARGETS = {
  deployments: `/apis/apps/v1${NAMESPACE}/deployments`,
  replicasets: `/apis/apps/v1${NAMESPACE}/replicasets`,
  controllers: `/api/v1${NAMESPACE}/replicationcontrollers`,
  pods: `/api/v1${NAMESPACE}/pods`,
};

function podTemplate(draw: Draw, app: string, image: string): object {
  const resources = { requests: { cpu: draw.pick(CPU) } };
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: draw.pick([0, 1, 5, 30]), containers: [{ name: 'main', image, resources }] },
  };
}

export function deploymentOf(draw: Draw, name: string): object {
  const strategy = draw.chance(0.15) ? { strategy: { type: 'Recreate' } } : {};
  const selector = { matchLabels: { app: name } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: { replicas: draw.int(0, MOST_REPLICAS), selector, template: podTemplate(draw, name, draw.pick(IMAGES)), ...strategy },
  };
}

export function replicaSetOf(draw: Draw, name: string): object {
  const spec = { replicas: draw.int(1, 3), selector: { matchLabels: { app: name } }, template: podTemplate(draw, name, draw.pick(IMAGES)) };
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name, namespace: 'default' }, spec };
}

function controllerOf(draw: Draw, name: string): object {
  const spec = { replicas: draw.int(1, 3), selector: { app: name }, template: podTemplate(draw, name, draw.pick(IMAGES)) };
  return { apiVersion: 'v1', kind: 'ReplicationController', metadata: { name, namespace: 'default' }, spec };
}

export function podOf(draw: Draw, name: string): object {
  const isShort = ONCE.includes(name);
  const { metadata, spec } = podTemplate(draw, name, isShort ? SHORT_IMAGE : draw.pick(IMAGES)) as { metadata: object; spec: object };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { ...spec, ...(isShort ? { restartPolicy: draw.pick(['Never', 'OnFailure']) } : {}) },
  };
}

export type Request = Extract<Act, { do: 'request' }>;

/** The first workloads, so that there is something to lose. */
export function firstRequests(draw: Draw, host: () => number): Request[] {
  const create = (collection: string, name: string, body: object): Request => ({
    do: 'request',
    host: host(),
    method: 'POST',
    target: collection,
    body,
    what: `create ${name}`,
  });
  return [
    create(TARGETS.deployments, 'web', deploymentOf(draw, 'web')),
    create(TARGETS.replicasets, 'set', replicaSetOf(draw, 'set')),
    create(TARGETS.pods, 'solo', podOf(draw, 'solo')),
  ];
}

/** Something that a user asks of a peer. */
export function drawRequest(draw: Draw, host: number): Act {
  return draw.weighted<() => Act>([
    [4, () => create(draw, host)],
    [5, () => scale(draw, host)],
    [4, () => setImage(draw, host)],
    [2, () => label(draw, host)],
    [3, () => remove(draw, host)],
    [3, () => ({ do: 'deletePod', host, which: draw.int(0, 20), ...(draw.chance(0.3) ? { graceSeconds: 0 } : {}) })],
    [3, () => file(draw, host)],
  ])();
}

/** What another user asks of the same object in the same moment: an edit beside a deletion, a deletion or a size beside the rest. */
export function rivalOf(draw: Draw, { method, target, what }: Request, host: number): Request {
  const object = method === 'POST' ? `${target}/${what.split(' ').at(-1) ?? ''}` : target;
  const isPod = object.startsWith(TARGETS.pods);
  const labels = { metadata: { labels: { rival: draw.pick(['left', 'right']) } } };
  const size = { spec: { replicas: draw.int(0, MOST_REPLICAS) } };
  if (method !== 'DELETE' && draw.chance(0.5)) return { do: 'request', host, method: 'DELETE', target: object, what: `delete ${object}` };
  return {
    do: 'request',
    host,
    method: 'PATCH',
    target: object,
    body: isPod || draw.chance(0.3) ? labels : size,
    what: `change ${object}`,
  };
}

function create(draw: Draw, host: number): Act {
  const [target, name, body] = draw.weighted<() => [string, string, object]>([
    [5, () => withName(draw, DEPLOYMENTS, TARGETS.deployments, deploymentOf)],
    [2, () => withName(draw, REPLICA_SETS, TARGETS.replicasets, replicaSetOf)],
    [1, () => withName(draw, CONTROLLERS, TARGETS.controllers, controllerOf)],
    [3, () => withName(draw, [...PODS, ...ONCE], TARGETS.pods, podOf)],
  ])();
  return { do: 'request', host, method: 'POST', target, body, what: `create ${name}` };
}

function withName(
  draw: Draw,
  names: readonly string[],
  target: string,
  make: (draw: Draw, name: string) => object,
): [string, string, object] {
  const name = draw.pick(names);
  return [target, name, make(draw, name)];
}

function anyOwner(draw: Draw): [name: string, target: string] {
  const [name, collection] = draw.weighted<() => [string, string]>([
    [6, () => [draw.pick(DEPLOYMENTS), TARGETS.deployments]],
    [2, () => [draw.pick(REPLICA_SETS), TARGETS.replicasets]],
    [1, () => [draw.pick(CONTROLLERS), TARGETS.controllers]],
  ])();
  return [name, `${collection}/${name}`];
}

function scale(draw: Draw, host: number): Act {
  const [name, target] = anyOwner(draw);
  const replicas = draw.int(0, MOST_REPLICAS);
  return { do: 'request', host, method: 'PATCH', target, body: { spec: { replicas } }, what: `scale ${name} to ${replicas}` };
}

function setImage(draw: Draw, host: number): Act {
  const name = draw.pick(DEPLOYMENTS);
  const image = draw.pick(IMAGES);
  const template = podTemplate(draw, name, image);
  const target = `${TARGETS.deployments}/${name}`;
  return { do: 'request', host, method: 'PATCH', target, body: { spec: { template } }, what: `set the image of ${name} to ${image}` };
}

function label(draw: Draw, host: number): Act {
  const [name, target] = anyOwner(draw);
  const labels = { [draw.pick(['side', 'tier'])]: draw.pick(['left', 'right', null]) };
  return { do: 'request', host, method: 'PATCH', target, body: { metadata: { labels } }, what: `label ${name} ${JSON.stringify(labels)}` };
}

function remove(draw: Draw, host: number): Act {
  const [name, target] = draw.chance(0.3) ? podTarget(draw) : anyOwner(draw);
  return { do: 'request', host, method: 'DELETE', target, what: `delete ${name}` };
}

function podTarget(draw: Draw): [string, string] {
  const name = draw.pick([...PODS, ...ONCE]);
  return [name, `${TARGETS.pods}/${name}`];
}

function file(draw: Draw, host: number): Act {
  const name = draw.pick(FILES);
  const text = draw.chance(0.3) ? null : JSON.stringify(deploymentOf(draw, draw.pick(FILED)));
  return { do: 'file', host, file: name, text };
}
