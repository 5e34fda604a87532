import { expect, it } from 'vitest';
import { apiWorld, podManifest } from './support/world.ts';

it('objects are taken in a namespace that every cluster has, before the leader has made it', async () => {
  const world = await apiWorld();
  try {
    expect((await world.call('GET', '/api/v1/namespaces/kube-public')).status).toBe(404);
    expect((await world.call('POST', '/api/v1/namespaces/kube-public/pods', podManifest('web'))).status).toBe(201);
    expect((await world.call('POST', '/api/v1/namespaces/kube-other/pods', podManifest('web'))).status).toBe(404);
  } finally {
    await world.stop();
  }
});
