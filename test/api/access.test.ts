import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Api } from '../../daemon/api/api.ts';
import type { HttpConnection, HttpRequest, HttpResponse } from '../../daemon/ports/http.ts';
import { allKinds } from '../../protocol/kinds/registry.ts';
import { type ApiWorld, apiWorld } from './support/world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

function ask(
  api: Api,
  path: string,
  credential: HttpConnection['credential'],
  options: { headers?: Record<string, string>; method?: string; body?: string } = {},
): Promise<HttpResponse> {
  const request: HttpRequest = {
    method: options.method ?? 'GET',
    path,
    query: new URLSearchParams(),
    headers: options.headers ?? {},
    connection: { credential, remoteAddress: '10.0.0.9:5555' },
    body: async () => new TextEncoder().encode(options.body ?? ''),
    signal: new AbortController().signal,
  };
  return api.handle(request);
}

const certificate = (user: string, groups: string[]): HttpConnection['credential'] => ({
  type: 'certificate',
  user,
  groups,
  fingerprint: `print-${user}`,
});
const none: HttpConnection['credential'] = { type: 'none' };

describe('who may ask', () => {
  it('is nobody without authentication, wherever they ask', async () => {
    for (const path of [
      '/',
      '/api',
      '/version',
      '/healthz',
      '/openapi/v3',
      '/kith.dev/v1/peers',
      '/kith.dev/v1/tokens',
      '/api/v1/pods',
      '/none',
    ]) {
      const answer = await ask(world.api, path, none);
      expect(answer.status).toBe(401);
      expect(JSON.parse(answer.body as string)).toMatchObject({
        kind: 'Status',
        reason: 'Unauthorized',
        message: 'Unauthorized',
        code: 401,
      });
    }
  });

  it('lets strangers join, with what their proof is bound to', async () => {
    const answer = await ask(world.api, '/kith.dev/v1/join', none, { method: 'POST', body: '{"token":"x"}' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body as string)).toMatchObject({ body: { token: 'x' }, remoteAddress: '10.0.0.9:5555' });
    expect((await ask(world.api, '/kith.dev/v1/join', none)).status).toBe(405);
    expect((await ask(world.api, '/kith.dev/v1/join/', none, { method: 'POST' })).status).toBe(401);
  });

  it('takes client certificates of administrators, and refuses others in Kubernetes’ words', async () => {
    expect((await ask(world.api, '/api/v1/pods', certificate('admin', ['system:masters']))).status).toBe(200);
    const refused = await ask(world.api, '/api/v1/namespaces/default/pods', certificate('guest', ['dev']));
    expect(JSON.parse(refused.body as string)).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: 'pods is forbidden: User "guest" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    const path = await ask(world.api, '/version', certificate('guest', []));
    expect(JSON.parse(path.body as string)).toMatchObject({ code: 403, message: 'forbidden: User "guest" cannot get path "/version"' });
    for (const name of ['peers', 'doctor'])
      expect((await ask(world.api, `/kith.dev/v1/${name}`, certificate('guest', []))).status).toBe(403);
  });

  it('no longer takes a certificate that does not count', async () => {
    const strict = new Api(
      { ...world.deps, certificateCounts: (fingerprint) => fingerprint !== 'print-removed' },
      { kithVersion: '0.1.0' },
    );
    expect((await ask(strict, '/version', certificate('removed', ['system:masters']))).status).toBe(401);
    expect((await ask(strict, '/version', certificate('kept', ['system:masters']))).status).toBe(200);
  });

  it('takes bearer tokens', async () => {
    const as = (token: string) => ask(world.api, '/api/v1/pods', none, { headers: { authorization: `Bearer ${token}` } });
    expect((await as('admin-token')).status).toBe(200);
    expect((await as('guest-token')).status).toBe(403);
    expect((await as('wrong')).status).toBe(401);
    expect((await as('x'.repeat(10_000))).status).toBe(401);
  });
});

describe('what is served', () => {
  it('is told by discovery, resource by resource', async () => {
    expect((await world.call('GET', '/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const groups = (await world.call('GET', '/apis')).body['groups'] as { name: string; preferredVersion: { groupVersion: string } }[];
    expect(groups.find(({ name }) => name === 'apps')?.preferredVersion.groupVersion).toBe('apps/v1');
    const core = (await world.call('GET', '/api/v1')).body['resources'] as {
      name: string;
      kind: string;
      group?: string;
      verbs: string[];
    }[];
    expect(core.find(({ name }) => name === 'pods')).toMatchObject({
      kind: 'Pod',
      namespaced: true,
      shortNames: ['po'],
      categories: ['all'],
      singularName: 'pod',
    });
    expect(core.find(({ name }) => name === 'pods/log')).toMatchObject({ verbs: ['get'] });
    const apps = (await world.call('GET', '/apis/apps/v1')).body['resources'] as typeof core;
    expect(apps.find(({ name }) => name === 'deployments/scale')).toMatchObject({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
    expect((await world.call('GET', '/apis/apps')).body).toMatchObject({ kind: 'APIGroup', name: 'apps' });
  });

  it('is told in one piece to clients that ask for it', async () => {
    for (const version of ['v2', 'v2beta1']) {
      const accept = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`;
      const answer = await world.call('GET', '/apis', undefined, { accept });
      expect(answer.headers['content-type']).toContain(`v=${version};as=APIGroupDiscoveryList`);
      const items = answer.body.items as unknown as {
        metadata: { name: string };
        versions: { resources: { resource: string; subresources: unknown[] }[] }[];
      }[];
      const apps = items.find(({ metadata }) => metadata.name === 'apps');
      expect(apps?.versions[0]?.resources.map(({ resource }) => resource)).toContain('deployments');
    }
  });

  it('names every kind of the registry, and its older apiVersions without short names', async () => {
    for (const kind of allKinds()) {
      for (const apiVersion of [
        kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
        ...(kind.aliases ?? []).map((alias) => alias.apiVersion),
      ]) {
        const url = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
        const resources = (await world.call('GET', url)).body['resources'] as { name: string; shortNames?: string[] }[];
        const found = resources.find(({ name }) => name === kind.plural);
        expect(found, `${apiVersion} ${kind.plural}`).toBeDefined();
        if (apiVersion.startsWith('extensions/')) expect(found?.shortNames).toBeUndefined();
      }
    }
  });

  it('has a version, health, and OpenAPI documents', async () => {
    expect((await world.call('GET', '/version')).body).toMatchObject({ major: '1', kith: '0.1.0', wire: 1 });
    for (const path of ['/healthz', '/livez', '/readyz', '/readyz/ping']) expect((await world.call('GET', path)).text).toBe('ok');
    const index = (await world.call('GET', '/openapi/v3')).body['paths'] as Record<string, { serverRelativeURL: string }>;
    const url = index['apis/apps/v1']?.serverRelativeURL ?? '';
    const document = await world.call('GET', url);
    expect(document.headers['cache-control']).toContain('immutable');
    expect(document.body['paths']).toHaveProperty('/apis/apps/v1/namespaces/{namespace}/deployments/{name}');
    const v2 = await world.call('GET', '/openapi/v2');
    expect(v2.headers['content-type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
  });

  it('says what keeps it from being ready', async () => {
    const api = new Api({ ...world.deps, unready: () => ['desired state is not complete yet'] }, { kithVersion: '0.1.0' });
    const ready = await ask(api, '/readyz', { type: 'socket' });
    expect(ready).toMatchObject({ status: 500, body: '[-]desired state is not complete yet\nnot ready\n' });
    expect((await ask(api, '/livez', { type: 'socket' })).status).toBe(200);
  });

  it('has Kith’s own endpoints', async () => {
    expect((await world.call('GET', '/kith.dev/v1/peers')).body).toMatchObject({ cluster: 'c', complete: true });
    expect((await world.call('GET', '/kith.dev/v1/doctor?node=b')).body).toEqual({ by: 'b', nodes: [], findings: [] });
    expect((await world.call('GET', '/kith.dev/v1/conflicts')).body).toEqual({ conflicts: [], quarantined: [] });
    expect((await world.call('GET', '/kith.dev/v1/digest')).body).toEqual({ digest: 'd', count: 0 });
    expect((await world.call('GET', '/kith.dev/v1/digest?objects=true')).body).toEqual({ digest: 'd', count: 0, objects: {} });
    expect((await world.call('GET', '/kith.dev/v1/manifests')).body).toMatchObject({ files: [] });
    expect((await world.call('POST', '/kith.dev/v1/tokens', { ttlSeconds: 60 })).body).toMatchObject({ token: 'kith1.60' });
    expect((await world.call('POST', '/kith.dev/v1/tokens', { ttlSeconds: -1 })).body.code).toBe(400);
    expect((await world.call('DELETE', '/kith.dev/v1/peers')).body.code).toBe(405);
    expect((await world.call('GET', '/kith.dev/v1/none')).body.code).toBe(404);
  });

  it('says an inner failure as a Status, without stopping', async () => {
    const api = new Api(
      {
        ...world.deps,
        unready: () => {
          throw new Error('boom');
        },
      },
      { kithVersion: '0.1.0' },
    );
    const answer = await ask(api, '/readyz', { type: 'socket' });
    expect(JSON.parse(answer.body as string)).toMatchObject({
      code: 500,
      reason: 'InternalError',
      message: 'Internal error occurred: boom',
    });
  });
});
