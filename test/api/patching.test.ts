import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../protocol/objects.ts';
import { type ApiWorld, apiWorld, deploymentManifest } from './support/world.ts';

const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const MERGE = { 'content-type': 'application/merge-patch+json' };

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

describe('patching in the ways of Kubernetes', () => {
  const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
  const applying = { 'content-type': 'application/apply-patch+yaml' };
  const managers = (object: Record<string, unknown>): unknown =>
    ((object['metadata'] as KubeObject['metadata']).managedFields as { manager: string; operation: string; subresource?: string }[]).map(
      ({ manager, operation, subresource = '' }) => `${manager} ${operation} ${subresource}`.trim(),
    );

  it('merges lists by their keys, and fills in defaults again', async () => {
    await world.call('POST', DEPLOYMENTS, deploymentManifest('web'));
    const patch = {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'web', image: 'nginx:2', imagePullPolicy: null },
              { name: 'side', image: 'x:1' },
            ],
          },
        },
      },
    };
    const { body } = await world.call('PATCH', `${DEPLOYMENTS}/web`, patch, strategic);
    expect(body['spec']).toMatchObject({
      template: { spec: { containers: [{ name: 'web', image: 'nginx:2', imagePullPolicy: 'IfNotPresent' }, { name: 'side' }] } },
    });
    const bad = { spec: { template: { spec: { containers: [{ image: 'y' }] } } } };
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, bad, strategic)).body).toMatchObject({ code: 400, reason: 'BadRequest' });
  });

  it('creates what is applied and is not there, tells who owns what, and refuses to take it from them', async () => {
    const { spec, ...rest } = deploymentManifest('web') as { spec: object };
    const url = `${DEPLOYMENTS}/web?fieldManager=one`;
    const made = await world.call('PATCH', url, { ...rest, spec }, applying);
    expect(made.status).toBe(201);
    expect(managers(made.body)).toEqual(['one Apply']);
    const again = await world.call('PATCH', url, { ...rest, spec }, applying);
    expect(again.body.metadata['resourceVersion']).toBe(made.body.metadata['resourceVersion']);
    const scaled = await world.call('PATCH', `${DEPLOYMENTS}/web/scale?fieldManager=scaler`, { spec: { replicas: 7 } }, MERGE);
    expect(scaled.status).toBe(200);
    expect(managers((await world.call('GET', `${DEPLOYMENTS}/web`)).body)).toEqual(['one Apply', 'scaler Update scale']);
    const clash = await world.call('PATCH', url, { ...rest, spec }, applying);
    expect(clash.body).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas',
      details: {
        causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas', message: expect.stringContaining('scaler') as string }],
      },
    });
    const forced = await world.call('PATCH', `${url}&force=true`, { ...rest, spec }, applying);
    expect(managers(forced.body)).toEqual(['one Apply']);
    expect(forced.body['spec']).toMatchObject({ replicas: 2 });
  });

  it('wants a manager for an apply, a configuration without owners, and known fields', async () => {
    const manifest = deploymentManifest('web');
    expect((await world.call('PATCH', `${DEPLOYMENTS}/web`, manifest, applying)).body.message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
    const url = `${DEPLOYMENTS}/web?fieldManager=one&fieldValidation=Strict`;
    const owned = { ...manifest, metadata: { name: 'web', managedFields: [] } };
    expect((await world.call('PATCH', url, owned, applying)).body.message).toBe('metadata.managedFields must be nil');
    expect((await world.call('PATCH', url, { ...manifest, spice: 1 }, applying)).body.message).toContain('unknown field "spice"');
    expect((await world.call('PATCH', url, { metadata: { name: 'other' } }, applying)).body.code).toBe(400);
  });

  it('writes nothing in a dry run, whatever the patch', async () => {
    await world.call('POST', DEPLOYMENTS, deploymentManifest('web'));
    const before = world.desired.batches.length;
    const patch = { metadata: { labels: { dry: 'run' } } };
    for (const type of [strategic, MERGE]) {
      const answer = await world.call('PATCH', `${DEPLOYMENTS}/web?dryRun=All`, patch, type);
      expect(answer.body.metadata['labels']).toEqual({ dry: 'run' });
    }
    const applied = { ...deploymentManifest('new'), ...{ metadata: { name: 'new', labels: { dry: 'run' } } } };
    expect((await world.call('PATCH', `${DEPLOYMENTS}/new?dryRun=All&fieldManager=x`, applied, applying)).status).toBe(201);
    expect(world.desired.batches).toHaveLength(before);
  });

  it('tells of fields that were written twice, and refuses them where it is asked to be strict', async () => {
    const text = JSON.stringify(deploymentManifest('web')).replace('"replicas":2', '"replicas":2,"replicas":3');
    const strict = await world.call('POST', `${DEPLOYMENTS}?fieldValidation=Strict`, text);
    expect(strict.body).toMatchObject({
      code: 400,
      message: expect.stringContaining('strict decoding error: duplicate field "spec.replicas"') as string,
    });
    const warned = await world.call('POST', DEPLOYMENTS, text);
    expect([warned.status, warned.headers['warning']]).toEqual([201, '299 - "duplicate field \\"spec.replicas\\""']);
  });

  it('lets a client forget all owners', async () => {
    const made = await world.call('POST', DEPLOYMENTS, deploymentManifest('web'));
    expect(managers(made.body)).toEqual(['unknown Update']);
    const reset = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }];
    const { body } = await world.call('PATCH', `${DEPLOYMENTS}/web`, reset, { 'content-type': 'application/json-patch+json' });
    expect(body.metadata['managedFields']).toBeUndefined();
  });
});
