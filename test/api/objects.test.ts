import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../protocol/objects.ts';
import { encodeProtobuf } from '../support/protobuf-encoder.ts';
import { type ApiWorld, apiWorld, deploymentManifest, podManifest } from './support/world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json' };
const MERGE = { 'content-type': 'application/merge-patch+json' };

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

describe('creating', () => {
  it('stores an object with its defaults and answers 201 with what is shown', async () => {
    const answer = await world.call('POST', PODS, podManifest('web', { status: { phase: 'Running' } }));
    expect(answer.status).toBe(201);
    const pod = answer.body as unknown as KubeObject & { spec: Record<string, unknown> };
    expect(pod.metadata.uid).not.toBe('');
    expect(pod.metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    expect(pod.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(pod.spec['restartPolicy']).toBe('Always');
    expect(pod['status']).toBeUndefined();
    expect((await world.call('GET', `${PODS}/web`)).body).toEqual(answer.body);
  });

  it('fills kind, apiVersion and namespace in from the URL', async () => {
    const { kind: _kind, apiVersion: _apiVersion, ...bare } = podManifest('web');
    const answer = await world.call('POST', PODS, bare);
    expect(answer.body).toMatchObject({ kind: 'Pod', apiVersion: 'v1', metadata: { namespace: 'default' } });
  });

  it('draws a name for generateName', async () => {
    const answer = await world.call('POST', PODS, podManifest('', { metadata: { generateName: 'web-' } }));
    expect(answer.status).toBe(201);
    expect(answer.body.metadata['name']).toMatch(/^web-[a-z0-9]{5}$/);
  });

  it('refuses what exists, in a namespace that does not, and in one that is going', async () => {
    await world.call('POST', PODS, podManifest('web'));
    const twice = await world.call('POST', PODS, podManifest('web'));
    expect(twice.body).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'pods "web" already exists',
      details: { name: 'web', kind: 'pods' },
    });
    const nowhere = await world.call('POST', '/api/v1/namespaces/nowhere/pods', podManifest('web'));
    expect(nowhere.body).toMatchObject({ code: 404, reason: 'NotFound', message: 'namespaces "nowhere" not found' });
    await world.call('DELETE', '/api/v1/namespaces/other');
    const going = await world.call('POST', '/api/v1/namespaces/other/pods', podManifest('web'));
    expect(going.body).toMatchObject({ code: 403, reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } });
    expect(going.body.message).toContain('because it is being terminated');
  });

  it('refuses the wrong kind, the wrong namespace, and what is not an object', async () => {
    expect((await world.call('POST', PODS, deploymentManifest('web'))).body).toMatchObject({ code: 400, reason: 'BadRequest' });
    const elsewhere = await world.call('POST', PODS, podManifest('web', { metadata: { name: 'web', namespace: 'other' } }));
    expect(elsewhere.body.message).toBe('the namespace of the provided object does not match the namespace sent on the request');
    expect((await world.call('POST', PODS, '[1,2')).body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect((await world.call('POST', PODS, [])).body.code).toBe(400);
    expect((await world.call('POST', PODS, '['.repeat(100_000), {})).body.code).toBe(400);
  });

  it('says every rule that an object breaks, with its field', async () => {
    const answer = await world.call('POST', PODS, podManifest('web', { spec: { containers: [{ name: 'Web_1' }] } }));
    expect(answer.body).toMatchObject({ code: 422, reason: 'Invalid', details: { name: 'web', kind: 'Pod' } });
    expect(answer.body.message).toMatch(/^Pod "web" is invalid: \[?spec\.containers\[0\]/);
    expect((answer.body.details['causes'] as { field: string }[]).map(({ field }) => field)).toContain('spec.containers[0].name');
  });

  it('judges unknown fields as the client asks: an error, a warning, or nothing', async () => {
    const typo = podManifest('web', { spec: { containers: [{ name: 'web', image: 'nginx', imagePullPolice: 'Never' }] } });
    const strict = await world.call('POST', `${PODS}?fieldValidation=Strict`, typo);
    expect(strict.body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(strict.body.message).toContain('strict decoding error: unknown field "spec.containers[0].imagePullPolice"');
    expect(strict.body.details['causes']).toMatchObject([{ field: 'spec.containers[0].imagePullPolice' }]);
    const warn = await world.call('POST', PODS, typo);
    expect(warn.status).toBe(201);
    expect(warn.headers['warning']).toBe('299 - "unknown field \\"spec.containers[0].imagePullPolice\\""');
    await world.call('DELETE', `${PODS}/web`);
    const ignore = await world.call('POST', `${PODS}?fieldValidation=Ignore`, typo);
    expect(ignore.headers['warning']).toBeUndefined();
  });

  it('passes on what an acknowledgement warns of', async () => {
    world.desired.warnings = ['no other member is alive: a loss of this disk would lose this write'];
    const answer = await world.call('POST', PODS, podManifest('web'));
    expect(answer.headers['warning']).toContain('no other member is alive');
  });

  it('writes nothing for a dry run', async () => {
    const answer = await world.call('POST', `${PODS}?dryRun=All`, podManifest('web'));
    expect(answer.status).toBe(201);
    expect(world.desired.batches).toEqual([]);
    expect((await world.call('POST', `${PODS}?dryRun=Some`, podManifest('web'))).body.code).toBe(400);
  });

  it('turns a nodeName into a binding, and a binding into a nodeName', async () => {
    const spec = { nodeName: 'node-1', containers: [{ name: 'web', image: 'nginx' }] };
    const answer = await world.call('POST', PODS, podManifest('web', { spec }));
    expect(answer.body['spec']).toMatchObject({ nodeName: 'node-1' });
    const stored = world.desired.read('pods/default/web')?.object;
    expect(stored?.kith?.binding).toMatchObject({ node: 'node-1', by: 'user', membersSeen: 2, membersKnown: 3, term: 7 });
    expect(stored?.['spec']).not.toHaveProperty('nodeName');
  });

  it('reads protobuf, and answers what is broken with 400, of an unknown type with 415 and too much with 413, in words', async () => {
    const type = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const made = await world.call(
      'POST',
      DEPLOYMENTS,
      encodeProtobuf(deploymentManifest('binary') as Parameters<typeof encodeProtobuf>[0]),
      type,
    );
    expect(made.body).toMatchObject({ kind: 'Deployment', spec: { replicas: 2 } });
    expect((await world.call('POST', PODS, 'k8s\0', type)).body).toMatchObject({
      code: 400,
      message: expect.stringMatching(/no field numbers/) as string,
    });
    const cbor = await world.call('POST', PODS, 'x', { 'content-type': 'application/cbor' });
    expect(cbor.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    const big = podManifest('web', { metadata: { name: 'web', annotations: { a: 'x'.repeat(4 * 1024 * 1024) } } });
    expect((await world.call('POST', PODS, big)).body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
  });

  it('refuses to write what is not for clients', async () => {
    const member = await world.call('DELETE', '/apis/kith.dev/v1/members/x');
    expect(member.body).toMatchObject({ code: 403, reason: 'Forbidden' });
    const event = await world.call('DELETE', '/api/v1/namespaces/default/events/x');
    expect(event.body).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
  });

  it('takes an older apiVersion at its own path, with a warning', async () => {
    const old = { ...deploymentManifest('web'), apiVersion: 'extensions/v1beta1' };
    const answer = await world.call('POST', '/apis/extensions/v1beta1/namespaces/default/deployments', old);
    expect(answer.body).toMatchObject({ kind: 'Deployment', apiVersion: 'apps/v1' });
    expect(answer.headers['warning']).toContain('extensions/v1beta1');
    expect((await world.call('GET', `${DEPLOYMENTS}/web`)).status).toBe(200);
  });
});

describe('reading', () => {
  it('lists by namespace, label and field', async () => {
    for (const name of ['a', 'b']) await world.call('POST', PODS, podManifest(name));
    await world.call('POST', '/api/v1/namespaces/other/pods', podManifest('c'));
    const names = async (url: string): Promise<string[]> => (await world.call('GET', url)).body.items.map(({ metadata }) => metadata.name);
    expect(await names(PODS)).toEqual(['a', 'b']);
    expect(await names('/api/v1/pods?limit=500')).toEqual(['a', 'b', 'c']);
    expect(await names(`${PODS}?labelSelector=${encodeURIComponent('app in (b,c)')}`)).toEqual(['b']);
    expect(await names('/api/v1/pods?fieldSelector=metadata.name%3Dc')).toEqual(['c']);
    expect(await names('/api/v1/pods?fieldSelector=metadata.namespace%21%3Ddefault')).toEqual(['c']);
    const list = (await world.call('GET', PODS)).body;
    const { resourceVersion } = world.cache.list('pods');
    expect(list).toMatchObject({ kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion } });
  });

  it('refuses selectors that it can not understand', async () => {
    expect((await world.call('GET', `${PODS}?labelSelector=a%20b`)).body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect((await world.call('GET', `${PODS}?fieldSelector=spec.foo%3D1`)).body.message).toBe('field label not supported: spec.foo');
  });

  it('shows tables, with the object of each row as asked for', async () => {
    await world.call('POST', PODS, podManifest('web'));
    const table = (await world.call('GET', PODS, undefined, TABLE)).body as unknown as {
      kind: string;
      columnDefinitions: { name: string; format: string }[];
      rows: { cells: unknown[]; object: KubeObject }[];
    };
    expect(table.kind).toBe('Table');
    expect(table.columnDefinitions[0]).toMatchObject({ name: 'Name', format: 'name' });
    expect(table.rows[0]?.cells[0]).toBe('web');
    expect(table.rows[0]?.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'web' } });
    expect(table.rows[0]?.object).not.toHaveProperty('spec');
    const whole = (await world.call('GET', `${PODS}/web?includeObject=Object`, undefined, TABLE)).body as unknown as typeof table;
    expect(whole.rows[0]?.object).toHaveProperty('spec');
  });

  it('answers only in what it has', async () => {
    const none = await world.call('GET', PODS, undefined, { accept: 'application/vnd.kubernetes.protobuf' });
    expect(none.body).toMatchObject({ code: 406, reason: 'NotAcceptable' });
    const both = await world.call('GET', PODS, undefined, { accept: 'application/vnd.kubernetes.protobuf, */*' });
    expect(both.status).toBe(200);
    const partial = await world.call('GET', PODS, undefined, {
      accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    });
    expect(partial.body['kind']).toBe('PartialObjectMetadataList');
  });

  it('says 404 of what is not there, in Kubernetes’ words', async () => {
    const pod = await world.call('GET', `${PODS}/web`);
    expect(pod.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'pods "web" not found',
      reason: 'NotFound',
      details: { name: 'web', kind: 'pods' },
      code: 404,
    });
    expect((await world.call('GET', `${DEPLOYMENTS}/web`)).body).toMatchObject({
      message: 'deployments.apps "web" not found',
      details: { name: 'web', group: 'apps', kind: 'deployments' },
    });
    for (const path of [
      '/api/v1/widgets',
      '/apis/nope/v1',
      '/api/v2',
      '/elsewhere',
      '/api/v1/nodes/node-1/proxy',
      '/api/v1/pods/web',
      `${PODS}/web/log/x`,
    ]) {
      const { body } = await world.call('GET', path);
      expect(body).toMatchObject({ message: 'the server could not find the requested resource', details: {} });
    }
    expect((await world.call('GET', '/api/v1/namespaces/%E0%A4%A/pods')).body.code).toBe(400);
  });

  it('refuses continue tokens and versions of other peers with 410', async () => {
    for (const query of ['continue=abc', 'resourceVersion=12345', 'resourceVersion=12345&resourceVersionMatch=NotOlderThan']) {
      expect((await world.call('GET', `${PODS}?${query}`)).body).toMatchObject({ code: 410, reason: 'Expired' });
    }
    expect((await world.call('GET', `${PODS}?resourceVersion=0`)).status).toBe(200);
    const own = world.cache.resourceVersion();
    expect((await world.call('GET', `${PODS}?resourceVersion=${own}&resourceVersionMatch=Exact`)).status).toBe(200);
  });
});

describe('updating', () => {
  it('replaces what clients may write and keeps what they may not', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const next = {
      ...created,
      spec: { ...(created['spec'] as object), replicas: 5 },
      metadata: { ...created.metadata, creationTimestamp: null, generation: 99 },
    };
    const answer = await world.call('PUT', `${DEPLOYMENTS}/web`, next);
    expect(answer.status).toBe(200);
    expect(answer.body['spec']).toMatchObject({ replicas: 5 });
    expect(answer.body.metadata).toMatchObject({
      creationTimestamp: created.metadata['creationTimestamp'],
      generation: 2,
      uid: created.metadata['uid'],
    });
    expect(answer.body.metadata['resourceVersion']).not.toBe(created.metadata['resourceVersion']);
  });

  it('refuses an old version, a version of another peer and another uid with 409', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const put = (metadata: object) =>
      world.call('PUT', `${DEPLOYMENTS}/web`, { ...created, metadata: { ...created.metadata, ...metadata } });
    await put({ labels: { a: '1' } });
    const stale = await put({ labels: { a: '2' } });
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect((await put({ resourceVersion: '12345' })).body.code).toBe(409);
    expect((await put({ resourceVersion: '', uid: 'other' })).body.message).toContain('UID in precondition: other');
    expect((await put({ resourceVersion: '', labels: { a: '3' } })).status).toBe(200);
  });

  it('lets one of two that saw the same version win', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const puts = ['1', '2', '3'].map((a) =>
      world.call('PUT', `${DEPLOYMENTS}/web`, { ...created, metadata: { ...created.metadata, labels: { a } } }),
    );
    const codes = (await Promise.all(puts)).map(({ status }) => status).sort();
    expect(codes).toEqual([200, 409, 409]);
  });

  it('refuses another name than the URL’s, what may not change, and what is not there', async () => {
    await world.call('POST', PODS, podManifest('web'));
    expect((await world.call('PUT', `${PODS}/web`, podManifest('db'))).body.message).toBe(
      'the name of the object (db) does not match the name on the URL (web)',
    );
    expect((await world.call('PUT', `${PODS}/none`, podManifest('none'))).body).toMatchObject({
      code: 404,
      message: 'pods "none" not found',
    });
    const hostNetwork = { containers: [{ name: 'web', image: 'nginx' }], restartPolicy: 'Never' };
    expect((await world.call('PUT', `${PODS}/web`, podManifest('web', { spec: hostNetwork }))).body).toMatchObject({
      code: 422,
      reason: 'Invalid',
    });
  });

  it('never moves a pod', async () => {
    await world.call('POST', PODS, podManifest('web'));
    const moved = await world.call('PATCH', `${PODS}/web`, { spec: { nodeName: 'node-2' } }, MERGE);
    expect(moved.body).toMatchObject({ code: 422, details: { causes: [{ field: 'spec.nodeName' }] } });
  });

  it('writes nothing when nothing changes', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const again = await world.call('PUT', `${DEPLOYMENTS}/web`, created);
    expect(again.body.metadata['resourceVersion']).toBe(created.metadata['resourceVersion']);
    expect(world.desired.batches).toHaveLength(1);
  });

  it('buries a marked object when its last finalizer is taken away', async () => {
    const held = { ...deploymentManifest('web'), metadata: { name: 'web', finalizers: ['example.com/hold'] } };
    await world.call('POST', DEPLOYMENTS, held);
    const marked = await world.call('DELETE', `${DEPLOYMENTS}/web`);
    expect(marked.body.metadata).toMatchObject({ deletionGracePeriodSeconds: 0 });
    expect(marked.body.metadata['deletionTimestamp']).toBeDefined();
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, { metadata: { finalizers: null } }, MERGE)).status).toBe(200);
    expect((await world.call('GET', `${DEPLOYMENTS}/web`)).status).toBe(404);
  });
});

describe('patching', () => {
  it('merges, removes with null, defaults and validates again', async () => {
    await world.call('POST', DEPLOYMENTS, { ...deploymentManifest('web'), metadata: { name: 'web', labels: { a: '1', b: '2' } } });
    const patch = { metadata: { labels: { a: null, c: '3' } }, spec: { replicas: null } };
    const answer = await world.call('PATCH', `${DEPLOYMENTS}/web`, patch, MERGE);
    expect(answer.body.metadata['labels']).toEqual({ b: '2', c: '3' });
    expect(answer.body['spec']).toMatchObject({ replicas: 1 });
    const bad = await world.call('PATCH', `${DEPLOYMENTS}/web`, { spec: { replicas: -1 } }, MERGE);
    expect(bad.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, { metadata: { resourceVersion: '1' } }, MERGE)).body.code).toBe(409);
  });

  it('applies JSON patches, and refuses those that do not fit', async () => {
    await world.call('POST', DEPLOYMENTS, deploymentManifest('web'));
    const type = { 'content-type': 'application/json-patch+json' };
    const answer = await world.call('PATCH', `${DEPLOYMENTS}/web`, [{ op: 'replace', path: '/spec/replicas', value: 4 }], type);
    expect(answer.body['spec']).toMatchObject({ replicas: 4 });
    const wrong = await world.call('PATCH', `${DEPLOYMENTS}/web`, [{ op: 'test', path: '/spec/replicas', value: 9 }], type);
    expect(wrong.body).toMatchObject({ code: 422, reason: 'Invalid' });
    const bomb = [{ op: 'add', path: '/metadata/annotations', value: { a: 'x'.repeat(1000) } }];
    const copies = Array.from({ length: 30 }, (_, index) => ({
      op: 'copy',
      from: '/metadata/annotations',
      path: `/metadata/annotations/${index}`,
    }));
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, [...bomb, ...copies], type)).body).toMatchObject({ code: 413 });
    const prototype = [{ op: 'add', path: '/__proto__/polluted', value: true }];
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, prototype, type)).status).toBe(422);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('says which kinds of patch it takes', async () => {
    for (const type of ['application/json', 'application/apply-patch+cbor']) {
      const answer = await world.call('PATCH', `${DEPLOYMENTS}/web`, {}, { 'content-type': type });
      expect(answer.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
      expect(answer.body.message).toContain('application/merge-patch+json');
    }
  });
});

describe('deleting', () => {
  const bound = podManifest('web', {
    spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 20, containers: [{ name: 'web', image: 'nginx' }] },
  });

  it('marks a pod that a node has to stop first, with its grace period', async () => {
    await world.call('POST', PODS, bound);
    const answer = await world.call('DELETE', `${PODS}/web`, { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' });
    expect(answer.body).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 20 } });
    const inMs = Date.parse(answer.body.metadata['deletionTimestamp'] as string) - Date.now();
    expect(inMs).toBeGreaterThan(15_000);
    expect(inMs).toBeLessThan(21_000);
    const now = await world.call('DELETE', `${PODS}/web?gracePeriodSeconds=0`);
    expect(now.body['kind']).toBe('Pod');
    expect((await world.call('GET', `${PODS}/web`)).status).toBe(404);
  });

  it('buries at once what nothing holds, and says so with a Status', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const answer = await world.call('DELETE', `${DEPLOYMENTS}/web`);
    expect(answer.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'web', group: 'apps', kind: 'deployments', uid: created.metadata['uid'] },
    });
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web`)).body.code).toBe(404);
    await world.call('POST', PODS, podManifest('loose'));
    expect((await world.call('DELETE', `${PODS}/loose`)).body['kind']).toBe('Pod');
    expect((await world.call('GET', `${PODS}/loose`)).status).toBe(404);
  });

  it('honours preconditions and dry runs', async () => {
    const created = (await world.call('POST', DEPLOYMENTS, deploymentManifest('web'))).body;
    const wrong = await world.call('DELETE', `${DEPLOYMENTS}/web`, { preconditions: { uid: 'other' } });
    expect(wrong.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web`, { preconditions: { resourceVersion: '1' } })).body.code).toBe(409);
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web`, { dryRun: ['All'] })).status).toBe(200);
    expect((await world.call('GET', `${DEPLOYMENTS}/web`)).status).toBe(200);
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web`, { preconditions: { uid: created.metadata['uid'] } })).status).toBe(200);
  });

  it('waits for what an object owns when it is told to, and marks it with the finalizer that says so', async () => {
    for (const [name, propagationPolicy, finalizer] of [
      ['front', 'Foreground', 'foregroundDeletion'],
      ['free', 'Orphan', 'orphan'],
    ] as const) {
      await world.call('POST', DEPLOYMENTS, deploymentManifest(name));
      const answer = await world.call('DELETE', `${DEPLOYMENTS}/${name}`, { kind: 'DeleteOptions', propagationPolicy });
      expect(answer.body).toMatchObject({ kind: 'Deployment', metadata: { finalizers: [finalizer], deletionGracePeriodSeconds: 0 } });
      const { base, next } = world.desired.batches.at(-1)?.[0] as { base: KubeObject; next: KubeObject };
      expect([base.metadata.finalizers, next.metadata.finalizers]).toEqual([undefined, [finalizer]]);
    }
  });

  it('refuses by name what it does not do, and the namespaces that must stay', async () => {
    await world.call('POST', DEPLOYMENTS, deploymentManifest('web'));
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web?propagationPolicy=Nonsense`)).body).toMatchObject({
      code: 422,
      message: expect.stringContaining('supported values: "Background", "Foreground", "Orphan"') as string,
    });
    expect((await world.call('DELETE', `${DEPLOYMENTS}/web`, { propagationPolicy: 'Orphan', orphanDependents: true })).body.code).toBe(422);
    expect((await world.call('DELETE', '/api/v1/namespaces/default')).body.message).toBe(
      'namespaces "default" is forbidden: this namespace may not be deleted',
    );
    expect((await world.call('DELETE', '/api/v1/namespaces/other')).body).toMatchObject({
      kind: 'Namespace',
      metadata: { deletionGracePeriodSeconds: 0 },
    });
  });

  it('deletes what a selector names', async () => {
    for (const name of ['a', 'b', 'c']) await world.call('POST', PODS, podManifest(name));
    const answer = await world.call('DELETE', `${PODS}?labelSelector=${encodeURIComponent('app!=b')}`);
    expect(answer.body.items.map(({ metadata }) => metadata.name).sort()).toEqual(['a', 'c']);
    expect((await world.call('GET', PODS)).body.items).toHaveLength(1);
  });
});
