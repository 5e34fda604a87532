import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ApiWorld, apiWorld } from './support/world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(async () => {
  await world.stop();
});

it('lists by the fields that upstream names, whatever objects call them', async () => {
  const services = '/api/v1/namespaces/default/services';
  for (const type of ['ClusterIP', 'NodePort'])
    await world.call('POST', services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: type.toLowerCase() },
      spec: { type, ports: [{ port: 80 }] },
    });
  const names = async (url: string): Promise<string[]> => (await world.call('GET', url)).body.items.map(({ metadata }) => metadata.name);
  expect(await names(`${services}?fieldSelector=spec.type%3DNodePort`)).toEqual(['nodeport']);
  expect(await names(`${services}?fieldSelector=spec.clusterIP%3DNone`)).toEqual([]);
  const jobs = '/apis/batch/v1/namespaces/default/jobs';
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox' }] } };
  await world.call('POST', jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'pi' }, spec: { template } });
  // What has not succeeded yet has succeeded no times.
  expect(await names(`${jobs}?fieldSelector=status.successful%3D0`)).toEqual(['pi']);
  expect(await names(`${jobs}?fieldSelector=status.successful%3D1`)).toEqual([]);
});
