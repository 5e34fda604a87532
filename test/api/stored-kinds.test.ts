import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiWorld, apiWorld } from './support/world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

const hpas = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
const services = '/api/v1/namespaces/default/services';
const merge = { 'content-type': 'application/merge-patch+json' };

describe('a kind with two versions', () => {
  it('is written and read in either, and is one object', async () => {
    const spec = {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 3,
      targetCPUUtilizationPercentage: 50,
    };
    const made = await world.call('POST', hpas('v1'), { metadata: { name: 'web' }, spec });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ apiVersion: 'autoscaling/v1', spec });
    expect(made.headers['warning']).toBeUndefined();
    const other = await world.call('GET', `${hpas('v2')}/web`);
    expect(other.body).toMatchObject({ apiVersion: 'autoscaling/v2', metadata: { uid: made.body.metadata['uid'] } });
    expect(other.text).toContain('"averageUtilization":50');

    const patched = await world.call('PATCH', `${hpas('v1')}/web`, { spec: { targetCPUUtilizationPercentage: 60 } }, merge);
    expect(patched.body).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { ...spec, targetCPUUtilizationPercentage: 60 } });
    expect((await world.call('GET', `${hpas('v2')}/web`)).text).toContain('"averageUtilization":60');
    const listed = await world.call('GET', hpas('v1'));
    expect(listed.body.items.map(({ apiVersion }) => apiVersion)).toEqual(['autoscaling/v1']);
    const unknown = await world.call('PATCH', `${hpas('v1')}/web?fieldValidation=Strict`, { spec: { metrics: [] } }, merge);
    expect(unknown.status).toBe(400);
  });

  it('answers clients of an older version in that version where they know no other', async () => {
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'x' } } };
    const old = { apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget', metadata: { name: 'x' }, spec };
    const at = (version: string): string => `/apis/policy/${version}/namespaces/default/poddisruptionbudgets`;
    expect((await world.call('POST', at('v1beta1'), old)).body).toMatchObject({ apiVersion: 'policy/v1beta1', spec });
    expect((await world.call('GET', `${at('v1')}/x`)).body).toMatchObject({ apiVersion: 'policy/v1', spec });
    expect((await world.call('GET', at('v1beta1'))).body).toMatchObject({
      apiVersion: 'policy/v1beta1',
      items: [{ apiVersion: 'policy/v1beta1' }],
    });
  });
});

describe('a Service', () => {
  it('gets an address that no other has, and keeps it', async () => {
    const manifest = (name: string) => ({ metadata: { name }, spec: { ports: [{ port: 80 }] } });
    const made = await world.call('POST', services, manifest('web'));
    const address = (made.body['spec'] as { clusterIP: string }).clusterIP;
    expect(address).toMatch(/^10\./);
    const taken = await world.call('POST', services, { metadata: { name: 'b' }, spec: { clusterIP: address, ports: [{ port: 80 }] } });
    expect(taken.body).toMatchObject({ code: 422, message: expect.stringContaining('provided IP is already allocated') as unknown });
    const put = await world.call('PUT', `${services}/web`, {
      metadata: { name: 'web', labels: { a: 'b' } },
      spec: { ports: [{ port: 81 }] },
    });
    expect(put.body).toMatchObject({ metadata: { labels: { a: 'b' } }, spec: { clusterIP: address, ports: [{ port: 81 }] } });
  });

  it('has a status that clients write: of what they send nothing else is taken', async () => {
    await world.call('POST', services, {
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      status: { x: 1 },
    });
    expect((await world.call('GET', `${services}/web`)).body['status']).toBeUndefined();
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    const written = await world.call('PATCH', `${services}/web/status`, { metadata: { labels: { a: 'b' } }, status }, merge);
    expect(written.body).toMatchObject({ status, spec: { type: 'LoadBalancer' } });
    expect(written.body.metadata['labels']).toBeUndefined();
    const put = await world.call('PUT', `${services}/web`, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] }, status: {} });
    expect(put.body).toMatchObject({ status, spec: { type: 'ClusterIP' } });
    const deployments = await world.call('PATCH', '/apis/apps/v1/namespaces/default/deployments/x/status', {}, merge);
    expect(deployments.body).toMatchObject({ code: 405, message: expect.stringContaining('peers derive') as unknown });
  });
});
