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

describe('a wrong value', () => {
  it('is answered as kubectl expects it: each cause with its field and reason, in the order in which Kubernetes looks', async () => {
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    const answer = await world.call('POST', deployments, { metadata: { name: 'web' }, spec: { replicas: -1 } });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({
      status: 'Failure',
      reason: 'Invalid',
      message:
        'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]',
      details: {
        name: 'web',
        group: 'apps',
        kind: 'Deployment',
        causes: [
          { reason: 'FieldValueInvalid', message: 'Invalid value: -1: must be greater than or equal to 0', field: 'spec.replicas' },
          { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' },
          {
            reason: 'FieldValueInvalid',
            message: 'Invalid value: null: `selector` does not match template `labels`',
            field: 'spec.template.metadata.labels',
          },
          { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.template.spec.containers' },
        ],
      },
    });
  });

  it('of a name that a new Service or StatefulSet can not have is refused, whoever else may', async () => {
    const answer = await world.call('POST', services, { metadata: { name: '1web' }, spec: { ports: [{ port: 80 }] } });
    expect(answer.body).toMatchObject({ code: 422, details: { causes: [{ field: 'metadata.name' }] } });
    expect((await world.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: '1web' } })).status).toBe(201);
  });
});

describe('a Service that changes its type', () => {
  it('gives up what the new type can not have', async () => {
    const made = await world.call('POST', services, { metadata: { name: 'web' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } });
    expect(made.body).toMatchObject({ spec: { externalTrafficPolicy: 'Cluster', ports: [{ nodePort: expect.any(Number) as number }] } });
    const inside = await world.call('PATCH', `${services}/web`, { spec: { type: 'ClusterIP' } }, merge);
    expect(inside.status).toBe(200);
    expect(inside.text).not.toMatch(/nodePort|externalTrafficPolicy/);
    const named = await world.call('PATCH', `${services}/web`, { spec: { type: 'ExternalName', externalName: 'db.example.com' } }, merge);
    expect(named.status).toBe(200);
    expect(named.text).not.toMatch(/clusterIP|ipFamil/);
  });
});
