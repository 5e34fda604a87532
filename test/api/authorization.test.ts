import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Api } from '../../daemon/api/api.ts';
import { defaultRoles } from '../../daemon/core/authorization/default-roles.ts';
import type { HttpConnection } from '../../daemon/ports/http.ts';
import { type ApiWorld, apiWorld, podManifest } from './support/world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
  for (const role of defaultRoles('2026-01-01T00:00:00Z'))
    world.set(`${role.kind.toLowerCase()}s.rbac.authorization.k8s.io//${role.metadata.name}`, role);
});
afterEach(async () => {
  await world.stop();
});

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const pods = '/api/v1/namespaces/default/pods';

/** Asks as somebody whom a client certificate names. */
async function as(user: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const credential: HttpConnection['credential'] = { type: 'certificate', user, groups: ['dev'], fingerprint: '' };
  const [route = '', search] = path.split('?');
  const answer = await new Api(world.deps, { kithVersion: '0.1.0' }).handle({
    method,
    path: route,
    query: new URLSearchParams(search),
    headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json', ...headers },
    connection: { credential, remoteAddress: '' },
    body: async () => new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body)),
    signal: new AbortController().signal,
  });
  return {
    status: answer.status,
    body: JSON.parse(typeof answer.body === 'string' ? answer.body : '{}') as Record<string, unknown> & {
      message: string;
      status: Record<string, unknown>;
    },
  };
}

async function bind(role: string, user: string, namespace = 'default') {
  const [kind, name] = role.split('/');
  const body = { metadata: { generateName: 'b-' }, roleRef: { kind, name }, subjects: [{ kind: 'User', name: user }] };
  expect((await world.call('POST', `${RBAC}/namespaces/${namespace}/rolebindings`, body)).status).toBe(201);
}

describe('RBAC', () => {
  it('refuses in Kubernetes’ words, until a role is bound, and again when it is not any more', async () => {
    const refused = await as('ann', 'GET', pods);
    expect(refused.body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    await bind('ClusterRole/view', 'ann');
    expect((await as('ann', 'GET', pods)).status).toBe(200);
    expect((await as('ann', 'GET', '/api/v1/pods')).body.message).toContain(
      'cannot list resource "pods" in API group "" at the cluster scope',
    );
    expect((await as('ann', 'POST', pods, podManifest('x'))).body.message).toContain('cannot create resource "pods"');
    await world.call('DELETE', `${RBAC}/namespaces/default/rolebindings`);
    expect((await as('ann', 'GET', pods)).status).toBe(403);
  });

  it('is asked for paths, too', async () => {
    expect((await as('ann', 'GET', '/version')).status).toBe(200);
    expect((await as('ann', 'GET', '/kith.dev/v1/peers')).body.message).toBe('forbidden: User "ann" cannot get path "/kith.dev/v1/peers"');
    expect((await as('ann', 'POST', '/kith.dev/v1/tokens', {})).status).toBe(403);
  });

  it('gives powerful things to nobody who has not all rights anyhow', async () => {
    const rules = [{ verbs: ['*'], nonResourceURLs: ['*'] }];
    await world.call('POST', `${RBAC}/clusterroles`, { metadata: { name: 'paths' }, rules });
    const binding = (name: string) => ({
      metadata: { name: `of-${name}` },
      roleRef: { kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', name: 'ann' }],
    });
    await world.call('POST', `${RBAC}/clusterrolebindings`, binding('paths'));
    expect((await as('ann', 'GET', '/kith.dev/v1/peers')).status).toBe(200);
    expect((await as('ann', 'POST', '/kith.dev/v1/tokens', {})).body.message).toContain('User "ann" cannot let hosts join');
    expect((await as('ann', 'GET', '/kith.dev/v1/kubeconfig')).status).toBe(403);
    await world.call('POST', `${RBAC}/clusterrolebindings`, binding('cluster-admin'));
    expect((await as('ann', 'POST', '/kith.dev/v1/tokens', {})).status).toBe(201);
  });

  it('holds for a namespace in itself, and for a list of one name', async () => {
    const rules = [
      {
        verbs: ['get', 'list', 'create', 'deletecollection'],
        apiGroups: [''],
        resources: ['namespaces', 'configmaps'],
        resourceNames: ['default', 'x'],
      },
    ];
    await world.call('POST', `${RBAC}/namespaces/default/roles`, { metadata: { name: 'one' }, rules });
    await bind('Role/one', 'ann');
    expect((await as('ann', 'GET', '/api/v1/namespaces/default')).status).toBe(200);
    expect((await as('ann', 'GET', '/api/v1/namespaces/other')).status).toBe(403);
    const maps = '/api/v1/namespaces/default/configmaps';
    expect((await as('ann', 'GET', `${maps}?fieldSelector=metadata.name%3Dx`)).status).toBe(200);
    expect((await as('ann', 'GET', maps)).status).toBe(403);
    expect((await as('ann', 'GET', `${maps}?fieldSelector=metadata.name!%3Dx`)).status).toBe(403);
    // A selector says nothing of what is written.
    expect((await as('ann', 'POST', `${maps}?fieldSelector=metadata.name%3Dx`, { metadata: { name: 'other' } })).status).toBe(403);
    expect((await as('ann', 'DELETE', `${maps}?fieldSelector=metadata.name%3Dx`)).status).toBe(403);
  });

  it('lets who may only read not into a container', async () => {
    const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods', 'pods/exec', 'pods/log'] }];
    await world.call('POST', `${RBAC}/namespaces/default/roles`, { metadata: { name: 'reader' }, rules });
    await bind('Role/reader', 'ann');
    expect((await as('ann', 'GET', `${pods}/x/log`)).status).toBe(404);
    const refused = await as('ann', 'GET', `${pods}/x/exec?command=sh`);
    expect(refused.body.message).toContain('pods "x" is forbidden: User "ann" cannot create resource "pods/exec"');
  });

  it('lets nobody grant what he does not have', async () => {
    await bind('ClusterRole/admin', 'ann');
    const roles = `${RBAC}/namespaces/default/roles`;
    const rule = (resource: string) => ({
      metadata: { name: resource },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: [resource] }],
    });
    expect((await as('ann', 'POST', roles, rule('pods'))).status).toBe(201);
    const refused = await as('ann', 'POST', roles, rule('nodes'));
    expect(refused.body).toMatchObject({
      code: 403,
      message:
        'roles.rbac.authorization.k8s.io "nodes" is forbidden: user "ann" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
    });
    expect((await as('ann', 'PATCH', `${roles}/pods`, { rules: rule('nodes').rules })).status).toBe(403);
    expect((await as('ann', 'PATCH', `${roles}/pods`, { metadata: { labels: { a: 'b' } } })).status).toBe(200);
    const binding = (name: string) => ({
      metadata: { name },
      roleRef: { kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', name: 'bob' }],
    });
    const bindings = `${RBAC}/namespaces/default/rolebindings`;
    expect((await as('ann', 'POST', bindings, binding('view'))).status).toBe(201);
    expect((await as('ann', 'POST', bindings, binding('cluster-admin'))).status).toBe(403);
    // With the verb `bind` it is allowed all the same.
    const may = {
      metadata: { name: 'binder' },
      rules: [{ verbs: ['bind'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'] }],
    };
    await world.call('POST', roles, may);
    await bind('Role/binder', 'ann');
    expect((await as('ann', 'POST', bindings, binding('cluster-admin'))).status).toBe(201);
  });

  it('has requests made for somebody else by those only who may', async () => {
    const other = { 'impersonate-user': 'ann' };
    expect((await as('bob', 'GET', pods, undefined, other)).body.message).toContain(
      'users "ann" is forbidden: User "bob" cannot impersonate resource "users"',
    );
    await bind('ClusterRole/view', 'ann');
    expect((await world.call('GET', pods, undefined, other)).status).toBe(200);
    expect((await world.call('POST', pods, podManifest('x'), other)).body.message).toContain('User "ann" cannot create');
    expect((await world.call('GET', pods, undefined, { 'impersonate-user': 'x', 'impersonate-uid': 'y' })).status).toBe(400);
  });
});

describe('reviews', () => {
  const self = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const asks = (verb: string, resource: string, namespace = 'default') => ({ spec: { resourceAttributes: { verb, resource, namespace } } });

  it('say who I am and what I may do', async () => {
    await bind('ClusterRole/view', 'ann');
    expect((await as('ann', 'POST', self, asks('list', 'pods'))).body.status).toEqual({ allowed: true });
    expect((await as('ann', 'POST', self, asks('delete', 'pods'))).body.status).toMatchObject({ allowed: false });
    const who = await as('ann', 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(who.body.status).toEqual({ userInfo: { username: 'ann', groups: ['dev', 'system:authenticated'] } });
    const rules = await as('ann', 'POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'default' } });
    expect(JSON.stringify(rules.body.status['resourceRules'])).toContain('pods/log');
    expect(rules.body.status).toMatchObject({ incomplete: false });
    expect((await as('ann', 'POST', self, { spec: {} })).status).toBe(422);
    expect((await as('ann', 'POST', `${self}?fieldValidation=Strict`, { spec: { nonsense: 1 } })).status).toBe(400);
  });

  it('of others are for those who may ask', async () => {
    const of = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const question = { spec: { user: 'ann', ...asks('list', 'pods').spec } };
    expect((await as('bob', 'POST', of, question)).status).toBe(403);
    expect((await world.call('POST', of, question)).body['status']).toMatchObject({ allowed: false });
    await bind('ClusterRole/view', 'ann');
    expect((await world.call('POST', of, question)).body['status']).toEqual({ allowed: true });
  });

  it('are kept nowhere, and can only be asked', async () => {
    expect((await world.call('GET', self)).status).toBe(405);
    expect([...world.desired.objects.keys()].some((key) => key.includes('review'))).toBe(false);
  });
});
