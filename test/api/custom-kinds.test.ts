import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cronTabs } from '../protocol/kinds/custom/cron-tabs.ts';
import { type ApiWorld, apiWorld } from './support/world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const tabs = (version = 'v1') => `/apis/stable.example.com/${version}/namespaces/default/crontabs`;
const merge = { 'content-type': 'application/merge-patch+json' };
const tab = (name: string, spec: object = { cronSpec: '* * * * *' }) => ({ metadata: { name }, spec });

async function define() {
  expect((await world.call('POST', definitions, cronTabs())).status).toBe(201);
}

describe('a custom kind', () => {
  it('is served from when it is defined: discovery, OpenAPI, objects', async () => {
    expect((await world.call('GET', tabs())).status).toBe(404);
    await define();
    expect((await world.call('GET', '/apis/stable.example.com')).body).toMatchObject({
      preferredVersion: { version: 'v1' },
      versions: [{ version: 'v1' }, { version: 'v1beta1' }],
    });
    const resources = (await world.call('GET', '/apis/stable.example.com/v1')).body['resources'];
    expect(resources).toMatchObject([{ name: 'crontabs', shortNames: ['ct'] }, { name: 'crontabs/status' }, { name: 'crontabs/scale' }]);
    expect((await world.call('GET', '/openapi/v3')).text).toContain('apis/stable.example.com/v1');

    expect((await world.call('POST', tabs(), tab('a'))).body).toMatchObject({
      apiVersion: 'stable.example.com/v1',
      kind: 'CronTab',
      spec: { replicas: 1 },
    });
    const old = await world.call('POST', tabs('v1beta1'), tab('b'));
    expect(old.body).toMatchObject({ apiVersion: 'stable.example.com/v1beta1' });
    expect(old.headers['warning']).toContain('is deprecated');
    const listed = await world.call('GET', tabs());
    expect(listed.body.items.map(({ apiVersion, metadata }) => [apiVersion, metadata.name])).toEqual([
      ['stable.example.com/v1', 'a'],
      ['stable.example.com/v1', 'b'],
    ]);
    const table = await world.call('GET', tabs(), undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    expect((table.body['columnDefinitions'] as { name: string }[]).map(({ name }) => name)).toEqual(['Name', 'Spec', 'Replicas', 'Age']);
  });

  it('is validated and pruned', async () => {
    await define();
    expect((await world.call('POST', tabs(), tab('a', { cronSpec: 1 }))).body).toMatchObject({
      code: 422,
      message: expect.stringContaining('spec.cronSpec in body must be of type string') as unknown,
    });
    const pruned = await world.call('POST', tabs(), tab('a', { cronSpec: '*', typo: 1, any: { kept: true } }));
    expect(pruned.body['spec']).toEqual({ cronSpec: '*', replicas: 1, any: { kept: true } });
    expect(pruned.headers['warning']).toContain('unknown field \\"spec.typo\\"');
    expect((await world.call('POST', `${tabs()}?fieldValidation=Strict`, tab('b', { cronSpec: '*', typo: 1 }))).status).toBe(400);
  });

  it('has the subresources that it asks for', async () => {
    await define();
    await world.call('POST', tabs(), { ...tab('a'), status: { replicas: 9 } });
    expect((await world.call('GET', `${tabs()}/a`)).body['status']).toBeUndefined();
    expect(
      (await world.call('PATCH', `${tabs()}/a/status`, { status: { replicas: 2, typo: 1 }, spec: { replicas: 7 } }, merge)).body,
    ).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 2 } });
    const scaled = await world.call('PATCH', `${tabs()}/a/scale`, { spec: { replicas: 4 } }, merge);
    expect(scaled.body).toMatchObject({ kind: 'Scale', spec: { replicas: 4 }, status: { replicas: 2 } });
    expect((await world.call('GET', `${tabs()}/a`)).body).toMatchObject({ spec: { replicas: 4 }, status: { replicas: 2 } });
  });

  it('can be watched', async () => {
    await define();
    const watch = await world.open(`${tabs()}?watch=true`);
    await world.call('POST', tabs(), tab('a'));
    expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { kind: 'CronTab', metadata: { name: 'a' } } });
    watch.close();
  });

  it('takes no new objects while its definition goes', async () => {
    await define();
    await world.call('POST', tabs(), tab('a'));
    const going = await world.call('DELETE', `${definitions}/crontabs.stable.example.com`);
    expect(going.body.metadata['deletionTimestamp']).toBeDefined();
    expect((await world.call('POST', tabs(), tab('b'))).body).toMatchObject({
      code: 405,
      message: expect.stringContaining('is terminating') as unknown,
    });
    expect((await world.call('GET', `${tabs()}/a`)).status).toBe(200);
  });
});
