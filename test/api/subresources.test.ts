import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mutation } from '../../protocol/desired.ts';
import { KithError } from '../../protocol/errors.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';
import type { DesiredObject } from '../../protocol/objects.ts';
import { type ApiWorld, apiWorld, deploymentManifest, podManifest } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const kinds = allKinds().map((kind) =>
  kind.plural === 'pods' ? { ...kind, subresources: [...new Set([...kind.subresources, 'binding', 'eviction'])] } : kind,
);

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld({ kinds: allKinds() });
});
afterEach(async () => {
  await world.stop();
});

describe('ephemeralcontainers', () => {
  const at = `${PODS}/web/ephemeralcontainers`;
  const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
  const added = (name: string, more: object = {}) => ({
    metadata: { labels: { sent: 'too' } },
    spec: { ephemeralContainers: [{ name, image: 'busybox', resources: {}, ...more }] },
  });
  beforeEach(async () => {
    await world.call('POST', PODS, podManifest('web'));
  });

  it('are added one after the other, and nothing else of what is sent is taken', async () => {
    const first = await world.call('PATCH', at, added('look', { targetContainerName: 'web' }), STRATEGIC);
    expect(first.body).toMatchObject({ kind: 'Pod', spec: { ephemeralContainers: [{ name: 'look', imagePullPolicy: 'Always' }] } });
    expect(first.body.metadata['labels']).toEqual({ app: 'web' });
    const second = await world.call('PATCH', at, added('more'), STRATEGIC);
    expect(second.body['spec']).toMatchObject({ ephemeralContainers: [{ name: 'look' }, { name: 'more' }] });
    expect((await world.call('GET', at)).body['spec']).toEqual(second.body['spec']);
  });

  it('are never changed or taken away, nor come with a pod, and have no more than is theirs', async () => {
    await world.call('PATCH', at, added('look'), STRATEGIC);
    const refused = async (method: string, url: string, body: object, headers = STRATEGIC): Promise<string> => {
      const { status, body: answer } = await world.call(method, url, body, method === 'PATCH' ? headers : undefined);
      expect([400, 422]).toContain(status);
      return answer.message;
    };
    expect(await refused('PATCH', at, { spec: { ephemeralContainers: null } }, MERGE)).toContain(
      'existing ephemeral containers "look" may not be removed',
    );
    expect(await refused('PATCH', at, added('look', { image: 'other' }))).toContain('"look" may not be changed');
    expect(await refused('PATCH', at, added('web'))).toContain('name: Duplicate value: "web"');
    expect(await refused('PATCH', at, added('x', { targetContainerName: 'none' }))).toContain('targetContainerName: Not found: "none"');
    expect(await refused('PATCH', at, added('x', { ports: [{ containerPort: 1 }] }))).toContain('cannot be set for an Ephemeral Container');
    expect(await refused('PATCH', `${PODS}/web`, added('x'))).toContain('changed: spec.ephemeralContainers');
    const { spec } = podManifest('new') as { spec: object };
    const pod = { ...podManifest('new'), spec: { ...spec, ...added('x').spec } };
    expect(await refused('POST', PODS, pod)).toContain('spec.ephemeralContainers: Forbidden: cannot be set on create');
  });

  it('may ask for no more than the namespace allows', async () => {
    const privileged = added('root', { securityContext: { privileged: true } });
    const { status, body } = await world.call('PATCH', at, privileged, STRATEGIC);
    expect([status, body.message]).toEqual([
      403,
      'pods "web" is forbidden: violates PodSecurity "baseline:latest": privileged (container "root" must not set securityContext.privileged=true)' +
        '; label the namespace pod-security.kubernetes.io/enforce=privileged to allow it',
    ]);
    const adding = added('adding', { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } });
    expect((await world.call('PATCH', at, adding, STRATEGIC)).body.message).toContain('non-default capabilities (container "adding"');
    expect((await world.call('GET', at)).body['spec']).not.toHaveProperty('ephemeralContainers');
    const label = { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } };
    expect((await world.call('PATCH', '/api/v1/namespaces/default', label, MERGE)).status).toBe(200);
    expect((await world.call('PATCH', at, privileged, STRATEGIC)).status).toBe(200);
  });
});

describe('scale', () => {
  beforeEach(async () => {
    await world.call('POST', DEPLOYMENTS, deploymentManifest('web', 2));
  });

  it('is shown as a Scale, with the selector as text', async () => {
    const scale = await world.call('GET', `${DEPLOYMENTS}/web/scale`);
    expect(scale.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=web' },
    });
  });

  it('is a Table of its own to who asks for one', async () => {
    const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const { body } = await world.call('GET', `${DEPLOYMENTS}/web/scale`, undefined, accept);
    const table = body as unknown as { kind: string; columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] };
    expect([table.kind, table.columnDefinitions.map(({ name }) => name)]).toEqual(['Table', ['Name', 'Desired', 'Available', 'Age']]);
    expect(table.rows[0]?.cells.slice(0, 3)).toEqual(['web', 2, 0]);
  });

  it('changes replicas alone, by merge patch and by PUT', async () => {
    const patched = await world.call('PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 4 } }, MERGE);
    expect(patched.body).toMatchObject({ kind: 'Scale', spec: { replicas: 4 } });
    const put = await world.call('PUT', `${DEPLOYMENTS}/web/scale`, { ...patched.body, spec: { replicas: 0 } });
    expect(put.body).toMatchObject({ spec: { replicas: 0 } });
    expect((await world.call('GET', `${DEPLOYMENTS}/web`)).body['spec']).toMatchObject({
      replicas: 0,
      selector: { matchLabels: { app: 'web' } },
    });
    const stale = await world.call('PUT', `${DEPLOYMENTS}/web/scale`, { ...patched.body, spec: { replicas: 9 } });
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
  });

  it('refuses what no scale can be', async () => {
    const negative = await world.call('PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: -1 } }, MERGE);
    expect(negative.body.message).toBe(
      'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web/scale`, { spec: { replicas: 'many' } }, MERGE)).body.code).toBe(400);
    expect((await world.call('GET', `${DEPLOYMENTS}/none/scale`)).body.message).toBe('deployments.apps "none" not found');
  });

  it('shows a status and refuses to write one', async () => {
    expect((await world.call('GET', `${DEPLOYMENTS}/web/status`)).body['kind']).toBe('Deployment');
    const written = await world.call('PATCH', `${DEPLOYMENTS}/web/status`, { status: {} }, MERGE);
    expect(written.body).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
  });
});

describe('binding and eviction', () => {
  beforeEach(async () => {
    await world.stop();
    world = await apiWorld({ kinds });
    world.set('nodes//node-1', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', uid: '', creationTimestamp: '' }, spec: {} });
    world.set('pods/default/web', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: '' },
      spec: { containers: [] },
    });
  });

  const bind = (name: string) => world.call('POST', `${PODS}/web/binding`, { target: { apiVersion: 'v1', kind: 'Node', name } });

  it('puts a pod onto a node, once', async () => {
    expect((await bind('nowhere')).body).toMatchObject({ code: 404, message: 'nodes "nowhere" not found' });
    expect((await bind('node-1')).status).toBe(201);
    expect((await world.call('GET', `${PODS}/web`)).body['spec']).toMatchObject({ nodeName: 'node-1' });
    expect((await bind('node-1')).body).toMatchObject({ code: 409 });
    expect((await bind('node-1')).body.message).toContain('pod web is already assigned to node "node-1"');
  });

  it('puts a pod nowhere while it is held back, until the last gate is lifted', async () => {
    const spec = { containers: [{ name: 'web', image: 'nginx' }], schedulingGates: [{ name: 'quota' }] };
    const placed = await world.call('POST', PODS, podManifest('placed', { spec: { ...spec, nodeName: 'node-1' } }));
    expect(placed.body.message).toContain('spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared');
    await world.call('DELETE', `${PODS}/web`);
    expect((await world.call('POST', PODS, podManifest('web', { spec }))).status).toBe(201);
    expect((await bind('node-1')).body).toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods/binding "web": pod web has non-empty .spec.schedulingGates',
    });
    const patch = [{ op: 'remove', path: '/spec/schedulingGates' }];
    expect((await world.call('PATCH', `${PODS}/web`, patch, { 'content-type': 'application/json-patch+json' })).status).toBe(200);
    expect((await bind('node-1')).status).toBe(201);
  });

  it('has an evicted pod replaced first, where that can be, unless it is told how long the pod has to stop', async () => {
    await world.stop();
    const annotated = (pod: DesiredObject): Mutation[] => {
      const next = { ...pod.object, metadata: { ...pod.object.metadata, annotations: { replaced: 'first' } } };
      return [{ type: 'update', key: pod.key, uid: pod.uid, base: pod.object, next }];
    };
    world = await apiWorld({ kinds, deps: { planEviction: annotated } });
    await world.call('POST', PODS, podManifest('web'));
    const evict = (more: object) => world.call('POST', `${PODS}/web/eviction`, { metadata: { name: 'web' }, ...more });
    expect((await evict({ deleteOptions: { preconditions: { uid: 'another' } } })).status).toBe(409);
    expect((await evict({ deleteOptions: { dryRun: ['All'] } })).status).toBe(201);
    expect((await world.call('GET', `${PODS}/web`)).body.metadata).not.toHaveProperty('annotations');
    expect((await evict({})).status).toBe(201);
    expect((await world.call('GET', `${PODS}/web`)).body.metadata).toMatchObject({ annotations: { replaced: 'first' } });
    expect((await evict({ deleteOptions: { gracePeriodSeconds: 0 } })).status).toBe(201);
    expect((await world.call('GET', `${PODS}/web`)).status).toBe(404);
  });

  it('evicts as a deletion does', async () => {
    await bind('node-1');
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web' }, deleteOptions: { gracePeriodSeconds: 5 } };
    expect((await world.call('POST', `${PODS}/web/eviction`, eviction)).status).toBe(201);
    expect((await world.call('GET', `${PODS}/web`)).body.metadata).toMatchObject({ deletionGracePeriodSeconds: 5 });
  });
});

describe('evictions under a disruption budget', () => {
  it('are refused while it has no room', async () => {
    await world.stop();
    world = await apiWorld({ kinds });
    const metadata = (name: string) => ({ name, namespace: 'default', uid: '', creationTimestamp: '', labels: { app: 'web' } });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    world.set('pods/default/web', { apiVersion: 'v1', kind: 'Pod', metadata: metadata('web'), spec: { containers: [] }, status });
    const budget = (disruptionsAllowed: number) =>
      world.set('poddisruptionbudgets.policy/default/two', {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: metadata('two'),
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'web' } } },
        status: { disruptionsAllowed, currentHealthy: 2, desiredHealthy: 2 },
      });
    const evict = () => world.call('POST', `${PODS}/web/eviction`, { metadata: { name: 'web' } });
    budget(0);
    const causes = [{ reason: 'DisruptionBudget', message: 'The disruption budget two needs 2 healthy pods and has 2 currently' }];
    const message = "Cannot evict pod as it would violate the pod's disruption budget.";
    expect((await evict()).body).toMatchObject({ code: 429, reason: 'TooManyRequests', message, details: { causes } });
    budget(1);
    expect((await evict()).status).toBe(201);
  });
});

describe('logs', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const running = { containerStatuses: [{ name: 'web', state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }] };
  const pod = (name: string, status: object | undefined, spec: object = {}): void => {
    const metadata = { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '' };
    const binding = { node: 'node-1', membersSeen: 1, membersKnown: 1, term: 1, by: 'leader', rank: 0, at: '' } as const;
    world.set(
      `pods/default/${name}`,
      { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'web' }], ...spec }, kith: { binding } },
      status,
    );
  };

  it('come as text from the node that has the pod', async () => {
    pod('web', running);
    world.logLines.chunks = [
      { at: 1767225600123.456789, stream: 'stdout', line: bytes('one') },
      { at: 1767225601000, stream: 'stderr', line: bytes('two') },
    ];
    const plain = await world.call('GET', `${PODS}/web/log?tailLines=10&sinceTime=2026-01-01T00:00:00Z`);
    expect(plain.headers['content-type']).toBe('text/plain');
    expect(plain.text).toBe('one\ntwo\n');
    expect(world.logRequests[0]).toEqual({
      node: 'node-1',
      podUid: 'uid-web',
      container: 'web',
      previous: false,
      follow: false,
      tailLines: 10,
      sinceMs: 1767225600000,
    });
    const stamped = await world.call('GET', `${PODS}/web/log?timestamps=true`);
    expect(stamped.text).toMatch(/^2026-01-01T00:00:00\.1234\d{5}Z one\n2026-01-01T00:00:01\.000000000Z two\n$/);
    expect((await world.call('GET', `${PODS}/web/log?limitBytes=5`)).text).toBe('one\nt');
  });

  it('follow until the client goes', async () => {
    pod('web', running);
    Object.assign(world.logLines, { chunks: [{ at: 0, stream: 'stdout', line: bytes('one') }], hang: true });
    const stream = await world.open(`${PODS}/web/log?follow=true`);
    expect((await stream.lines.next()).value).toBe('one');
    stream.close();
  });

  it('begin before the first line is there', async () => {
    pod('web', running);
    Object.assign(world.logLines, { chunks: [], hang: true });
    const stream = await world.open(`${PODS}/web/log?follow=true`);
    expect(stream.status).toBe(200);
    stream.close();
  });

  it('say why they can not be had, in Kubernetes’ words', async () => {
    const message = async (name: string, query = ''): Promise<string> =>
      (await world.call('GET', `${PODS}/${name}/log${query}`)).body.message;
    const waiting = (reason: string) => ({ containerStatuses: [{ name: 'web', state: { waiting: { reason } } }] });
    pod('creating', waiting('ContainerCreating'));
    expect(await message('creating')).toBe('container "web" in pod "creating" is waiting to start: ContainerCreating');
    pod('pulling', waiting('ImagePullBackOff'));
    expect(await message('pulling')).toBe('container "web" in pod "pulling" is waiting to start: trying and failing to pull image');
    pod('broken', waiting('ErrImagePull'));
    expect(await message('broken')).toBe(`container "web" in pod "broken" is waiting to start: image can't be pulled`);
    pod('two', running, { containers: [{ name: 'web' }, { name: 'side' }], initContainers: [{ name: 'prepare' }] });
    expect(await message('two')).toBe(
      'a container name must be specified for pod two, choose one of: [web side] or one of the init containers: [prepare]',
    );
    expect(await message('two', '?container=none')).toBe('container none is not valid for pod two');
    expect(await message('two', '?container=web&previous=true')).toBe('previous terminated container "web" in pod "two" not found');
    expect(await message('two', '?container=web&tailLines=-1')).toBe(
      'PodLogOptions "two" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    );
    await world.call('POST', PODS, podManifest('loose'));
    expect(await message('loose')).toBe('pod loose does not have a host assigned');
    expect(await message('none')).toBe('pods "none" not found');
  });

  it('tell a failure that comes before any line with a Status, and cut the answer after one', async () => {
    pod('web', running);
    world.logLines.fail = new KithError('PeerUnreachable', 'node-1 has gone');
    const early = await world.call('GET', `${PODS}/web/log`);
    expect(early.body).toMatchObject({ code: 503, reason: 'ServiceUnavailable' });
    expect(early.body.message).toContain('node-1');
    world.logLines.chunks = [{ at: 0, stream: 'stdout', line: bytes('one') }];
    await expect(world.call('GET', `${PODS}/web/log`)).rejects.toThrow(/aborted/);
  });
});
